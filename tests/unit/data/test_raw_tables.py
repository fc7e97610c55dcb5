"""Raw pictures are written in row groups of bounded size, and read in their order."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from digits.data import dataset, raw_tables
from digits.data.raw_tables import Example
from digits.errors import UserError
from tests.raw import RULE, example, read_raw


def examples(count: int) -> list[Example]:
    return [
        example("test" if i % 3 == 0 else "train", bytes([i % 256]) * (i % 7), f"{i}.png", i % 10) for i in range(count)
    ]


def test_raw_examples_are_read_in_order_and_unchanged(tmp_path):
    given = examples(2500)  # more than two row groups
    assert raw_tables.write_raw(iter(given), RULE, tmp_path / "raw") == {"train": 1666, "validation": 0, "test": 834}
    assert raw_tables.raw_splits(tmp_path / "raw") == ["train", "validation", "test"]
    for split in ("train", "test"):
        assert list(read_raw(split, tmp_path / "raw")) == [one for one in given if one.split == split]


def test_raw_files_follow_hugging_faces_convention(tmp_path):
    raw_tables.write_raw(examples(10), RULE, tmp_path / "raw")
    schema = pq.read_schema(tmp_path / "raw" / "train.parquet")
    assert str(schema.field("image").type) == "struct<bytes: binary, path: string>"
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"]["names"] == list("0123456789")


def test_the_same_examples_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        raw_tables.write_raw(examples(1200), RULE, tmp_path / name)
    for split in ("train", "test"):
        one, two = ((tmp_path / name / f"{split}.parquet").read_bytes() for name in ("one", "two"))
        assert one == two


def group_sizes(path: Path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]


def of_bytes(*sizes: int, split: str = "train") -> list[Example]:
    return [example(split, bytes(size), f"{row}.png", row % 10) for row, size in enumerate(sizes)]


def test_a_row_group_is_closed_by_its_rows(tmp_path):
    raw_tables.write_raw(examples(2500), RULE, tmp_path)
    assert group_sizes(tmp_path / "train.parquet") == [1000, 666]
    assert group_sizes(tmp_path / "test.parquet") == [834]


def test_a_row_group_is_closed_by_its_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_tables, "BYTES_PER_GROUP", 100)
    given = of_bytes(60, 39, 1, 99, 99, 500, 0, 1)
    raw_tables.write_raw(given, RULE, tmp_path)
    assert group_sizes(tmp_path / "train.parquet") == [3, 2, 1, 2]
    assert list(read_raw("train", tmp_path)) == given


def test_each_split_fills_row_groups_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_tables, "BYTES_PER_GROUP", 100)
    one, other = of_bytes(60, 60, 60, 60), of_bytes(30, 30, 30, 30, split="test")
    raw_tables.write_raw([example for pair in zip(one, other, strict=True) for example in pair], RULE, tmp_path)
    assert group_sizes(tmp_path / "train.parquet") == [2, 2]
    assert group_sizes(tmp_path / "test.parquet") == [4]


@pytest.fixture
def in_row_groups(tmp_path, monkeypatch) -> tuple[Path, list[Example]]:
    """Raw data in row groups of at most three rows, seven of train and four of test, and its examples."""
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 3)
    given = [example(split, bytes([row]), f"{split} {row}", row) for split in ("test", "train") for row in range(7)]
    given = [example for example in given if example.split == "train" or example.label < 4]
    raw_tables.write_raw(given, RULE, tmp_path / "raw")
    return tmp_path / "raw", given


def test_row_groups_are_in_the_order_of_the_rows(in_row_groups):
    folder, given = in_row_groups
    found = raw_tables.row_groups(folder)
    assert [(group.split, group.group, group.first_row, group.rows) for group in found] == [
        ("train", 0, 0, 3),
        ("train", 1, 3, 3),
        ("train", 2, 6, 1),
        ("test", 0, 0, 3),
        ("test", 1, 3, 1),
    ]
    read = [example for group in found for example in raw_tables.read_row_group(group)]
    assert read == [one for one in given if one.split == "train"] + [one for one in given if one.split == "test"]
    assert [dataset.count_rows(folder / f"{split}.parquet") for split in ("train", "test")] == [7, 4]


def test_the_workload_of_a_photograph_is_by_its_bytes(tmp_path):
    raw_tables.write_raw([example("train", bytes([n]) * 10, "small", 0) for n in range(5)], RULE, tmp_path / "small")
    noise = np.random.default_rng(0).bytes(1_000_000)
    raw_tables.write_raw([example("train", noise, "large", 0)] * 5, RULE, tmp_path / "large")
    assert raw_tables.workload(raw_tables.row_groups(tmp_path / "small")) == 5
    assert raw_tables.workload(raw_tables.row_groups(tmp_path / "large")) > 400


@pytest.mark.parametrize("wanted", [set(), {6}, {0, 2}, {5, 3, 6}, set(range(7))])
def test_read_rows_gives_the_wanted_rows(in_row_groups, wanted):
    folder, given = in_row_groups
    rows = {example.label: example for example in given if example.split == "train"}  # a label is its row here
    assert raw_tables.read_rows(folder / "train.parquet", "train", wanted) == {row: rows[row] for row in wanted}
    with (folder / "train.parquet").open("rb") as file:
        assert raw_tables.read_rows([file], "train", wanted) == {row: rows[row] for row in wanted}


def test_read_rows_reads_no_other_row_group_than_those_of_the_wanted_rows(in_row_groups):
    folder, _ = in_row_groups
    path = folder / "train.parquet"
    metadata = pq.read_metadata(path)
    first = metadata.row_group(0).column(0)
    damaged = bytearray(path.read_bytes())
    start = first.dictionary_page_offset or first.data_page_offset
    damaged[start : start + first.total_compressed_size] = bytes(first.total_compressed_size)
    path.write_bytes(damaged)
    assert set(raw_tables.read_rows(path, "train", {4, 6})) == {4, 6}
    assert set(raw_tables.read_rows([str(path), "not opened"], "train", {4, 6})) == {4, 6}
    with pytest.raises(UserError, match=r"train.parquet is damaged: .* page header failed"):
        raw_tables.read_rows(path, "train", {0})


def test_an_error_of_a_source_leaves_the_last_data_unchanged(tmp_path):
    folder = tmp_path / "raw"
    raw_tables.write_raw(examples(10), RULE, folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def failing():
        yield from examples(1500)
        raise RuntimeError("connection lost")

    with pytest.raises(RuntimeError):
        raw_tables.write_raw(failing(), RULE, folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in Path(tmp_path).iterdir()] == ["raw"]


def test_raw_pictures_of_version_02_which_have_no_hashes_are_read(tmp_path):
    """`digits data diff` shows pictures of an older revision."""
    raw_tables.write_raw(examples(10), RULE, tmp_path / "raw")
    path = tmp_path / "raw" / "train.parquet"
    with_hashes = pq.read_table(path)
    pq.write_table(with_hashes.drop_columns("sha256"), path)
    first = raw_tables.read_rows(path, "train", {0})[0]
    assert (first.data, first.sha256) == (with_hashes["image"][0]["bytes"].as_py(), b"")


@pytest.mark.parametrize("read", [raw_tables.raw_splits, raw_tables.row_groups])
def test_a_missing_folder_is_named(read, tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        read(tmp_path / "raw")
    assert caught.value.filename == str(tmp_path / "raw")

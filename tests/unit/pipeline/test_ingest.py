"""Ingest assigns each picture its split by its content, whatever other pictures there are."""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from digits import paths
from digits.data import dataset, pictures, raw_tables, sources, splits
from digits.data.sources import SourcePicture
from digits.data.statistics import row_group_statistics
from digits.errors import UserError
from digits.params import load
from digits.validation.duplicates import also_in_split, near_duplicate_of
from pipeline import ingest
from tests.raw import read_raw, set_params


def place(digits, rows: range, folder: Path = paths.EXTERNAL) -> None:
    """Write real digits in the user's folder: rows of those of each label."""
    for label in range(10):
        (folder / str(label)).mkdir(parents=True, exist_ok=True)
        of = digits.images[digits.labels == label]
        for row in rows:
            (folder / str(label) / f"{row:03d}.png").write_bytes(pictures.encode_png(of[row]))


@pytest.fixture
def external(workspace, mnist_digits) -> Path:
    """300 real digits, and of every tenth a dimmed and an enlarged copy."""
    set_params("ingest", sources=["folder"])
    place(mnist_digits, range(30))
    for number, path in enumerate(sorted(paths.EXTERNAL.glob("*/*0.png"))):
        pixels = pictures.decode(path.read_bytes()).pixels
        path.with_name(f"dimmed {number}.png").write_bytes(pictures.encode_png(pixels // 2))
        large = np.ascontiguousarray(np.kron(pixels, np.ones((2, 2), np.uint8)))
        path.with_name(f"large {number}.png").write_bytes(pictures.encode_png(large))
    return paths.EXTERNAL


def assigned() -> dict[bytes, str]:
    """Ingest, and return the split of each picture by its hash, and of its path where it is no original."""
    ingest.main()
    return {one.sha256: split for split in dataset.SPLITS for one in read_raw(split)}


def test_adding_removing_and_renaming_a_tenth_moves_no_other_picture(external, mnist_digits):
    before = assigned()
    assert len(before) == 360
    random = np.random.default_rng(0)
    files = sorted(path for path in external.glob("*/*") if path.name[0].isdigit() and not path.name.endswith("0.png"))
    removed, renamed = np.split(random.choice(files, 60, replace=False), 2)
    gone = {pictures.pixel_digest(path.read_bytes()) for path in removed}
    for path in removed:
        path.unlink()
    for path in renamed:
        path.rename(path.with_name(f"A {path.name}"))
    place(mnist_digits, range(30, 33))
    after = assigned()
    assert len(after) == 360
    assert gone & after.keys() == set()
    assert {digest: split for digest, split in after.items() if digest in before} == {
        digest: split for digest, split in before.items() if digest not in gone
    }


def test_the_same_picture_in_another_file_draws_the_same(external):
    before = assigned()
    for path in external.glob("*/*1.png"):
        path.with_suffix(".bmp").write_bytes(encoded(path, ".bmp"))
        path.unlink()
    assert assigned() == before


def encoded(path: Path, suffix: str) -> bytes:
    import cv2

    return cv2.imencode(suffix, pictures.decode(path.read_bytes()).pixels)[1].tobytes()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_order_of_the_source_and_the_row_groups_size_do_not_matter(external, monkeypatch, seed):
    set_params("ingest", seed=seed)
    before = assigned()
    given = list(sources.source_pictures(load().ingest))
    order = np.random.default_rng(seed).permutation(len(given))
    monkeypatch.setitem(sources.SOURCES, "folder", lambda params: iter([given[row] for row in order]))
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 7)
    assert assigned() == before


def test_near_duplicates_share_a_split_and_never_fail_their_own_check(external):
    ingest.main()
    table = pd.concat(map(row_group_statistics, raw_tables.row_groups()), ignore_index=True).assign(name="x")
    assert also_in_split(table).isna().all()
    assert near_duplicate_of(table, load().ingest.near_duplicate_distance).isna().all()
    apart = table.assign(split=np.array(dataset.SPLITS)[np.arange(len(table)) % 3])
    assert near_duplicate_of(apart, load().ingest.near_duplicate_distance).notna().sum() > 30


def test_every_row_has_its_hash_and_every_file_its_rule(external, capsys):
    ingest.main()
    printed = capsys.readouterr().out
    rows = {split: dataset.count_rows(paths.RAW / f"{split}.parquet") for split in dataset.SPLITS}
    counts = ", ".join(f"{count} {split}" for split, count in rows.items())
    assert f"ingested 360 pictures from folder: {counts}\n" in printed
    others = rows["train"] + rows["validation"]
    shares = (
        f"{rows['test'] / 360:.1%} test (ingest.test_fraction: 20.0%), {rows['validation'] / others:.1%} of the others"
    )
    assert f"drawn by seed 0: {shares} validation (ingest.validation_fraction: 10.0%)\n" in printed
    for split in dataset.SPLITS:
        for one in read_raw(split):
            assert one.sha256 == pictures.pixel_digest(one.data)
            assert one.data == Path(one.path).read_bytes()
        rule = dataset.decode_rule(pq.read_schema(paths.RAW / f"{split}.parquet"))
        assert rule == splits.rule(load().ingest)
    assert not list(paths.RAW.parent.glob(".partial*"))
    assert {path.name for path in paths.RAW.iterdir()} == {f"{split}.parquet" for split in dataset.SPLITS}


@pytest.fixture
def published(workspace, mnist_digits, monkeypatch) -> list[SourcePicture]:
    """A source that publishes 50 digits as its test set, and the others, two twins of test pictures too, to train."""
    encode = pictures.encode_png
    test = [
        SourcePicture(encode(image), f"test/{row}", 0, "test") for row, image in enumerate(mnist_digits.images[:50])
    ]
    train = [SourcePicture(encode(i), f"train/{row}", 0, "train") for row, i in enumerate(mnist_digits.images[50:400])]
    twin = SourcePicture(test[3].data, "train/twin", 0, "train")
    dimmed = SourcePicture(encode(mnist_digits.images[4] // 2), "train/dimmed", 0, "train")
    given = [twin, *train, *test, dimmed]
    monkeypatch.setitem(sources.SOURCES, "published", lambda params: iter(given))
    set_params("ingest", sources=["published"])
    return given


def test_a_published_test_set_stays_and_its_twins_in_training_are_dropped_and_listed(published, capsys):
    ingest.main()
    assert [one.path for one in read_raw("test")] == [f"test/{row}" for row in range(50)]
    learned = [one.path for split in ("train", "validation") for one in read_raw(split)]
    assert sorted(learned) == sorted(
        one.path for one in published if one.path[6:].isdigit() and one.path[:5] == "train"
    )
    printed = capsys.readouterr().out
    assert "50 test as published, " in printed
    assert "dropped 2 pictures that are, or nearly are, a published test picture; data/raw/dropped.csv lists" in printed
    with paths.DROPPED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["test_picture"]) for row in rows] == [
        ("train/twin", "test/3"),
        ("train/dimmed", "test/4"),
    ]
    assert rows[0]["sha256"] == pictures.pixel_digest(published[0].data).hex()


def test_an_added_folder_takes_nothing_from_a_published_test_set(published, mnist_digits, monkeypatch, capsys):
    """The folder has copies, dimmed copies and enlarged copies of ten test pictures, and 100 digits of its own."""
    copies = [pictures.decode(one.data).pixels for one in published if one.published == "test"][:10]
    large = [np.ascontiguousarray(np.kron(image, np.ones((2, 2), np.uint8))) for image in copies]
    twins = [*copies, *(image // 2 for image in copies), *large]
    own = mnist_digits.images[1000:1100]
    given = [SourcePicture(pictures.encode_png(image), f"mine/{row}", 0) for row, image in enumerate([*twins, *own])]
    monkeypatch.setitem(sources.SOURCES, "mine", lambda params: iter(given))
    for order in (["published", "mine"], ["mine", "published"]):
        set_params("ingest", sources=order)
        ingest.main()
        test = [(one.source, one.path) for one in read_raw("test")]
        assert sorted(path for source, path in test if source == "published") == sorted(f"test/{n}" for n in range(50))
        kept = {one.path for split in dataset.SPLITS for one in read_raw(split) if one.source == "mine"}
        assert kept == {f"mine/{row}" for row in range(30, 130)}
        with paths.DROPPED.open(newline="") as file:
            dropped = {row["path"]: row["test_picture"] for row in csv.DictReader(file)}
        assert {path: dropped[path] for path in dropped if path.startswith("mine")} == {
            f"mine/{row}": f"test/{row % 10}" for row in range(30)
        }
        printed = capsys.readouterr().out
        counts = dataset.count_sources(paths.RAW)["mine"]
        assert sum(counts.values()) == 100
        assert "  mine: " + ", ".join(f"{count} {split}" for split, count in counts.items()) in printed
        share = f"{counts['test'] / 100:.1%} of those without a published side test"
        assert f"50 test as published, {share} (ingest.test_fraction: 20.0%)" in printed


def test_a_source_without_pictures_is_named_and_the_last_data_stay(external, monkeypatch):
    before = assigned()

    def nothing(params) -> Iterator[SourcePicture]:
        yield from ()

    monkeypatch.setitem(sources.SOURCES, "folder", nothing)
    with pytest.raises(UserError, match="the source folder has no pictures"):
        ingest.main()
    assert {one.sha256: split for split in dataset.SPLITS for one in read_raw(split)} == before
    assert not list(paths.RAW.parent.glob(".partial*"))


@pytest.mark.slow
def test_many_pictures_are_hashed_on_every_core_to_the_same_result(external, monkeypatch):
    before = assigned()
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 100)
    monkeypatch.setattr("digits.processes.MIN_PARALLEL_WORKLOAD", 150)
    assert assigned() == before


@pytest.mark.slow
def test_a_tenth_of_5000_pictures_changed_moves_no_other(workspace, mnist_digits):
    """The same with 5,000 pictures: 500 removed, 500 renamed, 500 added."""
    set_params("ingest", sources=["folder"])
    place(mnist_digits, range(500))
    held_back = sorted(paths.EXTERNAL.glob("*/*7.png"))
    Path("aside").mkdir()
    for path in held_back:
        shutil.move(path, Path("aside") / f"{path.parent.name} {path.name}")
    before = assigned()
    for path in paths.EXTERNAL.glob("*/*3.png"):
        path.unlink()
    for path in paths.EXTERNAL.glob("*/*4.png"):
        path.rename(path.with_name(f"z{path.name}"))
    for path in held_back:
        shutil.move(Path("aside") / f"{path.parent.name} {path.name}", path)
    after = assigned()
    common = before.keys() & after.keys()
    assert (len(before), len(after), len(common)) == (4500, 4500, 4000)
    assert sum(before[digest] != after[digest] for digest in common) == 0

"""Parquet, written and read in batches."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from digits import dataset
from digits.dataset import Digit, Example


def examples(count: int) -> list[Example]:
    return [
        Example("test" if i % 3 == 0 else "train", bytes([i % 256]) * (i % 7), f"{i}.png", i % 10) for i in range(count)
    ]


def test_raw_examples_come_back_in_order_and_to_the_byte(tmp_path):
    given = examples(2500)  # more than two row groups
    assert dataset.write_raw(iter(given), tmp_path / "raw") == {"test": 834, "train": 1666}
    assert dataset.raw_splits(tmp_path / "raw") == ["train", "test"]
    for split in ("train", "test"):
        assert list(dataset.read_raw(split, tmp_path / "raw")) == [one for one in given if one.split == split]
        labels = [one.label for one in given if one.split == split]
        assert dataset.read_raw_labels(split, tmp_path / "raw").tolist() == labels


def test_raw_files_follow_hugging_faces_convention(tmp_path):
    dataset.write_raw(examples(10), tmp_path / "raw")
    schema = pq.read_schema(tmp_path / "raw" / "train.parquet")
    assert str(schema.field("image").type) == "struct<bytes: binary, path: string>"
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"]["names"] == list("0123456789")


def test_the_same_examples_give_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        dataset.write_raw(examples(1200), tmp_path / name)
    for split in ("train", "test"):
        one, two = ((tmp_path / name / f"{split}.parquet").read_bytes() for name in ("one", "two"))
        assert one == two


def test_prepared_digits_come_back_to_the_bit(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2100, 28, 28), dtype=np.uint8)
    digits = [Digit("train" if i % 2 else "validation", image, i % 10) for i, image in enumerate(images)]
    dataset.write_prepared(iter(digits), tmp_path / "processed")
    for split, first in (("validation", 0), ("train", 1)):
        read = dataset.read_prepared(split, tmp_path / "processed")
        assert np.array_equal(read.images, images[first::2])
        assert read.labels.tolist() == [i % 10 for i in range(first, 2100, 2)]


def test_a_source_that_breaks_off_leaves_the_last_data_as_they_were(tmp_path):
    folder = tmp_path / "raw"
    dataset.write_raw(examples(10), folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def breaking():
        yield from examples(1500)
        raise RuntimeError("the line went dead")

    with pytest.raises(RuntimeError):
        dataset.write_raw(breaking(), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in Path(tmp_path).iterdir()] == ["raw"]

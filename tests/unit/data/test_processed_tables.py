"""Processed digits are read as they were written, each block a row group."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits.data import processed_tables
from digits.data.dataset import Digits
from digits.data.processed_tables import Block
from digits.errors import UserError
from tests.raw import RULE, block
from tests.unit.data.test_raw_tables import group_sizes


def blocks(images: np.ndarray, size: int) -> list[Block]:
    """Digits assigned to two splits in turn, `size` at a time."""
    starts = range(0, len(images), size)
    labels = np.arange(len(images)) % 10
    return [
        block(("train", "validation")[number % 2], Digits(images[start : start + size], labels[start : start + size]))
        for number, start in enumerate(starts)
    ]


def test_processed_digits_are_read_unchanged(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (2100, 28, 28), dtype=np.uint8)
    given = blocks(images, 300)
    assert processed_tables.write_processed(iter(given), RULE, tmp_path / "processed") == {
        "train": 1200,
        "validation": 900,
        "test": 0,
    }
    for split in ("train", "validation"):
        read = processed_tables.read_processed(split, tmp_path / "processed")
        assert np.array_equal(read.images, np.concatenate([one.digits.images for one in given if one.split == split]))
        assert np.array_equal(read.labels, np.concatenate([one.digits.labels for one in given if one.split == split]))
        assert (read.images.dtype, read.labels.dtype) == (np.uint8, np.int64)


def test_processed_digits_need_not_be_contiguous_in_memory(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)
    turned = images.transpose(0, 2, 1)
    processed_tables.write_processed([block("test", Digits(turned[::3], np.arange(7)))], RULE, tmp_path / "processed")
    assert np.array_equal(processed_tables.read_processed("test", tmp_path / "processed").images, turned[::3])


def test_each_block_is_a_row_group(tmp_path):
    processed_tables.write_processed(blocks(np.zeros((25, 28, 28), np.uint8), 10), RULE, tmp_path / "processed")
    assert group_sizes(tmp_path / "processed" / "train.parquet") == [10, 5]


def test_the_first_of_each_label_are_found_in_any_row_group(tmp_path):
    labels = np.repeat(np.arange(10), 7)
    images = np.arange(70, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    blocks = [block("train", Digits(images[rows], labels[rows])) for rows in np.array_split(np.arange(70), 9)]
    processed_tables.write_processed(blocks, RULE, tmp_path)
    found = processed_tables.read_first_processed("train", 3, tmp_path)
    assert sorted(found.images[:, 0, 0].tolist()) == [7 * label + n for label in range(10) for n in range(3)]
    assert np.array_equal(found.images[:, 0, 0] // 7, found.labels)


def test_processed_pictures_of_version_02_have_no_hashes(tmp_path):
    pq.write_table(pa.table({"label": [3]}), tmp_path / "test.parquet")
    with pytest.raises(UserError, match=r"test.parquet has no hashes .* `dvc repro` writes it anew"):
        processed_tables.read_picture_hashes("test", tmp_path)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        processed_tables.read_processed("train", tmp_path / "processed")
    assert caught.value.filename == str(tmp_path / "processed")

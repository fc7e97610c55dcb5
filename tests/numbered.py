"""Tables of digits that are told apart by their numbers, for the tests of what reads training data in parts."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from digits.data import processed_tables
from digits.data.dataset import Digits
from tests.raw import RULE, block


def numbered(count: int, first: int = 0) -> Digits:
    """Digits that have their number as their first bytes, and the labels 0, 1, 2, …, 9, 0, …"""
    numbers = np.arange(first, first + count)
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0, :8] = numbers.astype("<i8")[:, None].view(np.uint8)
    return Digits(images, numbers % 10)


def numbers(images: np.ndarray) -> list[int]:
    return np.ascontiguousarray(images[:, 0, :8]).view("<i8").ravel().tolist()


def write_table(folder: Path, digits: Digits, rows_per_group: int) -> Path:
    """data/processed's train.parquet of these digits."""
    parts = [
        Digits(*(column[i : i + rows_per_group] for column in digits))
        for i in range(0, len(digits.labels), rows_per_group)
    ]
    processed_tables.write_processed((block("train", part) for part in parts), RULE, folder)
    return folder / "train.parquet"


def into_shards(table: Path, groups_per_shard: int) -> Path:
    """The same table as a folder of shards."""
    folder = table.with_name("shards.parquet")
    folder.mkdir()
    with pq.ParquetFile(table) as file:
        for number, first in enumerate(range(0, file.num_row_groups, groups_per_shard)):
            with pq.ParquetWriter(folder / f"part-{number:05d}.parquet", file.schema_arrow) as writer:
                for group in range(first, min(first + groups_per_shard, file.num_row_groups)):
                    writer.write_table(file.read_row_group(group))
    return folder

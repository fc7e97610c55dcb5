"""Processed digits on disk: one Parquet file per split."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from digits import paths
from digits.arrays import Ints
from digits.data import dataset, shards
from digits.data.dataset import LABELS, SOURCE, Digits, binary_column, concatenate, digits_of, read_hashes, write_splits
from digits.data.shards import ParquetSource
from digits.files import require

PROCESSED_SCHEMA = pa.schema({"image": dataset.IMAGE, "label": pa.int64(), "sha256": pa.binary(32), "source": SOURCE})


class Block(NamedTuple):
    """Canonical digits of one split, and of their pictures the (n, 32) uint8 SHA-256 and the n names of sources."""

    split: str
    digits: Digits
    sha256: np.ndarray
    source: Sequence[str]


class FileRows(NamedTuple):
    """Some rows of a table: (k,) ascending rows of the file at an address, counted from its first."""

    file: str
    rows: Ints


def write_processed(blocks: Iterable[Block], rule: Mapping[str, Any], folder: Path = paths.PROCESSED) -> dict[str, int]:
    """Write one Parquet file per split, each block of digits as a row group, in order; return the rows by split."""
    return write_splits(((block.split, processed_table(block)) for block in blocks), PROCESSED_SCHEMA, rule, folder)


def processed_table(block: Block) -> pa.Table:
    """The rows of a processed split: a row group of its file."""
    images, digests = binary_column(block.digits.images), binary_column(block.sha256)
    names = pa.array(block.source, SOURCE)
    columns = {"image": images, "label": block.digits.labels, "sha256": digests, "source": names}
    return pa.table(columns, schema=PROCESSED_SCHEMA)


def read_processed(split: str, folder: Path = paths.PROCESSED) -> Digits:
    """Read a whole processed split: 792 bytes a digit."""
    require(folder)
    return read_digits(folder / f"{split}.parquet")


def read_digits(table: Path | Iterable[ParquetSource]) -> Digits:
    """All digits of a processed split, by its path or its files."""
    return digits_of(shards.read(table, ["image", "label"]))


def processed_groups(path: Path) -> Iterator[Digits]:
    """The digits of a processed split, by its path, one row group after the other."""
    for address in shards.files(path):
        yield from map(digits_of, shards.row_groups(address, ["image", "label"]))


def read_first_processed(split: str, each: int, folder: Path = paths.PROCESSED) -> Digits:
    """The first `each` digits of every label of a processed split, holding one row group at a time."""
    parts, found = [], np.zeros(len(LABELS), int)
    for digits in processed_groups(folder / f"{split}.parquet"):
        for label in LABELS:
            rows = np.flatnonzero(digits.labels == label)[: each - found[label]]
            parts.append(Digits(digits.images[rows], digits.labels[rows]))
            found[label] += len(rows)
        if (found == each).all():
            break
    return concatenate(parts)


def read_digit_rows(path: Path, rows: Ints) -> Digits:
    """The digits at (k,) ascending rows of a processed split, holding one row group more at a time; at least one."""
    return concatenate([read_file_rows(one) for one in locate(path, rows)])


def locate(path: Path, rows: Ints) -> list[FileRows]:
    """Where (k,) ascending rows of a table are, file by file."""
    found, first = [], 0
    for address, groups in shards.row_groups_by_file(path):
        end = first + sum(group.rows for group in groups)
        begin, stop = np.searchsorted(rows, [first, end])
        if stop > begin:
            found.append(FileRows(address, rows[begin:stop] - first))
        first = end
    return found


def read_file_rows(wanted: FileRows) -> Digits:
    """Some digits of a file of a processed split, holding one row group at a time."""
    found, first = [], 0
    with shards.opened(wanted.file) as file:
        for group in range(file.metadata.num_row_groups):
            end = first + file.metadata.row_group(group).num_rows
            begin, stop = np.searchsorted(wanted.rows, [first, end])
            if stop > begin:
                table = file.read_row_group(group, ["image", "label"])
                found.append(digits_of(table.take(wanted.rows[begin:stop] - first)))
            first = end
    return concatenate(found)


def read_picture_hashes(split: str, folder: Path = paths.PROCESSED) -> np.ndarray:
    """(n,) 'S64': the SHA-256 of each processed picture of a split (`pictures.pixel_digest`), in hexadecimal digits.

    In the order of `read_processed`. Raises UserError where the file was written before there was a rule of splits.
    """
    return read_hashes(folder / f"{split}.parquet")

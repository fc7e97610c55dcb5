"""Canonical digits read a chunk at a time from Parquet, one file or shards, where memory does not hold them all."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.data import dataset, processed_tables, shards, training_tables
from digits.data.dataset import Digits
from digits.files import digest

OPEN_FILES = 8  # of chunks in a random order: a file of many row groups stays open, as its footer is long


class Chunk(NamedTuple):
    """The row groups `first` to `last - 1` of a Parquet file: the unit of reading. `rows` are those that are read."""

    file: str
    first: int
    last: int
    rows: int


def chunks(tables: Iterable[Path], rows: int) -> list[Chunk]:
    """The chunks of tables, in the order of their rows: each a row group, or small ones that have up to `rows` rows.

    Raises FileNotFoundError where there is no such table, UserError where a file is damaged.
    """
    return joined([chunk for table in tables for file in shards.files(table) for chunk in _row_groups_of(file)], rows)


def joined(chunks: Iterable[Chunk], rows: int) -> list[Chunk]:
    """Chunks with neighbours in the same file joined up to so many rows."""
    found: list[Chunk] = []
    for chunk in chunks:
        if found and found[-1].file == chunk.file and found[-1].rows + chunk.rows <= rows:
            found[-1] = found[-1]._replace(last=chunk.last, rows=found[-1].rows + chunk.rows)
        else:
            found.append(chunk)
    return found


def _row_groups_of(address: str) -> list[Chunk]:
    with shards.opened(address) as file:
        counts = training_tables.count_training_rows(file)
    return [Chunk(address, group, group + 1, count) for group, count in enumerate(counts) if count]


def read(wanted: Iterable[Chunk]) -> Iterator[Digits]:
    """The digits of each chunk, in the order of the chunks; the labels may be NO_DIGIT."""
    reader = lru_cache(OPEN_FILES)(_reader)  # a file is closed when it leaves the cache
    for chunk in wanted:
        yield reader(chunk.file).send(range(chunk.first, chunk.last))


def _reader(address: str) -> Generator[Digits, Sequence[int], None]:
    reader = _row_groups(address)
    next(reader)
    return reader


def _row_groups(address: str) -> Generator[Digits, Sequence[int], None]:
    """Is sent the numbers of row groups, and yields their digits; the file stays open in between."""
    digits = Digits(np.empty(0, np.uint8), np.empty(0, np.int64))
    with shards.opened(address) as file:
        while True:
            groups = yield digits
            digits = training_tables.read_training_groups(file, groups)


def blocks(table: Path, rows: int) -> Iterator[Digits]:
    """The digits of a processed split in their order, at least `rows` at a time but for the last block."""
    pending: list[Digits] = []
    for digits in processed_tables.processed_groups(table):
        pending.append(digits)
        if sum(len(one.labels) for one in pending) >= rows:
            yield dataset.concatenate(pending)
            pending = []
    if pending:
        yield dataset.concatenate(pending)


def content_hash(table: Path) -> str:
    """A hash of the bytes of a table's files in their order, or of the list that has the hashes of remote ones."""
    listed = table / shards.LIST
    return " ".join(digest(file, "sha256") for file in ([listed] if listed.is_file() else shards.files(table)))

"""Pictures and labels on disk, as Parquet, written and read a batch of rows at a time.

Raw pictures stand in the convention of Hugging Face's image feature, so that pictures of any size fit and any
engine reads them: `image` is a struct of the encoded `bytes` and a `path`, `label` an integer. Prepared digits
are all alike: `image` is 784 raw bytes, the 28 x 28 pixels row by row.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from digits.canonical import SIDE
from digits.files import replacing

RAW = Path("data/raw")
PREPARED = Path("data/processed")
LABELS = range(10)
SPLITS = ("train", "validation", "test")
ROWS_PER_GROUP = 1000  # a row group is the unit of reading and of work: memory holds a few at a time
BYTES_PER_GROUP = 32 * 2**20  # so it is closed earlier where the pictures are photographs

_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": [str(label) for label in LABELS], "_type": "ClassLabel"},
}
RAW_SCHEMA = pa.schema(
    {"image": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "label": pa.int64()},
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
PREPARED_SCHEMA = pa.schema({"image": pa.binary(SIDE * SIDE), "label": pa.int64()})


class Example(NamedTuple):
    """One picture as it came: its split (`train` or `test`), encoded bytes, a path to name it by, and its label."""

    split: str
    data: bytes
    path: str
    label: int


class Digits(NamedTuple):
    """Canonical digits: `images` (n, 28, 28) uint8, light ink on 0, and their `labels` (n,) int64, 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


class Piece(NamedTuple):
    """A row group of a raw split, of `size` bytes: the unit in which its pictures are read and worked on."""

    split: str
    group: int
    first_row: int
    rows: int
    size: int


def write_raw(examples: Iterable[Example], folder: Path = RAW) -> dict[str, int]:
    """Write one Parquet file per split, in the order in which the examples come; return the rows by split."""
    return _write(_by_split(examples), folder)


def raw_splits(folder: Path = RAW) -> list[str]:
    """Names of the splits in `folder`: train before test."""
    return [split for split in SPLITS if (folder / f"{split}.parquet").exists()]


def count(path: Path) -> int:
    """Rows of a Parquet file, read from its footer."""
    return pq.read_metadata(path).num_rows


def pieces(folder: Path = RAW) -> list[Piece]:
    """Every row group of the raw splits, train before test, in the order of their rows."""
    found = []
    for split in raw_splits(folder):
        metadata, row = pq.read_metadata(folder / f"{split}.parquet"), 0
        for group in range(metadata.num_row_groups):
            described = metadata.row_group(group)
            found.append(Piece(split, group, row, described.num_rows, described.total_byte_size))
            row += found[-1].rows
    return found


def work(pieces: Iterable[Piece]) -> int:
    """How many small pictures' worth of work the pieces hold: a photograph counts for as many as its bytes would."""
    return sum(max(piece.rows, piece.size // 2000) for piece in pieces)


def read_piece(piece: Piece, folder: Path = RAW) -> list[Example]:
    """A row group's examples, in the order of their rows."""
    with pq.ParquetFile(folder / f"{piece.split}.parquet") as file:
        return _examples(piece.split, file.read_row_group(piece.group))


def read_raw(split: str, folder: Path = RAW) -> Iterator[Example]:
    """Yield a split's examples in the order of their rows, holding one row group at a time."""
    for piece in pieces(folder):
        if piece.split == split:
            yield from read_piece(piece, folder)


def pick(source: Path | IO[bytes], split: str, wanted: set[int]) -> dict[int, Example]:
    """The examples at the wanted rows of a raw split's file; reads only the row groups that hold them."""
    found, first = {}, 0
    with pq.ParquetFile(source) as file:
        for group in range(file.metadata.num_row_groups):
            length = file.metadata.row_group(group).num_rows
            rows = [row for row in wanted if first <= row < first + length]
            if rows:
                examples = _examples(split, file.read_row_group(group))
                found.update({row: examples[row - first] for row in rows})
            first += length
    return found


def read_raw_labels(split: str, folder: Path = RAW) -> np.ndarray:
    """(n,) int64 labels of a raw split, without its pictures."""
    return pq.read_table(folder / f"{split}.parquet", columns=["label"])["label"].to_numpy()


def write_prepared(blocks: Iterable[tuple[str, Digits]], folder: Path = PREPARED) -> dict[str, int]:
    """Write one Parquet file per split from blocks of it, in the order in which they come; return the rows by split."""
    return _write(((split, _prepared_table(digits)) for split, digits in blocks), folder)


def read_prepared(split: str, folder: Path = PREPARED) -> Digits:
    """Read a whole prepared split: 792 bytes a digit."""
    return _digits(pq.read_table(folder / f"{split}.parquet"))


def first_prepared(split: str, each: int, folder: Path = PREPARED) -> Digits:
    """The first `each` digits of every label of a prepared split, holding one row group at a time."""
    images, labels, found = [], [], np.zeros(len(LABELS), int)
    with pq.ParquetFile(folder / f"{split}.parquet") as file:
        for group in range(file.metadata.num_row_groups):
            digits = _digits(file.read_row_group(group))
            for label in LABELS:
                rows = np.flatnonzero(digits.labels == label)[: each - found[label]]
                images.append(digits.images[rows])
                labels.append(digits.labels[rows])
                found[label] += len(rows)
            if (found == each).all():
                break
    return Digits(images=np.concatenate(images), labels=np.concatenate(labels))


def _digits(table: pa.Table) -> Digits:
    pixels = table["image"].combine_chunks()
    images = np.frombuffer(pixels.buffers()[1], np.uint8).reshape(-1, SIDE, SIDE)
    return Digits(images=images[pixels.offset : pixels.offset + len(pixels)], labels=table["label"].to_numpy())


def _write(tables: Iterable[tuple[str, pa.Table]], folder: Path) -> dict[str, int]:
    """Write each table as a row group of its split's file."""
    counts: dict[str, int] = {}
    with replacing(folder) as beside, ExitStack() as open_files:
        beside.mkdir()
        writers: dict[str, pq.ParquetWriter] = {}
        for split, table in tables:
            if split not in writers:
                writers[split] = open_files.enter_context(pq.ParquetWriter(beside / f"{split}.parquet", table.schema))
            writers[split].write_table(table)
            counts[split] = counts.get(split, 0) + table.num_rows
    return {split: counts[split] for split in SPLITS if split in counts}


def _examples(split: str, table: pa.Table) -> list[Example]:
    image = table["image"].combine_chunks()
    columns = (image.field("bytes"), image.field("path"), table["label"])
    return [Example(split, *row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]


def _by_split(examples: Iterable[Example]) -> Iterator[tuple[str, pa.Table]]:
    """Gather each split's examples, in their order, until they fill a row group."""
    waiting: dict[str, list[Example]] = {}
    size: dict[str, int] = {}
    for example in examples:
        group = waiting.setdefault(example.split, [])
        group.append(example)
        size[example.split] = size.get(example.split, 0) + len(example.data)
        if len(group) == ROWS_PER_GROUP or size[example.split] >= BYTES_PER_GROUP:
            yield example.split, _raw_table(waiting.pop(example.split))
            size.pop(example.split)
    for split, group in waiting.items():
        yield split, _raw_table(group)


def _raw_table(examples: list[Example]) -> pa.Table:
    images = [{"bytes": example.data, "path": example.path} for example in examples]
    return pa.table({"image": images, "label": [example.label for example in examples]}, schema=RAW_SCHEMA)


def _prepared_table(digits: Digits) -> pa.Table:
    pixels = pa.py_buffer(np.ascontiguousarray(digits.images))
    images = pa.FixedSizeBinaryArray.from_buffers(pa.binary(SIDE * SIDE), len(digits.labels), [None, pixels])
    return pa.table({"image": images, "label": digits.labels}, schema=PREPARED_SCHEMA)

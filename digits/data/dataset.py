"""Pictures and labels on disk, as Parquet, written and read one row group at a time.

Raw pictures follow the convention of Hugging Face's image feature, for pictures of any size: `image` is a
struct of the encoded `bytes` and a `path`, `label` an integer. Of a processed digit, `image` is 784 raw bytes, the
28 x 28 pixels row by row.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from digits import paths
from digits.data.canonical import DIGIT_SIZE
from digits.files import atomic_write, require

LABELS = range(10)
SPLITS = ("train", "validation", "test")
ROWS_PER_GROUP = 1000  # a row group is the unit of reading and of parallel work: a few are in memory at a time
BYTES_PER_GROUP = 32 * 2**20  # photographs fill a row group with fewer rows
BYTES_PER_SMALL_PICTURE = 2000  # above this a picture's cost grows with its bytes

_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": [str(label) for label in LABELS], "_type": "ClassLabel"},
}
RAW_SCHEMA = pa.schema(
    {"image": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "label": pa.int64()},
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
PROCESSED_SCHEMA = pa.schema({"image": pa.binary(DIGIT_SIZE * DIGIT_SIZE), "label": pa.int64()})


class Example(NamedTuple):
    """One raw picture: its split (`train` or `test`), encoded bytes, the path of its file, and its label."""

    split: str
    data: bytes
    path: str
    label: int


class Digits(NamedTuple):
    """Canonical digits: `images` (n, 28, 28) uint8, light ink on 0, and their `labels` (n,) int64, 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


class RowGroup(NamedTuple):
    """A row group of a raw split, of `size` bytes: the unit of reading and of parallel work."""

    split: str
    group: int
    first_row: int
    rows: int
    size: int


def write_raw(examples: Iterable[Example], folder: Path = paths.RAW) -> dict[str, int]:
    """Write one Parquet file per split, in the order of the examples; return the rows by split."""
    return _write(_raw_tables(examples), folder)


def raw_splits(folder: Path = paths.RAW) -> list[str]:
    """Names of the splits in `folder`: train before test. Raises FileNotFoundError where there is no such folder."""
    require(folder)
    return [split for split in SPLITS if (folder / f"{split}.parquet").exists()]


def count_rows(path: Path) -> int:
    """Rows of a Parquet file, read from its footer."""
    return pq.read_metadata(path).num_rows


def row_groups(folder: Path = paths.RAW) -> list[RowGroup]:
    """Every row group of the raw splits, train before test, in the order of their rows."""
    found: list[RowGroup] = []
    for split in raw_splits(folder):
        metadata, first_row = pq.read_metadata(folder / f"{split}.parquet"), 0
        for number in range(metadata.num_row_groups):
            group = metadata.row_group(number)
            found.append(RowGroup(split, number, first_row, group.num_rows, group.total_byte_size))
            first_row += group.num_rows
    return found


def workload(groups: Iterable[RowGroup]) -> int:
    """The cost of processing row groups, in small pictures: a photograph counts as many, by its bytes."""
    return sum(max(group.rows, group.size // BYTES_PER_SMALL_PICTURE) for group in groups)


def read_row_group(group: RowGroup, folder: Path = paths.RAW) -> list[Example]:
    """A row group's examples, in the order of their rows."""
    with pq.ParquetFile(folder / f"{group.split}.parquet") as file:
        return _examples(group.split, file.read_row_group(group.group))


def read_rows(source: Path | IO[bytes], split: str, wanted: set[int]) -> dict[int, Example]:
    """The examples at the wanted rows of a raw split's file; reads only the row groups that hold them."""
    found: dict[int, Example] = {}
    first = 0
    with pq.ParquetFile(source) as file:
        for group in range(file.metadata.num_row_groups):
            length = file.metadata.row_group(group).num_rows
            rows = [row for row in wanted if first <= row < first + length]
            if rows:
                examples = _examples(split, file.read_row_group(group))
                found.update({row: examples[row - first] for row in rows})
            first += length
    return found


def read_raw_labels(split: str, folder: Path = paths.RAW) -> np.ndarray:
    """(n,) int64 labels of a raw split, without its pictures."""
    return pq.read_table(folder / f"{split}.parquet", columns=["label"])["label"].to_numpy()


def write_processed(blocks: Iterable[tuple[str, Digits]], folder: Path = paths.PROCESSED) -> dict[str, int]:
    """Write one Parquet file per split, each block of digits as a row group, in order; return the rows by split."""
    return _write(((split, _processed_table(digits)) for split, digits in blocks), folder)


def read_processed(split: str, folder: Path = paths.PROCESSED) -> Digits:
    """Read a whole processed split: 792 bytes a digit."""
    require(folder)
    return _digits(pq.read_table(folder / f"{split}.parquet"))


def read_first_processed(split: str, each: int, folder: Path = paths.PROCESSED) -> Digits:
    """The first `each` digits of every label of a processed split, holding one row group at a time."""
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
    images = np.frombuffer(pixels.buffers()[1], np.uint8).reshape(-1, DIGIT_SIZE, DIGIT_SIZE)
    return Digits(images=images[pixels.offset : pixels.offset + len(pixels)], labels=table["label"].to_numpy())


def _write(tables: Iterable[tuple[str, pa.Table]], folder: Path) -> dict[str, int]:
    """Write each table as a row group of its split's file."""
    counts: dict[str, int] = {}
    with atomic_write(folder) as temporary, ExitStack() as open_files:
        temporary.mkdir()
        writers: dict[str, pq.ParquetWriter] = {}
        for split, table in tables:
            if split not in writers:
                writers[split] = open_files.enter_context(
                    pq.ParquetWriter(temporary / f"{split}.parquet", table.schema)
                )
            writers[split].write_table(table)
            counts[split] = counts.get(split, 0) + table.num_rows
    return {split: counts[split] for split in SPLITS if split in counts}


def _examples(split: str, table: pa.Table) -> list[Example]:
    image = table["image"].combine_chunks()
    columns = (image.field("bytes"), image.field("path"), table["label"])
    return [Example(split, *row) for row in zip(*(column.to_pylist() for column in columns), strict=True)]


def _raw_tables(examples: Iterable[Example]) -> Iterator[tuple[str, pa.Table]]:
    """Each split's examples, in their order, as tables that fill a row group."""
    pending: dict[str, list[Example]] = {}
    size: dict[str, int] = {}
    for example in examples:
        group = pending.setdefault(example.split, [])
        group.append(example)
        size[example.split] = size.get(example.split, 0) + len(example.data)
        if len(group) == ROWS_PER_GROUP or size[example.split] >= BYTES_PER_GROUP:
            yield example.split, _raw_table(pending.pop(example.split))
            size.pop(example.split)
    for split, group in pending.items():
        yield split, _raw_table(group)


def _raw_table(examples: list[Example]) -> pa.Table:
    images = [{"bytes": example.data, "path": example.path} for example in examples]
    return pa.table({"image": images, "label": [example.label for example in examples]}, schema=RAW_SCHEMA)


def _processed_table(digits: Digits) -> pa.Table:
    pixels = pa.py_buffer(np.ascontiguousarray(digits.images))
    images = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(DIGIT_SIZE * DIGIT_SIZE), len(digits.labels), [None, pixels]
    )
    return pa.table({"image": images, "label": digits.labels}, schema=PROCESSED_SCHEMA)

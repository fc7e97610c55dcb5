"""Pictures and labels on disk, as Parquet, written and read a batch of rows at a time.

Raw pictures stand in the convention of Hugging Face's image feature, so that pictures of any size fit and any
engine reads them: `image` is a struct of the encoded `bytes` and a `path`, `label` an integer. Prepared digits
are all alike: `image` is 784 raw bytes, the 28 x 28 pixels row by row.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from digits.files import replacing
from digits.pictures import SIDE

RAW = Path("data/raw")
PREPARED = Path("data/processed")
LABELS = range(10)
ROWS_PER_GROUP = 1000  # a row group is the unit of reading: memory holds one at a time

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


class Digit(NamedTuple):
    """One canonical digit: its split (`train`, `validation` or `test`), (28, 28) uint8 image, and its label."""

    split: str
    image: np.ndarray
    label: int


class Digits(NamedTuple):
    """Canonical digits of one split: `images` (n, 28, 28) uint8, light ink on 0, and `labels` (n,) int64, 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


def write_raw(examples: Iterable[Example], folder: Path = RAW) -> dict[str, int]:
    """Write one Parquet file per split, in the order in which the examples come; return the rows by split."""
    return _write(examples, folder, RAW_SCHEMA, _raw_table)


def raw_splits(folder: Path = RAW) -> list[str]:
    """Names of the splits in `folder`: train before test."""
    return sorted((path.stem for path in folder.glob("*.parquet")), reverse=True)


def count(path: Path) -> int:
    """Rows of a Parquet file, read from its footer."""
    return pq.read_metadata(path).num_rows


def read_raw(split: str, folder: Path = RAW) -> Iterator[Example]:
    """Yield a split's examples in the order of their rows, holding one row group at a time."""
    with pq.ParquetFile(folder / f"{split}.parquet") as file:
        for batch in file.iter_batches(ROWS_PER_GROUP):
            image = batch.column("image")
            columns = (image.field("bytes"), image.field("path"), batch.column("label"))
            for data, path, label in zip(*(column.to_pylist() for column in columns), strict=True):
                yield Example(split, data, path, label)


def read_raw_labels(split: str, folder: Path = RAW) -> np.ndarray:
    """(n,) int64 labels of a raw split, without its pictures."""
    return pq.read_table(folder / f"{split}.parquet", columns=["label"])["label"].to_numpy()


def write_prepared(digits: Iterable[Digit], folder: Path = PREPARED) -> dict[str, int]:
    """Write one Parquet file per split, in the order in which the digits come; return the rows by split."""
    return _write(digits, folder, PREPARED_SCHEMA, _prepared_table)


def read_prepared(split: str, folder: Path = PREPARED) -> Digits:
    """Read a whole prepared split: 792 bytes a digit."""
    table = pq.read_table(folder / f"{split}.parquet").combine_chunks()
    images = np.frombuffer(table["image"].chunk(0).buffers()[1], np.uint8).reshape(-1, SIDE, SIDE)
    return Digits(images=images, labels=table["label"].to_numpy())


def _write(rows: Iterable, folder: Path, schema: pa.Schema, table: Callable[[list], pa.Table]) -> dict[str, int]:
    counts: dict[str, int] = {}
    rows = iter(rows)
    with replacing(folder) as beside, ExitStack() as open_files:
        beside.mkdir()
        writers: dict[str, pq.ParquetWriter] = {}
        while group := list(islice(rows, ROWS_PER_GROUP)):
            for split in dict.fromkeys(row.split for row in group):
                if split not in writers:
                    file = pq.ParquetWriter(beside / f"{split}.parquet", schema)
                    writers[split] = open_files.enter_context(file)
                members = [row for row in group if row.split == split]
                writers[split].write_table(table(members))
                counts[split] = counts.get(split, 0) + len(members)
    return counts


def _raw_table(examples: list[Example]) -> pa.Table:
    images = [{"bytes": example.data, "path": example.path} for example in examples]
    return pa.table({"image": images, "label": [example.label for example in examples]}, schema=RAW_SCHEMA)


def _prepared_table(digits: list[Digit]) -> pa.Table:
    images = [digit.image.tobytes() for digit in digits]
    return pa.table({"image": images, "label": [digit.label for digit in digits]}, schema=PREPARED_SCHEMA)

"""What all tables of pictures share: labels, splits and the rule that assigned them, sources, and hashes.

Tables are Parquet on disk, written and read one row group at a time. Every row of raw and of processed data has the
SHA-256 of its picture (`pictures.pixel_digest`) and the source that it came from, and every file the rule that assigned
its split.
"""

import json
import math
from binascii import hexlify
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from digits import paths
from digits.arrays import Ints, Pixels
from digits.data import shards
from digits.data.shards import ParquetSource
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError
from digits.files import atomic_write, require

LABELS = range(10)
NO_DIGIT = len(LABELS)  # the network's last class: what is no digit
SPLITS = ("train", "validation", "test")
ROWS_PER_GROUP = 1000  # a row group is the unit of reading and of parallel work: a few are in memory at a time
IMAGE = pa.binary(DIGIT_SIZE * DIGIT_SIZE)  # the pixels of a canonical digit, row by row
SOURCE = pa.dictionary(pa.int8(), pa.string())  # the name of a source
_RULE_KEY = b"digits_split"


class Digits(NamedTuple):
    """Canonical digits: `images` (n, 28, 28) uint8, light ink on 0, and their `labels` (n,) int64, 0 to 9."""

    images: Pixels
    labels: Ints


def concatenate(parts: Sequence[Digits]) -> Digits:
    """One part after the other, at least one."""
    return Digits(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def digits_of(table: pa.Table) -> Digits:
    """The columns `image` and `label` of a table."""
    return Digits(images=images_of(table), labels=table["label"].to_numpy())


def images_of(table: pa.Table) -> np.ndarray:
    """The column `image` of a table, whose values are 784 raw bytes: (n, 28, 28) uint8."""
    pixels = table["image"].combine_chunks()
    images = np.frombuffer(pixels.buffers()[1], np.uint8).reshape(-1, DIGIT_SIZE, DIGIT_SIZE)
    return images[pixels.offset : pixels.offset + len(pixels)]


def binary_column(rows: Pixels) -> pa.Array:
    """Each of n rows of uint8 as its bytes."""
    width, values = math.prod(rows.shape[1:]), pa.py_buffer(np.ascontiguousarray(rows))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(rows), [None, values])


def write_splits(
    tables: Iterable[tuple[str, pa.Table]],
    schema: pa.Schema,
    rule: Mapping[str, Any],
    folder: Path,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, int]:
    """Write one Parquet file per split, each table as a row group, in order; return the rows by split.

    A split without a table has a file without rows. `rule` is kept in each file: see `split_rule`. `texts` are other
    files of the folder: their content by name.
    """
    counts = dict.fromkeys(SPLITS, 0)
    with atomic_write(folder) as temporary, ExitStack() as open_files:
        temporary.mkdir()
        writers = {
            split: open_files.enter_context(pq.ParquetWriter(temporary / f"{split}.parquet", encode_rule(schema, rule)))
            for split in SPLITS
        }
        for split, table in tables:
            writers[split].write_table(table)
            counts[split] += table.num_rows
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")
    return counts


def split_rule(folder: Path = paths.PROCESSED) -> dict[str, Any]:
    """What assigned the splits of raw or processed data: `splits.rule`, empty where a version before rule 1 did.

    Keys: rule, seed, test_fraction, validation_fraction, near_duplicate_distance.
    """
    tables = [folder / f"{split}.parquet" for split in SPLITS if (folder / f"{split}.parquet").exists()]
    return decode_rule(shards.schema(tables[0])) if tables else {}


def decode_rule(schema: pa.Schema) -> dict[str, Any]:
    """The rule that `encode_rule` added to a schema, empty where there is none."""
    rule: dict[str, Any] = json.loads((schema.metadata or {}).get(_RULE_KEY, "{}"))
    return rule


def encode_rule(schema: pa.Schema, rule: Mapping[str, Any]) -> pa.Schema:
    """The schema with the rule that assigned the splits in its metadata."""
    return schema.with_metadata({**(schema.metadata or {}), _RULE_KEY: json.dumps(rule)})


def count_rows(path: Path) -> int:
    """Rows of a table, read from the footers of its files."""
    require(path.parent)
    return shards.count_rows(path)


def read_sources(table: Path | Iterable[ParquetSource]) -> npt.NDArray[np.str_]:
    """(n,) str: the name of each row's source, in a split of raw or processed data, by its path or its files."""
    names: npt.NDArray[np.str_] = shards.read(table, ["source"])["source"].cast(pa.string()).to_numpy().astype(str)
    return names


def count_by_source(path: Path) -> Counter[str]:
    """How many rows of a split of raw or processed data, by its path, are of each source."""
    return sum(shards.of_each(_count_by_source, shards.files(path)), Counter[str]())


def _count_by_source(address: str) -> Counter[str]:
    with shards.opened(address) as file:
        found = file.read(["source"])["source"].unify_dictionaries().value_counts()
    return Counter({one["values"]: one["counts"] for one in found.to_pylist()})


def count_sources(folder: Path) -> dict[str, dict[str, int]]:
    """The pictures of each source, by name, in each split of raw or processed data."""
    by_split = {split: count_by_source(folder / f"{split}.parquet") for split in SPLITS}
    return {
        name: {split: by_split[split][name] for split in SPLITS} for name in sorted(set().union(*by_split.values()))
    }


def print_sources(counts: Mapping[str, Mapping[str, int]]) -> None:
    """Print the pictures of each source by split, as `count_sources` gives them, where there are several sources."""
    for name, by_split in counts.items() if len(counts) > 1 else ():
        print(f"  {name}: " + ", ".join(f"{count:,} {split}" for split, count in by_split.items()))


def read_hashes(table: Path | Iterable[ParquetSource]) -> np.ndarray:
    """(n,) 'S64': the column `sha256` of a table, by its path or its files, in hexadecimal digits.

    Raises UserError where the table was written before there was a rule of splits.
    """
    found = shards.read(table, ["sha256"])
    if not found.column_names:
        name = table if isinstance(table, Path) else "the table"
        raise UserError(f"{name} has no hashes of its pictures, as version 0.2 wrote it: `dvc repro` writes it anew")
    hashes, first = np.empty(len(found), "S64"), 0
    for chunk in found["sha256"].chunks:  # a Python object for each would take three times the memory
        values = chunk.buffers()[1][chunk.offset * 32 : (chunk.offset + len(chunk)) * 32]
        hashes[first : first + len(chunk)] = np.frombuffer(hexlify(values), "S64")
        first += len(chunk)
    return hashes

"""Raw pictures on disk: one Parquet file per split, of pictures of any size.

The files follow the convention of Hugging Face's image feature: `image` is a struct of the encoded `bytes` and a
`path`, `label` an integer.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pyarrow as pa

from digits import paths
from digits.data import dataset, shards
from digits.data.dataset import LABELS, SOURCE, SPLITS, write_splits
from digits.data.shards import ParquetSource
from digits.files import require

BYTES_PER_GROUP = 32 * 2**20  # photographs fill a row group with fewer rows
BYTES_PER_SMALL_PICTURE = 2000  # above this a picture's cost grows with its bytes
_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": [str(label) for label in LABELS], "_type": "ClassLabel"},
}
RAW_SCHEMA = pa.schema(
    {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "label": pa.int64(),
        "sha256": pa.binary(32),
        "source": SOURCE,
    },
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)


class Example(NamedTuple):
    """One raw picture: its split, encoded bytes, file path, label, SHA-256 of its pixels, and its source's name."""

    split: str
    data: bytes
    path: str
    label: int
    sha256: bytes
    source: str


class RowGroup(NamedTuple):
    """A row group of a raw split, of `size` bytes: the unit of reading and of parallel work.

    It is the row group number `group` of the file at the address `file`; `first_row` counts in the split.
    """

    split: str
    file: str
    group: int
    first_row: int
    rows: int
    size: int


def write_raw(
    examples: Iterable[Example],
    rule: Mapping[str, Any],
    folder: Path = paths.RAW,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, int]:
    """Write one Parquet file per split, in the order of the examples, also of a split without any; return their rows.

    `rule` is kept in each file: see `dataset.split_rule`. `texts` are other files of the folder: their content by name.
    """
    return write_splits(fill_row_groups(examples), RAW_SCHEMA, rule, folder, texts)


def fill_row_groups(examples: Iterable[Example]) -> Iterator[tuple[str, pa.Table]]:
    """Each split's examples, in their order, as tables that fill a row group."""
    pending: defaultdict[str, list[Example]] = defaultdict(list)
    size: Counter[str] = Counter()
    for example in examples:
        group = pending[example.split]
        group.append(example)
        size[example.split] += len(example.data)
        if len(group) == dataset.ROWS_PER_GROUP or size[example.split] >= BYTES_PER_GROUP:
            yield example.split, raw_table(pending.pop(example.split))
            del size[example.split]
    for split, group in pending.items():
        yield split, raw_table(group)


def raw_table(examples: list[Example]) -> pa.Table:
    """The rows of a raw split: a row group of its file."""
    images = [{"bytes": example.data, "path": example.path} for example in examples]
    labels, digests, names = (
        [getattr(example, name) for example in examples] for name in ("label", "sha256", "source")
    )
    columns = {"image": images, "label": labels, "sha256": digests, "source": pa.array(names, SOURCE)}
    return pa.table(columns, schema=RAW_SCHEMA)


def raw_splits(folder: Path = paths.RAW) -> list[str]:
    """Names of the splits in `folder`: train before validation before test.

    Raises FileNotFoundError where there is no such folder.
    """
    require(folder)
    return [split for split in SPLITS if (folder / f"{split}.parquet").exists()]


def row_groups(folder: Path = paths.RAW) -> list[RowGroup]:
    """Every row group of the raw splits, train before validation before test, in the order of their rows."""
    found: list[RowGroup] = []
    for split in raw_splits(folder):
        first_row = 0
        for address, groups in shards.row_groups_by_file(folder / f"{split}.parquet"):
            for number, (rows, size) in enumerate(groups):
                found.append(RowGroup(split, address, number, first_row, rows, size))
                first_row += rows
    return found


def workload(groups: Iterable[RowGroup]) -> int:
    """The cost of processing row groups, in small pictures: a photograph counts as many, by its bytes."""
    return sum(max(group.rows, group.size // BYTES_PER_SMALL_PICTURE) for group in groups)


def read_row_group(group: RowGroup) -> list[Example]:
    """A row group's examples, in the order of their rows."""
    return next(read_row_groups([group]))


def read_row_groups(groups: Sequence[RowGroup]) -> Iterator[list[Example]]:
    """The examples of each of some row groups of one file, which is opened once: its footer is long."""
    with shards.opened(groups[0].file) as file:
        for group in groups:
            yield _examples(group.split, file.read_row_group(group.group))


def read_rows(table: Path | Iterable[ParquetSource], split: str, wanted: set[int]) -> dict[int, Example]:
    """The examples at the wanted rows of a raw split, by its path or its files.

    Reads only the row groups that hold them, and opens no file after the last of them.
    """
    found: dict[int, Example] = {}
    first = 0
    for source in shards.files(table) if isinstance(table, Path) else table:
        if len(found) == len(wanted):
            break
        with shards.opened(source) as file:
            for group in range(file.metadata.num_row_groups):
                length = file.metadata.row_group(group).num_rows
                rows = [row for row in wanted if first <= row < first + length]
                if rows:
                    examples = _examples(split, file.read_row_group(group))
                    found.update({row: examples[row - first] for row in rows})
                first += length
    return found


def _examples(split: str, table: pa.Table) -> list[Example]:
    image = table["image"].combine_chunks()
    columns = [column.to_pylist() for column in (image.field("bytes"), image.field("path"), table["label"])]
    # Raw files of version 0.2, which `digits data diff` reads, have neither hashes nor sources.
    for name, unknown in (("sha256", b""), ("source", "")):
        columns.append(table[name].to_pylist() if name in table.column_names else [unknown] * len(table))
    return [Example(split, *row) for row in zip(*columns, strict=True)]

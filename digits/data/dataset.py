"""Pictures and labels on disk, as Parquet, written and read one row group at a time.

Every row has the SHA-256 of its picture (`pictures.pixel_digest`) and the source that it came from, and every file the
rule that assigned its split.

Raw pictures follow the convention of Hugging Face's image feature, for pictures of any size: `image` is a
struct of the encoded `bytes` and a `path`, `label` an integer. Of a processed digit, `image` is 784 raw bytes, the
28 x 28 pixels row by row.
"""

import json
import math
from binascii import hexlify
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from digits import paths
from digits.data import shards
from digits.data.shards import Source
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError
from digits.files import atomic_write, remove, require

LABELS = range(10)
NO_DIGIT = len(LABELS)  # the network's last class: what is no digit
SPLITS = ("train", "validation", "test")
ROWS_PER_GROUP = 1000  # a row group is the unit of reading and of parallel work: a few are in memory at a time
BYTES_PER_GROUP = 32 * 2**20  # photographs fill a row group with fewer rows
BYTES_PER_SMALL_PICTURE = 2000  # above this a picture's cost grows with its bytes

_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"names": [str(label) for label in LABELS], "_type": "ClassLabel"},
}
SOURCE = pa.dictionary(pa.int8(), pa.string())  # the name of a source
RAW_SCHEMA = pa.schema(
    {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "label": pa.int64(),
        "sha256": pa.binary(32),
        "source": SOURCE,
    },
    metadata={"huggingface": json.dumps({"info": {"features": _FEATURES}})},
)
PROCESSED_SCHEMA = pa.schema(
    {"image": pa.binary(DIGIT_SIZE * DIGIT_SIZE), "label": pa.int64(), "sha256": pa.binary(32), "source": SOURCE}
)
# What is no digit: `split` is train or test, `kind` one of `non_digits.KINDS`
NON_DIGITS_SCHEMA = pa.schema(
    {"image": pa.binary(DIGIT_SIZE * DIGIT_SIZE), "split": pa.string(), "kind": pa.dictionary(pa.int8(), pa.string())}
)
# Cut from composed pages: `label` is 0 to 9, or NO_DIGIT
PAGE_CUTS_SCHEMA = pa.schema({"image": pa.binary(DIGIT_SIZE * DIGIT_SIZE), "label": pa.int64()})
_RULE_KEY = b"digits_split"


class Example(NamedTuple):
    """One raw picture: its split, encoded bytes, file path, label, SHA-256 of its pixels, and its source's name."""

    split: str
    data: bytes
    path: str
    label: int
    sha256: bytes
    source: str


class Digits(NamedTuple):
    """Canonical digits: `images` (n, 28, 28) uint8, light ink on 0, and their `labels` (n,) int64, 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


class NonDigits(NamedTuple):
    """What is no digit: `images` (n, 28, 28) uint8, canonical, and their `kinds`, (n,) str."""

    images: np.ndarray
    kinds: np.ndarray


class Block(NamedTuple):
    """Canonical digits of one split, and of their pictures the (n, 32) uint8 SHA-256 and the n names of sources."""

    split: str
    digits: Digits
    sha256: np.ndarray
    source: Sequence[str]


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

    `rule` is kept in each file: see `split_rule`. `texts` are other files of the folder: their content by name.
    """
    return _write(raw_tables(examples), RAW_SCHEMA, rule, folder, texts)


def raw_splits(folder: Path = paths.RAW) -> list[str]:
    """Names of the splits in `folder`: train before validation before test.

    Raises FileNotFoundError where there is no such folder.
    """
    require(folder)
    return [split for split in SPLITS if (folder / f"{split}.parquet").exists()]


def split_rule(folder: Path = paths.PROCESSED) -> dict[str, Any]:
    """What assigned the splits of raw or processed data: `splits.rule`, empty where a version before rule 1 did.

    Keys: rule, seed, test_fraction, validation_fraction, near_duplicate_distance.
    """
    tables = [folder / f"{split}.parquet" for split in SPLITS if (folder / f"{split}.parquet").exists()]
    return decode_rule(shards.schema(tables[0])) if tables else {}


def decode_rule(schema: pa.Schema) -> dict[str, Any]:
    """The rule that `encode_rule` added to a schema, empty where there is none."""
    return json.loads((schema.metadata or {}).get(_RULE_KEY, "{}"))


def encode_rule(schema: pa.Schema, rule: Mapping[str, Any]) -> pa.Schema:
    """The schema with the rule that assigned the splits in its metadata."""
    return schema.with_metadata({**(schema.metadata or {}), _RULE_KEY: json.dumps(rule)})


def count_rows(path: Path) -> int:
    """Rows of a table, read from the footers of its files."""
    require(path.parent)
    return shards.count_rows(path)


def row_groups(folder: Path = paths.RAW) -> list[RowGroup]:
    """Every row group of the raw splits, train before validation before test, in the order of their rows."""
    found: list[RowGroup] = []
    for split in raw_splits(folder):
        first_row = 0
        addresses = shards.files(folder / f"{split}.parquet")
        for address, footer in zip(addresses, shards.footers(addresses), strict=True):
            for number in range(footer.num_row_groups):
                group = footer.row_group(number)
                found.append(RowGroup(split, address, number, first_row, group.num_rows, group.total_byte_size))
                first_row += group.num_rows
    return found


def workload(groups: Iterable[RowGroup]) -> int:
    """The cost of processing row groups, in small pictures: a photograph counts as many, by its bytes."""
    return sum(max(group.rows, group.size // BYTES_PER_SMALL_PICTURE) for group in groups)


def read_row_group(group: RowGroup) -> list[Example]:
    """A row group's examples, in the order of their rows."""
    with shards.opened(group.file) as file:
        return _examples(group.split, file.read_row_group(group.group))


def read_rows(table: Path | Iterable[Source], split: str, wanted: set[int]) -> dict[int, Example]:
    """The examples at the wanted rows of a raw split, by its path or its files.

    Reads only the row groups that hold them.
    """
    found: dict[int, Example] = {}
    first = 0
    for source in shards.files(table) if isinstance(table, Path) else table:
        with shards.opened(source) as file:
            for group in range(file.metadata.num_row_groups):
                length = file.metadata.row_group(group).num_rows
                rows = [row for row in wanted if first <= row < first + length]
                if rows:
                    examples = _examples(split, file.read_row_group(group))
                    found.update({row: examples[row - first] for row in rows})
                first += length
    return found


def write_processed(blocks: Iterable[Block], rule: Mapping[str, Any], folder: Path = paths.PROCESSED) -> dict[str, int]:
    """Write one Parquet file per split, each block of digits as a row group, in order; return the rows by split."""
    return _write(((block.split, processed_table(block)) for block in blocks), PROCESSED_SCHEMA, rule, folder)


def read_processed(split: str, folder: Path = paths.PROCESSED) -> Digits:
    """Read a whole processed split: 792 bytes a digit."""
    require(folder)
    return read_digits(folder / f"{split}.parquet")


class FileRows(NamedTuple):
    """Some rows of a table: (k,) ascending rows of the file at an address, counted from its first."""

    file: str
    rows: np.ndarray


def locate(path: Path, rows: np.ndarray) -> list[FileRows]:
    """Where (k,) ascending rows of a table are, file by file."""
    found, first = [], 0
    addresses = shards.files(path)
    for address, footer in zip(addresses, shards.footers(addresses), strict=True):
        end = first + footer.num_rows
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
                found.append(_digits(table.take(wanted.rows[begin:stop] - first)))
            first = end
    return concatenate(found)


def read_digit_rows(path: Path, rows: np.ndarray) -> Digits:
    """The digits at (k,) ascending rows of a processed split, holding one row group more at a time; at least one."""
    return concatenate([read_file_rows(one) for one in locate(path, rows)])


def concatenate(parts: Sequence[Digits]) -> Digits:
    """One part after the other, at least one."""
    return Digits(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def read_training() -> Digits:
    """What a network is trained on: the training split, what is drawn with the label NO_DIGIT, and cuts of pages."""
    digits, others, cuts = read_processed("train"), read_non_digits("train").images, read_page_cuts()
    labels = np.concatenate([digits.labels, np.full(len(others), NO_DIGIT), cuts.labels])
    return Digits(np.concatenate([digits.images, others, cuts.images]), labels)


def read_training_groups(file: pq.ParquetFile, groups: Sequence[int]) -> Digits:
    """Row groups of a file that a network is trained on; of what is no digit, the rows of the training split."""
    if "split" not in file.schema_arrow.names:
        return _digits(file.read_row_groups(groups, ["image", "label"], use_threads=False))
    table = file.read_row_groups(groups, ["image", "split"], use_threads=False)
    images = _images(table.filter(pc.equal(table["split"], "train")))
    return Digits(images, np.full(len(images), NO_DIGIT))


def count_training_rows(file: pq.ParquetFile) -> list[int]:
    """The rows of each row group that `read_training_groups` returns."""
    groups = range(file.metadata.num_row_groups)
    if "split" not in file.schema_arrow.names:
        return [file.metadata.row_group(group).num_rows for group in groups]
    splits = (file.read_row_group(group, ["split"])["split"] for group in groups)
    return [pc.sum(pc.equal(split, "train")).as_py() or 0 for split in splits]


def read_digits(table: Path | Iterable[Source]) -> Digits:
    """All digits of a processed split, by its path or its files."""
    return _digits(shards.read(table, ["image", "label"]))


def read_sources(table: Path | Iterable[Source]) -> np.ndarray:
    """(n,) str: the name of each row's source, in a split of raw or processed data, by its path or its files."""
    return shards.read(table, ["source"])["source"].cast(pa.string()).to_numpy().astype(str)


def count_by_source(path: Path) -> Counter[str]:
    """How many rows of a split of raw or processed data, by its path, are of each source; one file is in memory."""
    counts: Counter[str] = Counter()
    for address in shards.files(path):
        with shards.opened(address) as file:
            found = file.read(["source"])["source"].unify_dictionaries().value_counts()
        counts.update({one["values"]: one["counts"] for one in found.to_pylist()})
    return counts


def count_sources(folder: Path) -> dict[str, dict[str, int]]:
    """The pictures of each source, by name, in each split of raw or processed data."""
    by_split = {split: count_by_source(folder / f"{split}.parquet") for split in SPLITS}
    return {
        name: {split: by_split[split][name] for split in SPLITS} for name in sorted(set().union(*by_split.values()))
    }


def print_sources(folder: Path) -> None:
    """Print the pictures of each source by split, where there are several."""
    print_source_counts(count_sources(folder))


def print_source_counts(counts: Mapping[str, Mapping[str, int]]) -> None:
    """The same of counts by source and split."""
    for name, by_split in counts.items() if len(counts) > 1 else ():
        print(f"  {name}: " + ", ".join(f"{count:,} {split}" for split, count in by_split.items()))


def read_picture_hashes(split: str, folder: Path = paths.PROCESSED) -> np.ndarray:
    """(n,) 'S64': the SHA-256 of each processed picture of a split (`pictures.pixel_digest`), in hexadecimal digits.

    In the order of `read_processed`. Raises UserError where the file was written before there was a rule of splits.
    """
    return read_hashes(folder / f"{split}.parquet")


def read_hashes(table: Path | Iterable[Source]) -> np.ndarray:
    """The same of a table with a column `sha256`, by its path or its files."""
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


def processed_groups(path: Path) -> Iterator[Digits]:
    """The digits of a processed split, by its path, one row group after the other."""
    for address in shards.files(path):
        with shards.opened(address) as file:
            for group in range(file.metadata.num_row_groups):
                yield _digits(file.read_row_group(group, ["image", "label"]))


def read_first_processed(split: str, each: int, folder: Path = paths.PROCESSED) -> Digits:
    """The first `each` digits of every label of a processed split, holding one row group at a time."""
    images, labels, found = [], [], np.zeros(len(LABELS), int)
    for digits in processed_groups(folder / f"{split}.parquet"):
        for label in LABELS:
            rows = np.flatnonzero(digits.labels == label)[: each - found[label]]
            images.append(digits.images[rows])
            labels.append(digits.labels[rows])
            found[label] += len(rows)
        if (found == each).all():
            break
    return Digits(images=np.concatenate(images), labels=np.concatenate(labels))


def write_non_digits(found: Iterable[tuple[str, str, np.ndarray]], path: Path = paths.NON_DIGITS) -> None:
    """Write what is no digit: of each split and kind (n, 28, 28) uint8 canonical pictures."""
    if path.is_dir():
        remove(path)  # the shards of the other engine
    with atomic_write(path) as temporary, pq.ParquetWriter(temporary, NON_DIGITS_SCHEMA) as writer:
        for one in found:
            writer.write_table(non_digits_table(*one))


def non_digits_table(split: str, kind: str, images: np.ndarray) -> pa.Table:
    """Rows of what is no digit, of a split and kind: a row group of their file."""
    columns = {"image": _binary(images), "split": [split] * len(images), "kind": [kind] * len(images)}
    return pa.table(columns).cast(NON_DIGITS_SCHEMA)


def read_non_digits(split: str, path: Path = paths.NON_DIGITS) -> NonDigits:
    """What is no digit, of the split "train" or "test"."""
    found = [NON_DIGITS_SCHEMA.empty_table()]
    column = NON_DIGITS_SCHEMA.get_field_index("split")
    for address in shards.files(path):
        with shards.opened(address) as file:
            for group in range(file.metadata.num_row_groups):
                known = file.metadata.row_group(group).column(column).statistics
                if known and known.has_min_max and not known.min <= split <= known.max:
                    continue  # the rows of the other split, which may be many more, are not read
                table = file.read_row_group(group)
                found.append(table.filter(pc.equal(table["split"], split)))
    table = pa.concat_tables(found)
    return NonDigits(_images(table), table["kind"].cast(pa.string()).to_numpy().astype(str))


def write_page_cuts(found: Iterable[Digits], path: Path = paths.PAGE_CUTS) -> None:
    """Write what is cut from composed pages, page by page; the labels may be NO_DIGIT."""
    with atomic_write(path) as temporary, pq.ParquetWriter(temporary, PAGE_CUTS_SCHEMA) as writer:
        for cuts in found:
            columns = {"image": _binary(cuts.images), "label": cuts.labels}
            writer.write_table(pa.table(columns, schema=PAGE_CUTS_SCHEMA))


def read_page_cuts(path: Path = paths.PAGE_CUTS) -> Digits:
    """What is cut from composed pages of training digits; the labels may be NO_DIGIT."""
    return _digits(shards.read(path))


def _digits(table: pa.Table) -> Digits:
    return Digits(images=_images(table), labels=table["label"].to_numpy())


def _images(table: pa.Table) -> np.ndarray:
    pixels = table["image"].combine_chunks()
    images = np.frombuffer(pixels.buffers()[1], np.uint8).reshape(-1, DIGIT_SIZE, DIGIT_SIZE)
    return images[pixels.offset : pixels.offset + len(pixels)]


def _write(
    tables: Iterable[tuple[str, pa.Table]],
    schema: pa.Schema,
    rule: Mapping[str, Any],
    folder: Path,
    texts: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, int]:
    """Write each table as a row group of its split's file, and the texts to the same folder."""
    counts = dict.fromkeys(SPLITS, 0)
    with atomic_write(folder) as temporary, ExitStack() as open_files:
        temporary.mkdir()
        writers = {
            split: open_files.enter_context(
                pq.ParquetWriter(temporary / f"{split}.parquet", encode_rule(schema, rule) if rule else schema)
            )
            for split in SPLITS
        }
        for split, table in tables:
            writers[split].write_table(table)
            counts[split] += table.num_rows
        for name, text in texts.items():
            (temporary / name).write_text(text, encoding="utf-8")
    return counts


def _examples(split: str, table: pa.Table) -> list[Example]:
    image = table["image"].combine_chunks()
    columns = [column.to_pylist() for column in (image.field("bytes"), image.field("path"), table["label"])]
    # Raw files of version 0.2, which `digits data diff` reads, have neither hashes nor sources.
    for name, unknown in (("sha256", b""), ("source", "")):
        columns.append(table[name].to_pylist() if name in table.column_names else [unknown] * len(table))
    return [Example(split, *row) for row in zip(*columns, strict=True)]


def raw_tables(examples: Iterable[Example]) -> Iterator[tuple[str, pa.Table]]:
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
    labels, digests, names = (
        [getattr(example, name) for example in examples] for name in ("label", "sha256", "source")
    )
    columns = {"image": images, "label": labels, "sha256": digests, "source": pa.array(names, SOURCE)}
    return pa.table(columns, schema=RAW_SCHEMA)


def processed_table(block: Block) -> pa.Table:
    """The rows of a processed split: a row group of its file."""
    images, digests = _binary(block.digits.images), _binary(block.sha256)
    names = pa.array(block.source, SOURCE)
    columns = {"image": images, "label": block.digits.labels, "sha256": digests, "source": names}
    return pa.table(columns, schema=PROCESSED_SCHEMA)


def _binary(rows: np.ndarray) -> pa.Array:
    """Each of n rows of uint8 as its bytes."""
    width, values = math.prod(rows.shape[1:]), pa.py_buffer(np.ascontiguousarray(rows))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(width), len(rows), [None, values])

"""Pictures and labels in the user's Parquet files: a folder of them, one file, or an address that fsspec reads.

Each file has the columns `image` and `label`, as Hugging Face writes them: `image` is a struct of the encoded `bytes`
and a `path`, or the bytes alone; `label` is a whole number, or the text of one.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from digits.addresses import redact
from digits.data import shards
from digits.errors import UserError, printable

SUFFIX = ".parquet"
ROWS_PER_BATCH = 250  # pictures in memory at once
HUGGING_FACE = "expected the columns image, a struct of bytes and path or the bytes alone, and label, a whole number"


class Part(NamedTuple):
    """Consecutive row groups of a file. `name` is the file's below the folder; `first_row` counts in the file."""

    address: str
    name: str
    groups: tuple[int, ...]
    first_row: int


class Row(NamedTuple):
    """A picture's encoded bytes, its own path or the file's name and the row from 0, and its label."""

    data: bytes
    path: str
    label: int


def parts(address: str, rows: int) -> Iterator[Part]:
    """The files' row groups in the order of the files' names, in parts of at most `rows` rows; a larger group is one.

    Raises UserError where there is no file, or one has other columns, before the first part.
    """
    files = _files(address)
    sizes = shards.of_each(_group_sizes, [file for file, _ in files])
    for (file, name), of_file in zip(files, sizes, strict=True):
        groups: list[int] = []
        first = row = 0
        for number, size in enumerate(of_file):
            if groups and row + size - first > rows:
                yield Part(file, name, tuple(groups), first)
                groups, first = [], row
            groups.append(number)
            row += size
        if row > first:
            yield Part(file, name, tuple(groups), first)


def read(part: Part) -> Iterator[Row]:
    """The rows of a part. Raises UserError that names the file and the row of what is no picture with a label."""
    first = part.first_row
    for batch in _batches(part):
        yield from _rows(batch, part, first)
        first += batch.num_rows


def _batches(part: Part) -> Iterator[pa.RecordBatch]:
    with _opened(part.address) as file:
        yield from file.iter_batches(ROWS_PER_BATCH, row_groups=list(part.groups), columns=["image", "label"])


def _files(address: str) -> list[tuple[str, str]]:
    """The address and the name of each Parquet file, in the order of the names."""
    import fsspec

    with _errors(address):
        system, root = fsspec.url_to_fs(address)
        if system.isfile(root):
            return [(address, root.rsplit("/", 1)[-1])]
        found = [name.removeprefix(root).strip("/") for name in system.find(root)]
        names = sorted(name for name in found if name.endswith(SUFFIX) and not name.startswith("."))
        if not names:
            what = f"has no {SUFFIX} file" if system.isdir(root) else "does not exist"
            raise UserError(f"{_shown(address)} {what}; put your files there, or set ingest.parquet to where they are")
    return [(f"{address.rstrip('/')}/{name}", name) for name in names]


def _group_sizes(address: str) -> list[int]:
    """The rows of each row group of a file that has the columns. Raises UserError where it has others."""
    with _opened(address) as file:
        problem = _problem(file.schema_arrow)
        if problem:
            raise UserError(f"{_shown(address)}: {problem}; {HUGGING_FACE}")
        return [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]


def _problem(schema: pa.Schema) -> str:
    """What is wrong with a schema; empty where it is right."""
    for name in ("image", "label"):
        if schema.names.count(name) != 1:
            return f"there is no column {name}, only {', '.join(map(printable, schema.names)) or 'no column at all'}"
    image, label = schema.field("image").type, schema.field("label").type
    encoded = image
    if pa.types.is_struct(image):
        fields = {field.name: field.type for field in image}
        encoded = fields.get("bytes", image)
        if not (_is_text(path := fields.get("path", pa.null())) or pa.types.is_null(path)):
            return f"the path of image is {path}"
    if not (pa.types.is_binary(encoded) or pa.types.is_large_binary(encoded)):
        return f"image is {image}"
    if pa.types.is_integer(label) or _is_text(label):
        return ""
    return f"label is {label}"


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _rows(batch: pa.RecordBatch, part: Part, first: int) -> Iterator[Row]:
    images, labels = batch["image"], batch["label"]
    names: list[str | None] = [None] * len(images)
    if pa.types.is_struct(images.type):
        if images.type.get_field_index("path") >= 0:
            names = pc.struct_field(images, "path").to_pylist()
        images = pc.struct_field(images, "bytes")
    for row, (data, name, label) in enumerate(zip(images.to_pylist(), names, labels.to_pylist(), strict=True), first):
        if not data:
            raise UserError(
                f"{_shown(part.address)}: row {row}: image has no bytes; remove the row, or embed the picture's file"
            )
        yield Row(data, name or f"{part.name} row {row}", _whole_number(label, part, row))


def _whole_number(label: int | str | None, part: Part, row: int) -> int:
    text = str(label).strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):  # as many digits as 64 bits hold
        found = "missing" if label is None else repr(label)
        raise UserError(f"{_shown(part.address)}: row {row}: label is {found}; expected a whole number, 0 to 9")
    return int(text)


@contextmanager
def _opened(address: str) -> Iterator[pq.ParquetFile]:
    import fsspec

    with _errors(address):
        system, path = fsspec.url_to_fs(address)
        # `cache_type`: see `shards.opened`
        with system.open(path, "rb", cache_type="none") as opened, pq.ParquetFile(opened) as file:
            yield file


@contextmanager
def _errors(address: str) -> Iterator[None]:
    """Raise UserError, naming the file, for what an fsspec backend or Arrow raises: each has errors of its own."""
    try:
        yield
    except (UserError, MemoryError):
        raise
    except FileNotFoundError:
        raise UserError(f"{_shown(address)} does not exist; set ingest.parquet to where your files are") from None
    except Exception as error:
        if shards.is_remote(address) and shards.is_of_storage(error):
            raise shards.out_of_reach(address, error) from None
        cause = redact(" ".join(f"{type(error).__name__} {error}".split()))
        raise UserError(f"{_shown(address)} can't be read as Parquet: {cause}") from None


def _shown(address: str) -> str:
    return printable(redact(address))

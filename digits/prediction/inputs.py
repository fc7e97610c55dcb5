"""The pictures that a command's arguments name: files, folders, glob patterns, Parquet files and standard input."""

import glob
import hashlib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from digits.data import shards
from digits.data.labelled_folders import PICTURE_SUFFIXES, text
from digits.data.raw_tables import BYTES_PER_SMALL_PICTURE
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError, printable

STDIN = "-"
BATCH_PICTURES = 64  # pictures that are decoded, classified and written together
BATCH_BYTES = 8 << 20  # of encoded pictures: a batch of photographs has fewer
BUFFER_BYTES = 1 << 20  # of a Parquet file: else a whole row group is in memory
HEAD_BYTES = 1024  # of standard input: every encoded picture has a zero in them, or begins as a PPM; no path has one
PPM = re.compile(rb"P[1-6f]\s+[\d#-]")


class PictureInput(NamedTuple):
    """One picture: its name as shown, and its file, its encoded bytes or its canonical digit, (28, 28) uint8.

    `content` is None where a row of a Parquet file has no picture.
    """

    name: str
    content: Path | bytes | np.ndarray | None


class RowGroup(NamedTuple):
    """A row group with pictures, in a column of the Parquet file at an address; `first_row` is of the table `name`."""

    name: str
    file: str
    group: int
    column: str
    first_row: int
    rows: int
    size: int

    def pictures(self) -> Iterator[PictureInput]:
        """The pictures, in the order of their rows."""
        with _opened(self.file) as file:
            for row, data in enumerate(_pictures(file, self.column, [self.group]), self.first_row):
                yield PictureInput(f"{self.name}#{row}", data)


class Listing:
    """The pictures that the arguments name, in their order; each iteration reads them anew, a batch at a time.

    An argument is a file, a folder (the pictures in it and below, by suffix, sorted), a Parquet file, a glob pattern or
    `-`: standard input, which is one encoded picture or a list of files, one a line. A file that does not exist is a
    picture all the same if its suffix is a picture's. Raises UserError for an argument that names nothing, and where
    one of the files is among `outputs`, which are to be written.

    `count` is the number of pictures; `workload` is the cost of decoding them, in small pictures; `digest` is the
    SHA-256 of their names and of their files' sizes and times.
    """

    def __init__(self, arguments: Sequence[str], outputs: Sequence[Path] = ()) -> None:
        self._arguments = arguments
        self._stdin = tempfile.NamedTemporaryFile(prefix="digits-stdin-")  # noqa: SIM115 - as long as the listing
        if STDIN in arguments and sys.stdin is not None:  # None where it is closed
            shutil.copyfileobj(sys.stdin.buffer, self._stdin)
            self._stdin.flush()
        self._row_groups: dict[Path, list[RowGroup]] = {}  # of each Parquet file
        self.count = self.workload = 0
        found = hashlib.sha256()
        for name, path in self._files():
            if any(path.name == one.name and path.resolve() == one.resolve() for one in outputs):
                raise UserError(f"{printable(path)} would be read and written; name another file to write")
            size, times = _size_and_times(path)
            pictures = 1
            if _is_parquet(path):
                self._row_groups[path] = _row_groups(path)
                pictures = sum(group.rows for group in self._row_groups[path])
            self.count += pictures
            self.workload += max(pictures, size // BYTES_PER_SMALL_PICTURE)
            found.update(repr((name, size, times)).encode())
        self.digest = found.hexdigest()

    def batches(self) -> Iterator[list[PictureInput]]:
        """The pictures in batches; the same arguments and files give the same batches."""
        return in_batches(self)

    def __iter__(self) -> Iterator[PictureInput]:
        for name, path in self._files():
            if _is_parquet(path):
                yield from _parquet_pictures(path)
            else:
                yield PictureInput(name, path)

    def units(self) -> Iterator[PictureInput | RowGroup]:
        """The pictures as what other processes can take and read: files, by absolute paths, and row groups."""
        for name, path in self._files():
            if _is_parquet(path):
                yield from self._row_groups[path]
            else:
                yield PictureInput(name, path.absolute())

    def _files(self) -> Iterator[tuple[str, Path]]:
        """The name and path of each picture's file and of each Parquet file."""
        for argument in self._arguments:
            if argument == STDIN:
                yield from self._stdin_files()
            else:
                yield from ((text(path), path) for path in _argument_files(argument))

    def _stdin_files(self) -> Iterator[tuple[str, Path]]:
        path = Path(self._stdin.name)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
            if b"\0" in head or PPM.match(head):
                yield STDIN, path
                return
            file.seek(0)
            lines = (os.fsdecode(line).strip("\r\n") for line in file)
            empty = True
            for line in filter(None, lines):
                empty = False
                yield text(Path(line)), Path(line)
        if empty:
            raise UserError("standard input is empty; expected one picture, or a list of paths, one a line")


def in_batches(pictures: Iterable[PictureInput]) -> Iterator[list[PictureInput]]:
    """Pictures in batches of BATCH_PICTURES, or of fewer where they have BATCH_BYTES."""
    batch: list[PictureInput] = []
    size = 0
    for picture in pictures:
        batch.append(picture)
        size += encoded_size(picture.content)
        if len(batch) == BATCH_PICTURES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _argument_files(argument: str) -> Iterator[Path]:
    path = Path(argument)
    if os.path.lexists(path):
        yield from _below(path)
    elif glob.has_magic(argument):
        matches = sorted(glob.glob(argument, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not matches:
            raise UserError(f"{printable(argument)} matches no file or folder")
        for match in map(Path, matches):
            yield from _below(match)
    elif path.suffix.lower() in PICTURE_SUFFIXES:
        yield path  # its row has the error
    else:
        raise UserError(
            f"{printable(argument)} does not exist; expected a picture, a folder, a Parquet file or a glob pattern"
        )


def _below(path: Path) -> Iterable[Path]:
    """The pictures in a folder; a file or a table of shards itself."""
    return _walk(path) if path.is_dir() and not _is_parquet(path) else [path]


def _walk(root: Path) -> Iterator[Path]:
    """The pictures in a folder and below; links to folders and names that begin with a dot are left out."""
    found = False
    for folder, folders, names in os.walk(root, onerror=_raise_unreadable):
        folders[:] = sorted(name for name in folders if name[0] != ".")
        for name in sorted(names):
            if name[0] != "." and Path(name).suffix.lower() in PICTURE_SUFFIXES:
                found = True
                yield Path(folder, name)
    if not found:
        suffixes = " ".join(sorted(PICTURE_SUFFIXES))
        raise UserError(
            f"{printable(root)} has no picture, in it or below: no file's name ends in one of {suffixes}; "
            f"name other pictures, and Parquet files, themselves"
        )


def _raise_unreadable(error: OSError) -> None:
    raise UserError(f"{printable(error.filename)} can't be read: {error.strerror}") from None


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet"


def _size_and_times(path: Path) -> tuple[int, list[int]]:
    """The bytes of a file, or of a table's shards or list of shards, and the time of the last change of each."""
    listed = path / shards.LIST
    files = [listed] if listed.is_file() else sorted(path.glob(shards.PATTERN)) if path.is_dir() else [path]
    sizes, times = zip(*map(_size_and_time, files), strict=True) if files else ((), ())
    return sum(sizes), list(times)


def _size_and_time(path: Path) -> tuple[int, int]:
    """A file's size in bytes, and the time of its last change in ns; zeros where there is no such file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return 0, 0
    return found.st_size, found.st_mtime_ns


def encoded_size(content: Path | bytes | np.ndarray | None) -> int:
    """The bytes of a picture as it is read."""
    return _size_and_time(content)[0] if isinstance(content, Path) else len(content) if content is not None else 0


@contextmanager
def _opened(source: str) -> Iterator[pq.ParquetFile]:
    if shards.is_remote(source):
        with shards.opened(source) as file:
            yield file
        return
    path = Path(source)
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES, page_checksum_verification=True) as file:
            yield file
    except OSError as error:
        raise UserError(f"{printable(path)} can't be read: {error.strerror or error}") from None
    except pa.ArrowException as error:
        raise UserError(f"{printable(path)} can't be read as Parquet: {printable(error)}") from None


def _parquet_pictures(path: Path) -> Iterator[PictureInput]:
    """The pictures of a Parquet file, in the order of its rows, which are counted from 0."""
    row = 0
    for source in shards.files(path):
        with _opened(source) as file:
            for data in _pictures(file, _picture_column(path, file.schema_arrow)):
                yield PictureInput(f"{text(path)}#{row}", data)
                row += 1


def _row_groups(path: Path) -> list[RowGroup]:
    """The row groups of a Parquet file or a table of shards that have rows."""
    try:
        sources = shards.files(path)
    except FileNotFoundError:
        if not path.is_dir():
            raise
        raise UserError(
            f"{printable(path)} has no {shards.PATTERN}; expected a table of shards, or a Parquet file"
        ) from None
    found, row = [], 0
    for source, footer in zip(sources, shards.of_each(_footer, sources), strict=True):
        column = _picture_column(path, footer.schema.to_arrow_schema())
        address = source if shards.is_remote(source) else str(Path(source).absolute())
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            if group.num_rows:
                found.append(RowGroup(text(path), address, number, column, row, group.num_rows, group.total_byte_size))
            row += group.num_rows
    return found


def _footer(source: str) -> pq.FileMetaData:
    with _opened(source) as file:
        return file.metadata


def _pictures(
    file: pq.ParquetFile, column: str, groups: list[int] | None = None
) -> Iterator[bytes | np.ndarray | None]:
    """What a column has of each row: encoded bytes, or a canonical digit."""
    for batch in file.iter_batches(BATCH_PICTURES, groups, [column]):
        values = batch.column(0)
        if pa.types.is_struct(values.type):
            values = pc.struct_field(values, "bytes")
        canonical = pa.types.is_fixed_size_binary(values.type)
        for data in values.to_pylist():
            yield np.frombuffer(data, np.uint8).reshape(DIGIT_SIZE, DIGIT_SIZE) if canonical and data else data


def _picture_column(path: Path, schema: pa.Schema) -> str:
    """The column that has the pictures, as `iter_batches` names it. Raises UserError where there is none."""
    types = {field.name: field.type for field in schema}
    image = types.get("image")
    if image is not None and pa.types.is_struct(image) and image.get_field_index("bytes") >= 0:
        return "image.bytes"
    for name in ("image", "bytes"):
        kind = types.get(name, pa.null())
        if kind in (pa.binary(), pa.large_binary(), pa.binary(DIGIT_SIZE * DIGIT_SIZE)):
            return name
    found = ", ".join(f"{printable(name)} ({printable(kind)})" for name, kind in types.items())
    raise UserError(
        f"{printable(path)} has the columns {found}; expected `image`, a struct with the encoded `bytes` of a picture, "
        f"as in data/raw, or `image` or `bytes` as binary"
    )

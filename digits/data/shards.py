"""Tables in Parquet, as one file or as shards: files in a folder of the table's name, or in object storage.

The rows of the shards, one shard after the other, are the rows of the table. The folder has a list of them, so that a
missing one is noticed. Of shards in object storage each name there contains the SHA-256 of its file, so that a list
always means the same.
"""

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any, NamedTuple, TypeVar
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from digits.addresses import redact
from digits.errors import UserError
from digits.files import digest, read_json, remove, write_json

LIST = "shards.json"  # of shards in object storage
LOCAL_LIST = "files.json"  # of shards in the folder: the rows of each by its name, in the order of the table
PATTERN = "part-*.parquet"
PARTIAL = ".partial-"  # and a random name: several processes may write the same shard
CREATE_BUCKET_HINT = "create the bucket, or correct spark.storage in params.yaml"
OUT_OF_REACH_HINT = (
    "check the network, AWS_ENDPOINT_URL and the credentials in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
)
FILES_AT_ONCE = 16  # of which little is read: of an object store each takes a while
EXPECTED_ADDRESS = "expected an address such as s3://bucket/folder; correct spark.storage in params.yaml"

ParquetSource = str | IO[bytes]  # of a file: its path, its address, or the open file
File = TypeVar("File", bound=ParquetSource)
Result = TypeVar("Result")


class Shard(NamedTuple):
    """A file that was written: its name, its rows, and in object storage the SHA-256 of its bytes."""

    name: str
    rows: int
    sha256: str


class GroupSize(NamedTuple):
    """A row group: its rows, and its bytes before compression."""

    rows: int
    size: int


class Destination(NamedTuple):
    """Where a table's shards are written: to `folder`, or to the address `storage`, with a list of them in `folder`."""

    folder: Path
    storage: str = ""

    def address(self, shard: Shard) -> str:
        """The address of a shard that was written there."""
        return f"{self.storage or self.folder}/{shard.name}"


def destination(storage: str | None, folder: Path, path: Path) -> Destination:
    """Where the shards of the table `path` of the project are written.

    That is to `folder`, until it is put in place, or to the address <storage>/<path>.
    """
    return Destination(folder.absolute(), f"{storage}/{path}" if storage else "")


def files(path: Path) -> list[str]:
    """The addresses of a table's files, in the order of its rows.

    Raises FileNotFoundError where there is none, UserError where one that is listed is missing.
    """
    if path.is_file():
        return [str(path)]
    if (path / LIST).is_file():
        return addresses(read_json(path / LIST))
    if (path / LOCAL_LIST).is_file():
        names = read_json(path / LOCAL_LIST)
        present = {file.name for file in path.iterdir()}
        if missing := [name for name in names if name not in present]:
            raise UserError(
                f"{path / missing[0]} is missing, which {LOCAL_LIST} lists; `dvc checkout` restores what DVC keeps, or "
                "`dvc repro` writes the table again"
            )
        return [str(path / name) for name in names]
    found = sorted(map(str, path.glob(PATTERN)), key=lambda name: (len(name), name))  # part-100000 after part-99999
    if not found:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return found


def addresses(content: dict[str, Any]) -> list[str]:
    """The addresses of the shards, by the content of their list."""
    return [f"{content['storage']}/{shard['name']}" for shard in content["shards"]]


@contextmanager
def opened(source: ParquetSource) -> Iterator[pq.ParquetFile]:
    """A Parquet file, by its path, its address or an open file.

    Raises UserError where it is damaged, or missing in storage; FileNotFoundError where there is no such path. Read in
    the block, and compute elsewhere: an error of Arrow or of a file system there is taken for the file's.
    """
    try:
        if isinstance(source, str) and is_remote(source):
            with _storage_errors(source, _restore(source)):
                system, path = _remote(source)
                # By default s3fs reads 50 MB on from each place: most of a shard for any part of it
                with system.open(path, "rb", cache_type="none") as remote, _parquet(remote, True) as file:
                    yield file
        else:
            with _parquet(source) as file:
                yield file
    except MemoryError:  # pa.ArrowMemoryError is one
        raise
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None) is not None:  # of the system, not Arrow's
            raise
        name = redact(source) if isinstance(source, str) else getattr(source, "name", "a file")
        cause = " ".join(str(error).split()).rstrip(".")
        raise UserError(f"{name} is damaged: {cause}; {_restore(name)}") from None


def read(table: Path | Iterable[ParquetSource], columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a table, of all columns or of those of these that it has. `table` is its path, or its files."""
    found = []
    for source in files(table) if isinstance(table, Path) else table:
        with opened(source) as file:
            found.append(file.read(columns))
    return pa.concat_tables(found)


def row_groups(source: ParquetSource, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The row groups of a file, one after the other, of all columns or of these. Raises the errors of `opened`."""
    with opened(source) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns)


def schema(path: Path) -> pa.Schema:
    """The schema of a table, with its metadata."""
    with opened(files(path)[0]) as file:
        return file.schema_arrow


def count_rows(path: Path) -> int:
    """Rows of a table, read from the footers of its files."""
    return sum(group.rows for _, groups in row_groups_by_file(path) for group in groups)


def row_groups_by_file(path: Path) -> list[tuple[str, list[GroupSize]]]:
    """The addresses of a table's files with their row groups, in order, from their footers; several are read at once.

    A footer takes some tens of kB, of which a table of thousands of shards keeps these numbers.
    """
    addresses = files(path)
    return list(zip(addresses, of_each(_group_sizes, addresses), strict=True))


def of_each(function: Callable[[File], Result], files: Sequence[File]) -> list[Result]:
    """What `function` returns of each file, in order; several are read at the same time, as each is waited for."""
    with ThreadPoolExecutor(FILES_AT_ONCE) as pool:
        return list(pool.map(function, files))


def write(destination: Destination, number: int, schema: pa.Schema, tables: Iterable[pa.Table]) -> Shard:
    """Write one shard, each table as a row group; see `writer`."""
    with writer(destination, number, schema) as shard:
        for table in tables:
            shard.write(table)
    return shard.written


class ShardWriter:
    """A shard that is being written. `written` has its rows so far, and its name and hash when it is in place."""

    def __init__(self, name: str, file: pq.ParquetWriter) -> None:
        self.written, self._file = Shard(name, 0, ""), file

    def write(self, table: pa.Table) -> None:
        """Write a row group."""
        self._file.write_table(table)
        self.written = self.written._replace(rows=self.written.rows + table.num_rows)


@contextmanager
def writer(destination: Destination, number: int, schema: pa.Schema) -> Iterator[ShardWriter]:
    """Write one shard, and put it in place at the end of the block; nothing where there is no row.

    The same content gives the same bytes at the same place, so that several processes may write it. The folder that
    contains the destination's must be there: a process that the driver has given up must not make it anew.
    """
    remote, name = bool(destination.storage), part_name(number)
    with TemporaryDirectory() if remote else nullcontext(destination.folder) as folder:
        local = Path(folder)
        local.mkdir(exist_ok=True)
        temporary = local / f"{PARTIAL}{uuid4().hex}"
        try:
            with pq.ParquetWriter(temporary, schema, write_page_checksum=True) as file:
                shard = ShardWriter(name, file)
                yield shard
            if shard.written.rows and remote:
                sha256 = digest(temporary, "sha256")
                name = f"part-{number:05d}-{sha256[:16]}.parquet"
                shard.written = shard.written._replace(name=name, sha256=sha256)
                address = destination.address(shard.written)
                with _storage_errors(address, CREATE_BUCKET_HINT):
                    system, path = _remote(address)
                    system.put_file(str(temporary), path)
            elif shard.written.rows:
                temporary.replace(destination.folder / name)
        finally:
            temporary.unlink(missing_ok=True)


def finish(destination: Destination, written: Sequence[Shard], schema: pa.Schema) -> int:
    """Complete a table whose shards are written; returns its rows. A table without rows gets one file without any."""
    for incomplete in destination.folder.glob(f"{PARTIAL}*"):  # of a process that was killed
        incomplete.unlink()
    kept = [shard for shard in written if shard.rows]
    if not kept:
        destination.folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(schema.empty_table(), destination.folder / part_name(0))
    elif destination.storage:
        write_json(
            destination.folder / LIST, {"storage": destination.storage, "shards": [one._asdict() for one in kept]}
        )
    else:
        write_json(destination.folder / LOCAL_LIST, {shard.name: shard.rows for shard in kept})
    return sum(shard.rows for shard in kept)


def discard(destination: Destination) -> None:
    """Remove all shards in the folder and at the address, and the folder."""
    remove(destination.folder)
    if destination.storage:
        with _storage_errors(destination.storage, CREATE_BUCKET_HINT):
            system, path = _remote(destination.storage)
            if system.exists(path):
                system.rm(path, recursive=True)


def part_name(number: int) -> str:
    """The file name of a shard in a folder: in the order of these names the shards are read."""
    return f"part-{number:05d}.parquet"


def is_remote(address: str) -> bool:
    """Whether it is an address that fsspec reads, such as s3://bucket/file, and no path."""
    return "://" in address


def _group_sizes(source: ParquetSource) -> list[GroupSize]:
    with opened(source) as file:
        groups = map(file.metadata.row_group, range(file.num_row_groups))
        return [GroupSize(group.num_rows, group.total_byte_size) for group in groups]


def _parquet(source: ParquetSource, remote: bool = False) -> pq.ParquetFile:
    """`remote`: neighbouring columns and row groups are fetched in one request."""
    return pq.ParquetFile(source, page_checksum_verification=True, pre_buffer=remote)


def _remote(address: str) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path there."""
    import fsspec

    options = {"auto_mkdir": True} if address.startswith("file://") else {}
    try:
        system, path = fsspec.url_to_fs(address, **options)
        return system, path
    except (ValueError, ImportError) as error:  # a protocol that there is not, or whose package is not installed
        raise UserError(redact(f"{address} can't be used: {error}; {EXPECTED_ADDRESS}")) from None


@contextmanager
def _storage_errors(address: str, hint: str) -> Iterator[None]:
    """Raise what a file system raises as a UserError with the address; `hint` says what to do where it is not there."""
    try:
        yield
    except FileNotFoundError as error:  # its text may name only the path
        raise UserError(redact(f"{address} does not exist, or its bucket: {error}; {hint}")) from None
    except Exception as error:
        if not is_of_storage(error):
            raise
        raise out_of_reach(address, error) from None


def out_of_reach(address: str, error: Exception) -> UserError:
    """The error for a storage that can't be reached, or does not take the credentials."""
    return UserError(redact(f"{address} is out of reach: {type(error).__name__}: {error}; {OUT_OF_REACH_HINT}"))


def is_of_storage(error: Exception) -> bool:
    """Whether a file system raised it, and not who reads the file: each of fsspec's has errors of its own."""
    return isinstance(error, PermissionError | ConnectionError | TimeoutError) or type(error).__module__.startswith(
        ("botocore", "aiobotocore", "aiohttp", "s3fs")
    )


def _restore(name: str) -> str:
    if is_remote(name):
        return (
            "restore it from a version that the bucket keeps, or write it again: `dvc repro --force --single-item` and "
            "the stage that wrote it"
        )
    return "`dvc checkout` restores what DVC keeps, or remove the file and run `dvc repro`"

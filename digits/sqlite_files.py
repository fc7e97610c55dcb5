"""SQLite databases that several processes write: their schema, transactions, and what their errors mean."""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path

from digits.errors import UserError, printable

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PROBE_BYTES = 1 << 20  # more than what SQLite failed to write
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class FullError(OSError):
    """The disk, a quota or a limit of file sizes is exhausted; nothing of the change is kept."""

    def __init__(self, folder: Path) -> None:
        super().__init__(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))


class BusyError(UserError):
    """Another process has locked the database for longer than one waits."""


class SqliteFile:
    """A database that the first change creates, with its folder, which only its owner may read.

    `busy_seconds` is how long one waits for another's transaction. With `synchronous` NORMAL a crash of the machine may
    lose the last changes; FULL flushes each. With `secure_delete` deleted rows are overwritten. `remedy` says what to
    do about a damaged file. Any thread and process may use it.
    """

    def __init__(
        self,
        path: Path,
        schema: str,
        version: int,
        *,
        busy_seconds: float,
        synchronous: str = "FULL",
        secure_delete: bool = False,
        remedy: str,
    ) -> None:
        self.path, self._schema, self._version, self._remedy = path, schema, version, remedy
        self._busy_seconds, self._synchronous, self._secure_delete = busy_seconds, synchronous, secure_delete

    def exists(self) -> bool:
        """Whether there is a file."""
        return self.path.exists()

    def open(self) -> sqlite3.Connection:
        """A connection to change it, to be closed by the caller; the methods below use one of their own."""
        with self.errors(), ExitStack() as stack:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            connection = stack.enter_context(closing(self._connect("rwc")))
            if self._is_new(connection):
                self._create(connection)
            with suppress(sqlite3.OperationalError):  # while others use a new file: a later one succeeds
                connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(f"PRAGMA synchronous = {self._synchronous}")
            connection.execute(f"PRAGMA secure_delete = {'ON' if self._secure_delete else 'OFF'}")
            stack.pop_all()  # the caller closes it
            return connection

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction during which no other change runs; it is undone where the block raises."""
        with self.errors(), closing(self.open()) as connection, transaction(connection):
            yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one state; an empty one of the same schema where nothing was changed yet."""
        with (
            self.errors(),
            closing(self._existing() or self._empty()) as connection,
            transaction(connection, "DEFERRED"),
        ):
            yield connection

    def _existing(self) -> sqlite3.Connection | None:
        if not self.exists():
            return None
        with ExitStack() as stack:
            connection = stack.enter_context(closing(self._connect("rw")))
            if self._is_new(connection):
                return None
            stack.pop_all()  # the caller closes it
            return connection

    def _create(self, connection: sqlite3.Connection) -> None:
        with transaction(connection):
            if self._is_new(connection):  # no other process has created it meanwhile
                for statement in filter(str.strip, self._schema.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {self._version}")

    def _empty(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.executescript(self._schema)
        return connection

    def _connect(self, mode: str) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(
            address, uri=True, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        """Whether it has no schema yet. Raises UserError for that of another version."""
        found: int = connection.execute("PRAGMA user_version").fetchone()[0]
        if found not in (0, self._version):
            raise UserError(
                f"{printable(self.path)} has schema version {found}, and this version of digits expects "
                f"{self._version}: use the version of digits that wrote it"
            )
        return found == 0

    @contextmanager
    def errors(self) -> Iterator[None]:
        """Raises FullError for a full disk, BusyError for a lock, UserError for a database that can't be used."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._meaning(error) from error
        except OSError as error:
            if error.errno in FULL:
                raise FullError(self.path.parent) from error
            raise

    def _meaning(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # of an extended code the primary one
        if code == sqlite3.SQLITE_BUSY:
            return BusyError(
                f"{printable(self.path)} is locked: another process has been changing it for {self._busy_seconds:g} s; "
                "try again once that has ended"
            )
        # A quota and a limit of file sizes are input/output errors for SQLite, as a failing disk is
        if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(self.path.parent)):
            return FullError(self.path.parent)
        remedy = self._remedy if code in DAMAGED else "check its permissions and its disk"
        return UserError(f"{printable(self.path)} can't be used: {error}; {remedy}")


@contextmanager
def transaction(connection: sqlite3.Connection, kind: str = "IMMEDIATE") -> Iterator[None]:
    """Commits at the end, unless the block has done so; undoes what the block did where it raises."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        if connection.in_transaction:
            connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _is_full(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in FULL
    return False

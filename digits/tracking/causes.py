"""Why a tracking store failed: the cause, the library's own words, and what to do about it."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from digits.addresses import redact
from digits.tracking import schema, server

Answer = TypeVar("Answer")


class Cause(NamedTuple):
    """A cause, the pattern of what the libraries say about it, and how to fix it; `{store}` is the store's address."""

    pattern: str
    what: str
    fix: str


NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")  # MLflow's codes
ANOTHER = "set MLFLOW_TRACKING_URI to another store"
# The first that fits is taken, so what names one cause only comes first.
CAUSES = (
    Cause(r"database is locked", "is locked by another process", "try again when no other process writes to it"),
    Cause(r"readonly database", "is read-only", "give yourself the right to write to the file and its folder"),
    Cause(
        r"file is not a database|database disk image is malformed",
        "is no SQLite database",
        "move it away, and a new one is created",
    ),
    Cause(
        r"database or disk is full|No space left on device|Disk quota exceeded",
        "has no space left on its disk",
        "free some, then try again",
    ),
    Cause(
        r"unable to open database file",
        "cannot be opened",
        f"its folder must exist and be writable; else {ANOTHER}",
    ),
    Cause(
        schema.OLDER,
        "was written by an older MLflow",
        "make a copy of the database, then `mlflow db upgrade '{store}'`",
    ),
    Cause(schema.NEWER, "was written by a newer MLflow", "install that version: `pip install --upgrade mlflow`"),
    Cause(
        r"MLFLOW_ALLOW_FILE_STORE",
        "is a folder, which MLflow no longer writes to",
        "use a database, `MLFLOW_TRACKING_URI=sqlite:///mlflow.db`, where `mlflow migrate-filestore` copies the runs; "
        "or set MLFLOW_ALLOW_FILE_STORE=true",
    ),
    Cause(
        r"(?i)unsupported URI|Could not parse SQLAlchemy URL|Can't load plugin",
        "has an address that MLflow does not know",
        "set MLFLOW_TRACKING_URI to http://…, sqlite:///… or postgresql://…",
    ),
    Cause(
        r"No module named '(psycopg2?|pymysql|MySQLdb|pyodbc)",
        "needs a driver that is not installed",
        "`pip install -e '.[server]'` in the project's folder for PostgreSQL",
    ),
    Cause(
        r"error code 401|UNAUTHENTICATED|password authentication failed|Access denied for user|no password supplied",
        "refuses this user or password",
        f"{server.USER}; those of a database are in its address",
    ),
    Cause(r"error code 403|PERMISSION_DENIED", "does not allow this user to do that", server.USER),
    Cause(
        r"CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSLError",
        "has no certificate that is trusted",
        "MLFLOW_TRACKING_SERVER_CERT_PATH names the file of its authority",
    ),
    Cause(r"(?i)timed? ?out", "does not answer in time", f"try again, or {ANOTHER}"),
    Cause(
        r"Connection refused|NewConnectionError|NameResolutionError|could not translate host name|"
        r"Connection reset|Connection aborted|server closed the connection|failed to resolve host",
        "does not answer",
        f"start it, or {ANOTHER}",
    ),
    Cause(r"error code 404", "is no MLflow server, or one of another version", "correct MLFLOW_TRACKING_URI"),
    Cause(
        r"Permission denied|Operation not permitted",
        "cannot be written",
        "give yourself the right to write to the file that is named",
    ),
)


def message(error: BaseException, address: str) -> str:
    """What happened to the store at this address, and how to fix it; of an unknown cause, the library's words."""
    where = f"the tracking store {redact(address)}"
    cause = find(error)
    if cause is None:
        return f"{where} failed: {reason(error)}"
    return f"{where} {cause.what} ({reason(error)}); {cause.fix.format(store=redact(address))}"


def is_missing(error: BaseException) -> bool:
    """Whether the store says that it has no such run, version, model or file: nothing else that failed is that."""
    if isinstance(error, FileNotFoundError) or getattr(error, "error_code", "") in NOT_FOUND:
        return True
    return bool(re.search(r"\b404 Client Error|NoSuchKey", str(error)))  # of a download


def found_or_none(ask: Callable[[], Answer]) -> Answer | None:
    """What a call of MLflow's returns; None where the store says that it has no such thing."""
    from mlflow.exceptions import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if is_missing(error):
            return None
        raise


def find(error: BaseException) -> Cause | None:
    """The known cause of an error, or None."""
    said = "\n".join(map(schema.words, _chain(error)))
    return next((cause for cause in CAUSES if re.search(cause.pattern, said)), None)


def reason(error: BaseException) -> str:
    """Why the store failed, in one line: SQLAlchemy adds the statement and all its values."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("(raised as a result of")]
    return redact(lines[0]) if lines else type(error).__name__


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

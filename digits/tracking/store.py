"""The tracking store, where MLflow keeps runs and models: its address, connection and errors."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock

import digits
from digits.errors import UserError
from digits.paths import ARTIFACTS, TRACKING_DATABASE, project_root

EXPERIMENT = "digits"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # else MLflow's UI opens its view for language models
SQLITE = "sqlite:///"  # and a path
SERVER_TIMEOUT = 5  # seconds to wait for the answer of a server
# MLflow's default is to retry each call for four minutes.
CLIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
# For MLflow's own server: no job schedulers, which only language models need, and no line for each request.
SERVER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
QUIET = ("--uvicorn-opts", "--log-level warning")
# A failure of the database is reported by wrap_store_errors, without its traceback.
LOG_LEVELS = {
    "alembic": logging.WARNING,
    "mlflow.tracking.fluent": logging.WARNING,
    "mlflow.system_metrics": logging.CRITICAL,
    "mlflow.store.db.utils": logging.CRITICAL,
}


def uri() -> str:
    """The tracking store's address: `MLFLOW_TRACKING_URI`, or `mlflow.db` in the project's root.

    A relative path of a database is relative to the root: an experiment of DVC's may run in a temporary copy.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{TRACKING_DATABASE}"
    path = Path(address.removeprefix(SQLITE))
    return f"{SQLITE}{project_root() / path}" if address.startswith(SQLITE) and not path.is_absolute() else address


def database() -> Path | None:
    """The SQLite file that the store is, or None where it is a server."""
    address = uri()
    return Path(address.removeprefix(SQLITE)) if address.startswith(SQLITE) else None


def redacted_uri() -> str:
    """The store's address without its password."""
    return redact(uri())


def redact(text: str) -> str:
    """A text without the passwords of the addresses in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def reason(error: Exception) -> str:
    """Why the store failed, in one line: SQLAlchemy adds the statement and all its values."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("(raised as a result of")]
    return redact(lines[0]) if lines else type(error).__name__


@contextmanager
def wrap_store_errors() -> Iterator[None]:
    """Turn what the store's driver, network, disk or server raises within the block into a UserError."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise UserError(
            f"the tracking store {redacted_uri()} failed: {reason(error)}; no output of a stage is lost: repair the "
            "store, then `dvc repro` or `digits sync` logs what is missing"
        ) from None


@cache
def connect():
    """Connect to the tracking store and return an MlflowClient; a database that does not exist is created.

    Raises UserError where the store cannot be written or does not answer.
    """
    digits.report_ignored("MLFLOW_")
    address = uri()
    for name, value in CLIENT.items():
        os.environ.setdefault(name, value)
    if address.startswith("http"):
        _check_server(address)
    import mlflow

    for name, level in LOG_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    if (path := database()) is not None:
        _provide_database(path)
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
        client = mlflow.MlflowClient()
        _provide_experiment(client, address)
        mlflow.set_experiment(EXPERIMENT)
    except UserError:
        raise
    except Exception as error:  # of the store's driver, network or server
        raise UserError(
            f"the tracking store {redacted_uri()} does not answer: {reason(error)}; start it, or set "
            "MLFLOW_TRACKING_URI to another; where it needs a user, set MLFLOW_TRACKING_USERNAME and "
            "MLFLOW_TRACKING_PASSWORD"
        ) from None
    return client


def _check_server(address: str) -> None:
    import requests

    try:
        requests.get(f"{address.rstrip('/')}/health", timeout=SERVER_TIMEOUT).raise_for_status()
    except requests.RequestException as error:
        raise UserError(
            f"the tracking server {redacted_uri()} does not answer ({reason(error)}); start it, "
            "or set MLFLOW_TRACKING_URI to another"
        ) from None


def _provide_database(path: Path) -> None:
    """Create the SQLite file at a temporary path and rename it, by one process; the others wait for it."""
    if path.exists():
        _check_database(path)
        return
    with FileLock(path.with_name(path.name + ".lock")):
        if path.exists():
            return
        import mlflow

        print(f"creating the tracking database {path}", flush=True)
        temporary = path.with_name(f".partial-{path.name}")
        temporary.unlink(missing_ok=True)
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{temporary}").search_experiments(max_results=1)
        temporary.rename(path)


def _check_database(path: Path) -> None:
    # The mode is checked too: root may write to a file that its owner marked as read-only.
    if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
        raise UserError(
            f"{path} is read-only, and every run is logged there: `chmod u+w {path}`, or set MLFLOW_TRACKING_URI"
        )
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        raise UserError(f"{path} cannot be read now ({error}); try again when no other process locks it") from None
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path} is no SQLite database ({error}): move it away, and a new one is created") from None


def _provide_experiment(client, address: str) -> None:
    if client.get_experiment_by_name(EXPERIMENT) is not None:
        return
    # MLflow would choose a path in the working directory of the first process, which may be one of DVC's temporary
    # copies. A server chooses for itself.
    artifacts = (project_root() / ARTIFACTS).as_uri() if address.startswith("sqlite:") else None
    try:
        client.create_experiment(EXPERIMENT, artifact_location=artifacts, tags=KIND)
    except Exception:
        if client.get_experiment_by_name(EXPERIMENT) is None:  # else another process has created it
            raise

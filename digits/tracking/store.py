"""Where the record is kept, and how a process joins it."""

import logging
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

from filelock import FileLock

from digits.errors import UserError

EXPERIMENT = "digits"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # else MLflow's page begins with language models
SQLITE = "sqlite:///"  # and a path
PATIENCE = 5  # seconds that a server is given to say that it is there
# What MLflow would try for four minutes a call is given up after some seconds: a server that is gone stays gone.
RETRIES = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
# Of MLflow's own server: no schedulers for the language models that this project has none of, and no word a request.
SERVER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
SAY_LITTLE = ("--uvicorn-opts", "--log-level warning")
# Loggers, and from where on they are heard. That the database failed we say ourselves, without its traceback.
HEARD = {
    "alembic": logging.WARNING,
    "mlflow.tracking.fluent": logging.WARNING,
    "mlflow.system_metrics": logging.CRITICAL,
    "mlflow.store.db.utils": logging.CRITICAL,
}


def root() -> Path:
    """The project's root: what DVC says it is, also in a temporary copy of it, or the nearest folder with `.dvc`."""
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"]).absolute()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".dvc").is_dir():
            return folder
    raise UserError(f"{here} is not inside the project; go to its folder, or set MLFLOW_TRACKING_URI")


def uri() -> str:
    """The tracking store's address: `MLFLOW_TRACKING_URI`, or `mlflow.db` in the project's root.

    A relative path is one from the root: an experiment of DVC's runs in a copy, which is thrown away.
    """
    address = os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}mlflow.db"
    path = Path(address.removeprefix(SQLITE))
    return f"{SQLITE}{root() / path}" if address.startswith(SQLITE) and not path.is_absolute() else address


def database() -> Path | None:
    """The SQLite file that the store is, or None where it is a server."""
    address = uri()
    return Path(address.removeprefix(SQLITE)) if address.startswith(SQLITE) else None


def shown() -> str:
    """The address as people may see it: without the password."""
    return masked(uri())


def masked(text: str) -> str:
    """A text without the passwords of the addresses in it."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def reason(error: Exception) -> str:
    """What the store failed with, in one line: SQLAlchemy says more, the statement and all its values."""
    lines = [line for line in str(error).splitlines() if line and not line.startswith("(raised as a result of")]
    return masked(lines[0]) if lines else type(error).__name__


@contextmanager
def answering() -> Iterator[None]:
    """Turn what the store's driver, network, disk or server raises within the block into a UserError."""
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise UserError(
            f"the tracking store {shown()} failed: {reason(error)}; nothing that was made is lost: mend it, then "
            "`dvc repro` or `digits sync` enters what is missing"
        ) from None


@cache
def connect():
    """Join the tracking store, made first where it is a database that is not there yet; return an MlflowClient.

    Raises UserError where the store can't be written or does not answer, before any work is lost to it.
    """
    address = uri()
    for name, value in {**RETRIES, "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false"}.items():
        os.environ.setdefault(name, value)
    if address.startswith("http"):
        _must_answer(address)
    import mlflow

    for name, level in HEARD.items():
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
    except Exception as error:  # whatever the store's driver, network or server raises
        raise UserError(
            f"the tracking store {shown()} does not answer: {reason(error)}; start it, or set MLFLOW_TRACKING_URI to "
            "another; where it asks for a name, set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        ) from None
    return client


def _must_answer(address: str) -> None:
    import requests

    try:
        requests.get(f"{address.rstrip('/')}/health", timeout=PATIENCE).raise_for_status()
    except requests.RequestException as error:
        raise UserError(
            f"the tracking server {shown()} does not answer ({reason(error)}); start it, "
            "or set MLFLOW_TRACKING_URI to another"
        ) from None


def _provide_database(path: Path) -> None:
    """Make the SQLite file whole, beside its place, by one process; the others wait for it."""
    if path.exists():
        _check_writable(path)
        return
    with FileLock(path.with_name(path.name + ".lock")):
        if path.exists():
            return
        import mlflow

        print(f"making the tracking database {path}", flush=True)
        beside = path.with_name(f".partial-{path.name}")
        beside.unlink(missing_ok=True)
        mlflow.MlflowClient(tracking_uri=f"sqlite:///{beside}").search_experiments(max_results=1)
        beside.rename(path)


def _check_writable(path: Path) -> None:
    # The mode is asked beside the system: root may write to a file that its owner marked as read-only.
    if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
        raise UserError(
            f"{path} is read-only, and every run is recorded there: `chmod u+w {path}`, or set MLFLOW_TRACKING_URI"
        )
    try:
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA schema_version").fetchone()
    except sqlite3.OperationalError as error:
        raise UserError(f"{path} can't be read now ({error}); try again when nothing else holds it") from None
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path} is no SQLite database ({error}): move it away, and a new one is made") from None


def _provide_experiment(client, address: str) -> None:
    if client.get_experiment_by_name(EXPERIMENT) is not None:
        return
    # A path of MLflow's own choosing would lie in the folder of whichever process came first, which may be
    # one of DVC's temporary copies. A server chooses for itself.
    artifacts = (root() / "mlartifacts").as_uri() if address.startswith("sqlite:") else None
    try:
        client.create_experiment(EXPERIMENT, artifact_location=artifacts, tags=KIND)
    except Exception:
        if client.get_experiment_by_name(EXPERIMENT) is None:  # else another process was quicker
            raise

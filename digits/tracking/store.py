"""The tracking store, where MLflow keeps runs and models: its address, connection and errors."""

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

import digits
from digits import addresses
from digits.addresses import SQLITE
from digits.errors import UserError
from digits.paths import ARTIFACTS, TRACKING_DATABASE, project_root
from digits.tracking import causes, relocation, server

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

EXPERIMENT = "digits"
KIND = {"mlflow.experimentKind": "custom_model_development"}  # else MLflow's UI opens its view for language models
# MLflow's default is to retry each call for four minutes.
CLIENT = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # an address may hold a password
}
# For MLflow's own server: no job schedulers, which only language models need, and no line for each request.
SERVER = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "PYTHONWARNINGS": "ignore"}
QUIET = ("--uvicorn-opts", "--log-level warning")
# A failure of the database is reported by wrap_store_errors, without its traceback.
LOG_LEVELS = {
    "alembic": logging.WARNING,
    "mlflow.tracking.fluent": logging.WARNING,
    "mlflow.models.evaluation.validation": logging.WARNING,
    "mlflow.system_metrics": logging.CRITICAL,
    "mlflow.store.db.utils": logging.CRITICAL,
}


def uri() -> str:
    """The tracking store's address: `MLFLOW_TRACKING_URI`, or `mlflow.db` in the project's root.

    A relative path of a database or a folder is relative to the root: an experiment of DVC's may run in a temporary
    copy.
    """
    address = _chosen()
    return addresses.absolute(address, project_root()) if _names_a_path(address) else address


def _chosen() -> str:
    return os.environ.get("MLFLOW_TRACKING_URI") or f"{SQLITE}{TRACKING_DATABASE}"


def _names_a_path(address: str) -> bool:
    return address.startswith((SQLITE, "file:")) or not (":" in address or address.startswith("databricks"))


def database() -> Path | None:
    """The SQLite file that the store is, absolute, or None where it is a server."""
    address = _chosen()  # the project's root is asked for only where the address names a file
    return addresses.sqlite_path(address, project_root()) if address.startswith(SQLITE) else None


def redacted_uri() -> str:
    """The store's address without its secrets, to be shown; of a SQLite database its path as it is."""
    path = database()
    return f"{SQLITE}{path}" if path is not None else addresses.redact(uri())


def check_packages() -> None:
    """Raise UserError where the store is a database, and only what asks a tracking server is installed."""
    if _is_database(uri()) and find_spec("sqlalchemy") is None:
        raise UserError(
            f"the tracking store {redacted_uri()} is a database, and the installed packages can ask a tracking server "
            "only: set MLFLOW_TRACKING_URI to its address, http://…, or `pip install -e '.[train]'` in the project's "
            "folder"
        )


def _is_database(address: str) -> bool:
    return "://" in address and not address.startswith(("http", "file", "databricks"))


@contextmanager
def wrap_store_errors(unless: tuple[str, ...] = ()) -> Iterator[None]:
    """Turn what the store's driver, network, disk or server raises within the block into a UserError.

    MLflow's errors with a code in `unless` pass.
    """
    try:
        yield
    except _store_errors() as error:
        if getattr(error, "error_code", None) in unless:
            raise
        raise UserError(
            f"{causes.message(error, redacted_uri())}; no output of a stage is lost: repair the "
            "store, then `dvc repro` or `digits sync` logs what is missing"
        ) from None


def _store_errors() -> tuple[type[Exception], ...]:
    """What a store fails with; a database's driver is missing where only a tracking server can be asked."""
    from mlflow.exceptions import MlflowException

    errors: tuple[type[Exception], ...] = (MlflowException, sqlite3.Error, OSError)
    if find_spec("sqlalchemy") is None:
        return errors
    from sqlalchemy.exc import SQLAlchemyError

    return (*errors, SQLAlchemyError)


@cache
def connect() -> "MlflowClient":
    """Connect to the tracking store and return an MlflowClient; a database that does not exist is created.

    Raises UserError where the store cannot be written or does not answer.
    """
    digits.report_ignored("MLFLOW_", addresses.redact)
    check_packages()
    address = uri()
    for name, value in CLIENT.items():
        os.environ.setdefault(name, value)
    if address.startswith("http"):
        server.check(address)
    import mlflow

    for name, level in LOG_LEVELS.items():
        logging.getLogger(name).setLevel(level)
    path = database()
    written = os.environ.get("MLFLOW_TRACKING_URI")
    try:
        if path is not None:
            _provide_database(path)
            relocation.relocate(path, project_root())
        elif _is_database(address):
            _try_database(address)
        mlflow.set_tracking_uri(address)
        mlflow.set_registry_uri(address)
        client = mlflow.MlflowClient()
        _provide_experiment(client, address)
        mlflow.set_experiment(EXPERIMENT)
        _restore_environment(written)  # MLflow sets it, to an address that may be relative to the working directory
    except UserError:
        raise
    except Exception as error:  # of the store's driver, network or server
        raise UserError(causes.message(error, redacted_uri())) from None
    return client


def _restore_environment(address: str | None) -> None:
    if address is None:
        os.environ.pop("MLFLOW_TRACKING_URI", None)
    else:
        os.environ["MLFLOW_TRACKING_URI"] = address


def _try_database(address: str) -> None:
    """Connect once to a database that is no file: MLflow would try again for a minute and a half."""
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError

    try:
        create_engine(address).connect().close()
    except NoSuchModuleError:
        return  # an address that is no database's, of which MLflow says more


def _provide_database(path: Path) -> None:
    """Create the SQLite file at a temporary path and rename it, by one process; the others wait for it."""
    if path.exists():
        _check_database(path)
        return
    with FileLock(relocation.lock_of(path)):
        if path.exists():
            return
        import mlflow

        print(f"creating the tracking database {path}", flush=True)
        temporary = path.with_name(f".partial-{path.name}")
        temporary.unlink(missing_ok=True)
        mlflow.MlflowClient(addresses.sqlite_address(temporary)).search_experiments(max_results=1)
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


def experiment_id(client: "MlflowClient") -> str:
    """Id of the project's experiment in a store. Raises UserError where it has none."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is None:
        raise UserError(f"the tracking store {addresses.redact(client.tracking_uri)} has no experiment {EXPERIMENT}")
    return str(found.experiment_id)


def _provide_experiment(client: "MlflowClient", address: str) -> None:
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        _check_active(found)
        return
    # MLflow would choose a path in the working directory of the first process, which may be one of DVC's temporary
    # copies. A server chooses for itself.
    local = not address.startswith(("http", "databricks"))
    artifacts = addresses.file_address(project_root() / ARTIFACTS) if local else None
    try:
        client.create_experiment(EXPERIMENT, artifact_location=artifacts, tags=KIND)
    except Exception:
        if client.get_experiment_by_name(EXPERIMENT) is None:  # else another process has created it
            raise


def _check_active(experiment: "Experiment") -> None:
    if experiment.lifecycle_stage != "active":
        raise UserError(
            f"the experiment {EXPERIMENT} was deleted in the tracking store {redacted_uri()}; this brings it and its "
            f"runs back: MLFLOW_TRACKING_URI='{addresses.redact(uri())}' mlflow experiments restore "
            f"--experiment-id {experiment.experiment_id}"
        )

"""Where the record is kept, and how a process joins it."""

import logging
import os
import sqlite3
from functools import cache
from pathlib import Path

from filelock import FileLock

from digits.errors import UserError

EXPERIMENT = "digits"
QUIET = ("alembic", "mlflow.store.db.utils", "mlflow.system_metrics", "mlflow.tracking.fluent")


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
    """The tracking store's address: `MLFLOW_TRACKING_URI`, or `mlflow.db` in the project's root."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root() / 'mlflow.db'}"


@cache
def connect():
    """Join the tracking store, made first where it is a database that is not there yet; return an MlflowClient.

    Raises UserError where the store can't be written or does not answer, before any work is lost to it.
    """
    address = uri()
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    import mlflow

    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    if address.startswith("sqlite:///"):
        _provide_database(Path(address.removeprefix("sqlite:///")))
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    client = mlflow.MlflowClient()
    try:
        _provide_experiment(client, address)
        mlflow.set_experiment(EXPERIMENT)
    except UserError:
        raise
    except Exception as error:  # whatever the store's driver, network or server raises
        raise UserError(
            f"the tracking store {address} does not answer: {error}; start it, or set MLFLOW_TRACKING_URI to another"
        ) from None
    return client


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
        with sqlite3.connect(path) as database:
            database.execute("PRAGMA schema_version").fetchone()
    except sqlite3.DatabaseError as error:
        raise UserError(f"{path} is no SQLite database ({error}): move it away, and a new one is made") from None


def _provide_experiment(client, address: str) -> None:
    if client.get_experiment_by_name(EXPERIMENT) is not None:
        return
    # A path of MLflow's own choosing would lie in the folder of whichever process came first, which may be
    # one of DVC's temporary copies. A server chooses for itself.
    artifacts = (root() / "mlartifacts").as_uri() if address.startswith("sqlite:") else None
    try:
        client.create_experiment(EXPERIMENT, artifact_location=artifacts)
    except Exception:
        if client.get_experiment_by_name(EXPERIMENT) is None:  # else another process was quicker
            raise

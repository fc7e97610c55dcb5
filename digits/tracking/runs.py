"""Runs in MLflow: found again by the SHA-256 of the weights that came of them, read, and added to."""

import sys
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from digits import paths
from digits.data import dataset
from digits.files import digest
from digits.tracking import store, tags
from digits.vcs import revisions

PARAMS_A_BATCH = 100  # as many as MLflow takes at a time


@dataclass(frozen=True)
class Run:
    """What the tracking store holds of a run."""

    name: str
    status: str
    tags: dict[str, str]


def get_run(run_id: str) -> Run | None:
    """The run with this id, or None where the store has none, or it was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        run = store.connect().get_run(run_id)
    except MlflowException:
        return None
    if run.info.lifecycle_stage != "active":
        return None
    return Run(run.info.run_name, run.info.status, dict(run.data.tags))


def find(weights: str) -> str | None:
    """Id of the newest run whose model has these weights, or None."""
    found = _search(f"tags.{tags.WEIGHTS} = '{weights}'", limit=1)
    return found[0].info.run_id if found else None


def find_interrupted(task: str) -> str | None:
    """Id of the newest run of this task that came to no model and has ended, or None."""
    found = _search(f"tags.`{tags.TASK}` = '{task}'")
    return next(
        (run.info.run_id for run in found if tags.WEIGHTS not in run.data.tags and run.info.status != "RUNNING"), None
    )


def logged_epochs(run_id: str) -> set[int]:
    """The epochs whose metrics the run holds."""
    return {point.step for point in store.connect().get_metric_history(run_id, "val_loss")}


def artifact_path(run_id: str, path: str) -> Path | None:
    """A file of the run, downloaded where it is not on this machine; None where the run has no such file."""
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        root = client.get_run(run_id).info.artifact_uri
        if root.startswith("file://"):
            found = Path(url2pathname(urlsplit(root).path)) / path
            return found if found.is_file() else None
        return Path(client.download_artifacts(run_id, path))
    except (MlflowException, OSError):
        return None


def log_artifacts(run_id: str, folder: str, files: Iterable[Path]) -> None:
    """Copy files into a folder of a run."""
    for file in files:
        store.connect().log_artifact(run_id, str(file), folder)


def log_params(run_id: str, params: dict[str, Any]) -> None:
    """Log every stage's parameters. MLflow keeps the first value; a tag names those that changed since."""
    from mlflow.entities import Param

    client = store.connect()
    known = client.get_run(run_id).data.params
    values = {key: str(value) for key, value in params.items()}
    new = [Param(key, value) for key, value in values.items() if key not in known]
    for start in range(0, len(new), PARAMS_A_BATCH):
        client.log_batch(run_id, params=new[start : start + PARAMS_A_BATCH])
    changed = " ".join(f"{key}={value}" for key, value in values.items() if known.get(key, value) != value)
    if changed:
        client.set_tag(run_id, tags.LATER_PARAMS, changed)


def log_inputs() -> None:
    """Log in the active run the splits that it learns from, each with the hash that DVC keeps, and the environment."""
    import mlflow
    from mlflow.data.numpy_dataset import from_numpy

    for split in tags.TRAINED_ON:
        path = paths.PROCESSED / f"{split}.parquet"
        digits = dataset.read_processed(split)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The specified dataset source can be interpreted in multiple ways")
            logged = from_numpy(
                digits.images, source=path.as_posix(), targets=digits.labels, name=split, digest=digest(path, "md5")
            )
        mlflow.log_input(logged, context=split)
    _log_environment()


def _log_environment() -> None:
    """The lock, the packages that are installed, and how the code differs from the commit."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        # The folders' names say it at once; `importlib.metadata` would parse each package's description.
        found = (path.stem for entry in sys.path for path in Path(entry).glob("*.dist-info"))
        installed = sorted({"==".join(name.split("-")[:2]) for name in found}, key=str.lower)
        Path(folder, "installed.txt").write_text("\n".join(installed) + "\n", encoding="utf-8")
        if revisions.changed_files():
            Path(folder, "changes.patch").write_bytes(revisions.patch())
        mlflow.log_artifacts(folder, "environment")
    if paths.REQUIREMENTS.exists():
        mlflow.log_artifact(str(paths.REQUIREMENTS), "environment")


def create_parent(name: str, params: dict[str, str], known: str | None) -> str:
    """Id of the run that a search's runs are nested in: the known one, or a new one where the store lacks it."""
    if known is not None and get_run(known):
        return known
    client = store.connect()
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    run_id = client.create_run(experiment.experiment_id, run_name=name, tags={tags.SEARCH: name}).info.run_id
    log_params(run_id, params)
    client.set_terminated(run_id)
    return run_id


def _search(condition: str, limit: int = 1000) -> list:
    client = store.connect()
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    return client.search_runs(
        [experiment.experiment_id], condition, order_by=["attributes.start_time DESC"], max_results=limit
    )

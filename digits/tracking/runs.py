"""Runs in MLflow: found by the SHA-256 of their model or network, read, and logged to."""

import sys
import tempfile
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits import paths
from digits.addresses import file_path, redact
from digits.data import dataset
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError
from digits.files import digest
from digits.tracking import causes, store, tags, values
from digits.vcs import dvc_files, revisions

if TYPE_CHECKING:
    from mlflow.entities import Run as Run

SMALL = 2**20  # bytes


def get_run(run_id: str) -> "Run | None":
    """MLflow's run with this id; None where the store has none, or it was deleted. Raises UserError where it fails."""
    from mlflow.exceptions import MlflowException

    if not run_id:  # of a version that somebody registered without one
        return None
    try:
        run = store.connect().get_run(run_id)
    except MlflowException as error:
        _unless_missing(error)
        return None
    return run if run.info.lifecycle_stage == "active" else None


def _unless_missing(error: Exception) -> None:
    """Raise UserError unless the error says that the store has no such run or file."""
    if not causes.is_missing(error):
        raise UserError(causes.message(error, store.redacted_uri())) from None


def find(onnx_sha256: str) -> str | None:
    """Id of the newest run whose model is this ONNX file, or None."""
    return _first_id(_search(f"tags.{tags.ONNX} = '{onnx_sha256}'", limit=1))


def find_network(network_sha256: str) -> str | None:
    """Id of the newest run of this network, or None."""
    return _first_id(_of_network(network_sha256))


def find_unevaluated(network_sha256: str) -> str | None:
    """Id of the newest run of this network that is no model's yet, or None."""
    return _first_id(run for run in _of_network(network_sha256) if tags.ONNX not in run.data.tags)


def find_interrupted(task: str) -> str | None:
    """Id of the newest run of this task that has ended without a network, or None."""
    found = _search(f"tags.`{tags.TASK}` = '{task}'")
    trained = {tags.NETWORK, tags.ONNX}  # runs of 0.2 have the latter only
    return _first_id(run for run in found if not trained & run.data.tags.keys() and run.info.status != "RUNNING")


def find_all() -> "list[Run]":
    """MLflow's runs of this project, the newest first."""
    return _search("", limit=50_000)  # MLflow's own limit


def with_lock(name: str) -> "list[Run]":
    """MLflow's runs that a process writes to, or wrote to, under the lock file of this name."""
    return _search(f"tags.`{tags.LOCK}` = '{name}'")


def logged_epochs(run_id: str) -> set[int]:
    """The epochs whose metrics the run has."""
    return {point.step for point in store.connect().get_metric_history(run_id, "val_loss")}


def artifact_path(run_id: str, path: str) -> Path | None:
    """A file of the run, downloaded where it is not on this machine; None where the run has no such file."""
    if not run_id:
        return None
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        folder = file_path(client.get_run(run_id).info.artifact_uri)
        if folder is not None:
            return folder / path if (folder / path).is_file() else None
        return Path(client.download_artifacts(run_id, path))
    except (MlflowException, OSError) as error:
        _unless_missing(error)
        return None


def log_missing(run_id: str, folder: str, files: Iterable[Path]) -> None:
    """Copy files into a folder of a run, those that it lacks."""
    log_artifacts(run_id, folder, [file for file in files if artifact_path(run_id, f"{folder}/{file.name}") is None])


def log_artifacts(run_id: str, folder: str, files: Iterable[Path]) -> None:
    """Copy files into a folder of a run, those that it lacks or has with other content."""
    client = store.connect()
    sizes = {one.path: one.file_size for one in client.list_artifacts(run_id, folder)}
    local = file_path(client.get_run(run_id).info.artifact_uri)
    for file in files:
        path = f"{folder}/{file.name}"
        same = sizes.get(path) == file.stat().st_size
        if same and local is not None:
            same = digest(local / path, "md5") == digest(file, "md5")
        elif same:  # a server would have to send the file to be compared: a small one is sent to it
            same = file.stat().st_size > SMALL
        if not same:
            client.log_artifact(run_id, str(file), folder)


def log_params(run_id: str, params: dict[str, Any]) -> None:
    """Log every stage's parameters. MLflow keeps the first value; a tag names those that changed since."""
    from mlflow.entities import Param

    client = store.connect()
    known, texts = client.get_run(run_id).data.params, values.param_values(params)
    client.log_batch(run_id, params=[Param(key, value) for key, value in texts.items() if key not in known])
    changed = {key: value for key, value in texts.items() if known.get(key, value) != value}
    if changed:
        text = " ".join(f"{key}={value}" for key, value in changed.items())
        client.set_tag(run_id, tags.LATER_PARAMS, values.cut(text, values.LONGEST_TAG))


def log_metrics(run_id: str, metrics: dict[str, float]) -> None:
    """Log numbers as metrics, in one request."""
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    store.connect().log_batch(run_id, metrics=[Metric(key, value, now, 0) for key, value in metrics.items()])


def log_inputs() -> None:
    """Log to the active run the splits that it is trained on, each with DVC's hash, and the environment."""
    import mlflow
    import numpy as np
    from mlflow.data.numpy_dataset import from_numpy

    for split in tags.TRAINED_ON:
        path = paths.PROCESSED / f"{split}.parquet"
        rows = dataset.count_rows(path)
        # MLflow logs types and shapes alone: arrays of one repeated value have them without the split in memory.
        images = np.broadcast_to(np.uint8(0), (rows, DIGIT_SIZE, DIGIT_SIZE))
        labels = np.broadcast_to(np.int64(0), rows)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The specified dataset source can be interpreted in multiple ways")
            md5 = dvc_files.hash_of(path)
            logged = from_numpy(images, source=path.as_posix(), targets=labels, name=split, digest=md5)
        mlflow.log_input(logged, context=split)
    _log_environment()


def _log_environment() -> None:
    """The lock, the packages that are installed, and how the code differs from the commit."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        # By the names of the folders: `importlib.metadata` is slow, since it parses each package's description.
        found = (path.stem for entry in sys.path for path in Path(entry).glob("*.dist-info"))
        installed = sorted({"==".join(name.split("-")[:2]) for name in found}, key=str.lower)
        Path(folder, "installed.txt").write_text("\n".join(installed) + "\n", encoding="utf-8")
        patch = b"" if revisions.head_or_no_git() == revisions.NO_GIT else revisions.patch()
        if patch:
            text = redact(patch.decode("utf-8", "surrogateescape"))
            Path(folder, "changes.patch").write_bytes(text.encode("utf-8", "surrogateescape"))
        mlflow.log_artifacts(folder, "environment")
    if paths.REQUIREMENTS.exists():
        mlflow.log_artifact(str(paths.REQUIREMENTS), "environment")


def create_parent(name: str, params: dict[str, str], known: str | None) -> str:
    """Id of the run that a search's runs are nested in: the known one, or a new one where the store lacks it."""
    if known is not None and get_run(known):
        return known
    client = store.connect()
    run_tags = values.tag_values({tags.SEARCH: name})
    run_id: str = client.create_run(store.experiment_id(client), run_name=name, tags=run_tags).info.run_id
    log_params(run_id, params)
    client.set_terminated(run_id)
    return run_id


def _first_id(found: "Iterable[Run]") -> str | None:
    return next((run.info.run_id for run in found), None)


def _of_network(network_sha256: str) -> "list[Run]":
    return _search(f"tags.{tags.NETWORK} = '{network_sha256}'")


def _search(condition: str, limit: int = 1000) -> "list[Run]":
    client = store.connect()
    return client.search_runs(
        [store.experiment_id(client)], condition, order_by=["attributes.start_time DESC"], max_results=limit
    )

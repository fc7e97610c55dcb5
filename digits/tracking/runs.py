"""Runs: one a trained model, found again by the SHA-256 of its weights."""

import os
import socket
import subprocess
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import psutil

from digits.canonical import SIDE
from digits.dataset import LABELS
from digits.errors import UserError
from digits.tracking import store

WEIGHTS = "weights_sha256"  # the tag that a run and a registry version are found by
PROCESS = "digits.process"  # the tag by which a run that was killed is known
MODEL = "model"  # the model's name within its run


def git_commit() -> str:
    """The commit that the working tree stands on. Raises UserError where there is none."""
    command = ["git", "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise UserError(
            "no git commit to tag the run with: the project must be a git repository, "
            "so `git clone` it, or `git init && git add -A && git commit -m start` here"
        ) from None


@contextmanager
def training(params: dict[str, Any], tags: dict[str, str]) -> Iterator[str]:
    """Begin a run, sample the system's load while the block runs, and end it; yields the run's id.

    The run ends FINISHED, KILLED on Ctrl-C, or FAILED. What an earlier process left as running, because it was
    killed with no time to say so, is marked KILLED first.
    """
    client = store.connect()
    import mlflow

    _end_orphans(client)
    mlflow.set_system_metrics_sampling_interval(2)
    mlflow.set_system_metrics_samples_before_logging(1)
    name = os.environ.get("DVC_EXP_NAME") or "dvc repro"
    tags = {**tags, "git_commit": git_commit(), PROCESS: _this_process()}
    with mlflow.start_run(run_name=name, tags=tags, log_system_metrics=True) as run:
        mlflow.log_params(params)
        try:
            yield run.info.run_id
        except KeyboardInterrupt:
            mlflow.end_run("KILLED")
            raise


def log_epoch(number: int, metrics: dict[str, float]) -> None:
    """Enter one epoch's metrics in the active run."""
    import mlflow

    mlflow.log_metrics(metrics, step=number)


def log_dataset(images: np.ndarray, labels: np.ndarray, path: Path, md5: str, context: str) -> None:
    """Enter a split as a dataset of the active run: its file, shape and MD5, the hash that DVC keeps for it."""
    import mlflow
    from mlflow.data.numpy_dataset import from_numpy

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The specified dataset source can be interpreted in multiple ways")
        dataset = from_numpy(images, source=path.as_posix(), targets=labels, name=path.stem, digest=md5)
    mlflow.log_input(dataset, context=context)


def log_model(model: Path) -> None:
    """Enter the ONNX file as the active run's model, with its signature and an input example.

    The model takes (n, 28, 28) uint8 canonical digits and gives `probabilities` and `logits`, (n, 10) float32. It is
    loaded and served by ONNX Runtime, without the libraries that trained it.
    """
    from importlib.metadata import version

    import mlflow
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    graph = onnx.load(model)
    answer = np.dtype(np.float32), (-1, len(LABELS))
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, SIDE, SIDE))]),
        outputs=Schema([TensorSpec(*answer, output.name) for output in graph.graph.output]),
    )
    mlflow.onnx.log_model(
        graph,
        name=MODEL,
        signature=signature,
        onnx_execution_providers=["CPUExecutionProvider"],
        input_example=np.zeros((1, SIDE, SIDE), np.uint8),
        pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "numpy", "onnx", "onnxruntime")],
    )


def find(weights: str) -> str | None:
    """Id of the newest run whose model has these weights, or None."""
    client = store.connect()
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    runs = client.search_runs(
        [experiment.experiment_id],
        f"tags.{WEIGHTS} = '{weights}'",
        order_by=["attributes.start_time DESC"],
        max_results=1,
    )
    return runs[0].info.run_id if runs else None


@dataclass(frozen=True)
class Described:
    """What the record says of a run."""

    name: str
    status: str
    tags: dict[str, str]


def describe(run_id: str) -> Described | None:
    """The run with this id, or None where the store has none, or it was deleted."""
    from mlflow.exceptions import MlflowException

    try:
        run = store.connect().get_run(run_id)
    except MlflowException:
        return None
    if run.info.lifecycle_stage != "active":
        return None
    return Described(run.info.run_name, run.info.status, dict(run.data.tags))


def artifact(run_id: str, path: str) -> Path | None:
    """A file of the run, fetched where it is not on this machine; None where the run has none of that name."""
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


@contextmanager
def of_weights(weights: str, model: Path) -> Iterator[str]:
    """Go on in the run that trained these weights; yields its id.

    Where this store does not know them (a new server; a result that DVC took from its cache) a run is entered for
    them, tagged `entered: from files`.
    """
    _end_orphans(store.connect())
    known = find(weights)
    import mlflow

    if known is not None:
        with mlflow.start_run(known):
            mlflow.set_tag(PROCESS, _this_process())
            yield known
        return
    tags = {"git_commit": git_commit(), "entered": "from files", PROCESS: _this_process()}
    with mlflow.start_run(run_name="from files", tags=tags) as run:
        log_model(model)
        tag(WEIGHTS, weights)  # last: a run that is found by its weights holds the model
        yield run.info.run_id


def log(metrics: dict[str, float], artifacts: dict[str, list[Path]] | None = None) -> None:
    """Enter final metrics, and files by the folder they shall stand in, in the active run."""
    import mlflow

    mlflow.log_metrics(metrics)
    for folder, paths in (artifacts or {}).items():
        for path in paths:
            mlflow.log_artifact(str(path), folder)


def keep(run_id: str, folder: str, paths: list[Path]) -> None:
    """Put files into a folder of a run, active or not."""
    for path in paths:
        store.connect().log_artifact(run_id, str(path), folder)


def tag(name: str, value: str) -> None:
    """Tag the active run."""
    import mlflow

    mlflow.set_tag(name, value)


def _this_process() -> str:
    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.0f}"


def _end_orphans(client) -> None:
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    for run in client.search_runs([experiment.experiment_id], "attributes.status = 'RUNNING'"):
        host, _, rest = run.data.tags.get(PROCESS, "").partition(" ")
        if host == socket.gethostname() and not _alive(*rest.split()):
            client.set_terminated(run.info.run_id, "KILLED")


def _alive(pid: str, created: str) -> bool:
    try:
        return f"{psutil.Process(int(pid)).create_time():.0f}" == created
    except psutil.NoSuchProcess:
        return False

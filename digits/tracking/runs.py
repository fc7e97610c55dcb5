"""Runs: one a trained model, found again by the SHA-256 of its weights."""

import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import numpy as np
import psutil

from digits.canonical import SIDE
from digits.dataset import LABELS
from digits.tracking import store

WEIGHTS = "weights_sha256"  # the tag that a run and a registry version are found by
TASK = "digits.task"  # the tag by which an interrupted training finds its run again: what it learns from, and how
PROCESS = "digits.process"  # the tag by which a run that was killed is known
EXPERIMENT = "dvc_experiment"  # the tag that names DVC's experiment
LATER = "later"  # the tag of parameters whose value is another since the run began
SEARCH = "digits_search"  # the tag of the run that a search's runs stand under
MODEL = "model"  # the model's name within its run


class Recording:
    """A run that is being written to while the network learns.

    What the store refuses in the meantime costs the record, and never the training: it is said once, and nothing
    more is sent. The stages after it enter what is missing.
    """

    def __init__(self, run_id: str, epochs: set[int]) -> None:
        self.run_id = run_id
        self.epochs = epochs  # that are entered, also by the process that was interrupted
        self.weights: str | None = None  # SHA-256, once the model is there
        self.lost = False

    def __call__(self, enter: Callable[..., Any], *arguments: Any, **options: Any) -> None:
        """Call `enter` with these arguments, unless the store was lost."""
        if self.lost:
            return
        try:
            enter(*arguments, **options)
        except Exception as error:  # whatever the store's driver, network, disk or server raises
            self.lost = True
            print(
                f"warning: the record of this run breaks off, since {store.shown()} failed: {store.reason(error)}\n"
                "         the training goes on; the next `dvc repro` or `digits sync` enters what is missing",
                file=sys.stderr,
                flush=True,
            )

    def name_weights(self) -> bool:
        """Tag the run with its weights, unless a run of the same weights is there: then it is a double."""
        import mlflow

        known: list[str | None] = []
        if self.weights is not None:
            self(lambda: known.append(find(self.weights)))
            if known == [None]:
                self(mlflow.set_tag, WEIGHTS, self.weights)
        return known not in ([], [None])

    def epoch(self, number: int, metrics: dict[str, float]) -> None:
        """Enter one epoch's metrics, unless the process that was interrupted did."""
        import mlflow

        if number not in self.epochs:
            self(mlflow.log_metrics, metrics, step=number)


@contextmanager
def training(name: str, params: dict[str, Any], tags: dict[str, str]) -> Iterator[Recording]:
    """Begin a run, sample the system's load while the block runs, and end it.

    `tags` holds TASK: a run of the same task that was interrupted is gone on with. The run ends FINISHED, KILLED on
    Ctrl-C, or FAILED. Where the block sets `weights` that a run has already, this one is removed: one model, one run.
    """
    client = store.connect()
    import mlflow

    mlflow.set_system_metrics_sampling_interval(2)
    mlflow.set_system_metrics_samples_before_logging(1)
    tags = {**tags, PROCESS: this_process()}
    with store.answering():
        end_orphans(client)
        interrupted = find_interrupted(client, tags[TASK])
        run = mlflow.start_run(run_id=interrupted, run_name=name, tags=tags, log_system_metrics=True)
        run_id = run.info.run_id
        recording = Recording(run_id, epochs_of(client, run_id) if interrupted else set())
        enter_params(client, run_id, params)
    status = "FAILED"
    try:
        yield recording
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        double = recording.name_weights()
        # Also where the store was lost: the process must let go of the run, or it would try again at its very end.
        with suppress(Exception):
            mlflow.end_run(status)
        if double:
            recording(client.delete_run, run_id)


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
    with _no_survey_of_packages():
        mlflow.onnx.log_model(
            graph,
            name=MODEL,
            signature=signature,
            onnx_execution_providers=["CPUExecutionProvider"],
            input_example=np.zeros((1, SIDE, SIDE), np.uint8),
            pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "numpy", "onnx", "onnxruntime")],
        )


@contextmanager
def _no_survey_of_packages() -> Iterator[None]:
    """Save a second of each run: MLflow would read the files of all packages, to check that what we pin is installed.

    We pin what is installed. Where another MLflow keeps its survey elsewhere, this does nothing.
    """
    from mlflow.utils import requirements_utils

    place, known = "_MODULES_TO_PACKAGES", getattr(requirements_utils, "_MODULES_TO_PACKAGES", None)
    setattr(requirements_utils, place, {})
    try:
        yield
    finally:
        setattr(requirements_utils, place, known)


def enter_params(client, run_id: str, params: dict[str, Any]) -> None:
    """Every stage's parameters. MLflow keeps the first value: what a later stage ran with afterwards, a tag says."""
    from mlflow.entities import Param

    known = client.get_run(run_id).data.params
    wanted = {key: str(value) for key, value in params.items()}
    client.log_batch(run_id, params=[Param(key, value) for key, value in wanted.items() if key not in known])
    changed = " ".join(f"{key}={value}" for key, value in wanted.items() if known.get(key, value) != value)
    if changed:
        client.set_tag(run_id, LATER, changed)


def find(weights: str) -> str | None:
    """Id of the newest run whose model has these weights, or None."""
    found = _search(store.connect(), f"tags.{WEIGHTS} = '{weights}'", most=1)
    return found[0].info.run_id if found else None


def find_interrupted(client, task: str) -> str | None:
    """Id of the newest run of this task that came to no model and is not running, or None."""
    found = _search(client, f"tags.`{TASK}` = '{task}'")
    return next(
        (run.info.run_id for run in found if WEIGHTS not in run.data.tags and run.info.status != "RUNNING"), None
    )


def of_running(name: str) -> str | None:
    """Id of the run that a DVC experiment of this name writes to now, in this project, or None.

    Others may have experiments of the same name in the same store, and so may an earlier search.
    """
    found = _search(store.connect(), f"tags.{EXPERIMENT} = '{name}' AND attributes.status = 'RUNNING'")
    return next((run.info.run_id for run in found if _works_here(run.data.tags.get(PROCESS, ""))), None)


def parent(name: str, params: dict[str, str], known: str | None) -> str:
    """Id of the run that a search's runs stand under: the known one, or a new one where the store has it not."""
    if known is not None and describe(known):
        return known
    client = store.connect()
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    run_id = client.create_run(experiment.experiment_id, run_name=name, tags={SEARCH: name}).info.run_id
    for key, value in params.items():
        client.log_param(run_id, key, value)
    client.set_terminated(run_id)
    return run_id


def adopt(run_id: str, parent: str, tags: dict[str, str]) -> None:
    """Put a run under its parent, where MLflow's page shows it, and tag it."""
    from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

    for key, value in {**tags, MLFLOW_PARENT_RUN_ID: parent}.items():
        store.connect().set_tag(run_id, key, value)


def curve(run_id: str, metric: str) -> dict[int, float]:
    """A metric by its step."""
    return {point.step: point.value for point in store.connect().get_metric_history(run_id, metric)}


def epochs_of(client, run_id: str) -> set[int]:
    """The epochs whose metrics the run holds."""
    return {point.step for point in client.get_metric_history(run_id, "val_loss")}


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


def keep(run_id: str, folder: str, paths: tuple[Path, ...]) -> None:
    """Put files into a folder of a run, active or not."""
    for path in paths:
        store.connect().log_artifact(run_id, str(path), folder)


def end_orphans(client) -> None:
    """Mark as KILLED what an earlier process of this machine left as running, being killed with no time to say so."""
    for run in _search(client, "attributes.status = 'RUNNING'"):
        host, _, rest = run.data.tags.get(PROCESS, "").partition(" ")
        if host == socket.gethostname() and not _process(*rest.split()):
            client.set_terminated(run.info.run_id, "KILLED")


def _search(client, condition: str, most: int = 1000) -> list:
    experiment = client.get_experiment_by_name(store.EXPERIMENT)
    return client.search_runs(
        [experiment.experiment_id], condition, order_by=["attributes.start_time DESC"], max_results=most
    )


def this_process() -> str:
    process = psutil.Process()
    return f"{socket.gethostname()} {process.pid} {process.create_time():.0f}"


def _process(pid: str, created: str) -> psutil.Process | None:
    """The process that was meant, if it is alive: its number may be another's by now."""
    try:
        found = psutil.Process(int(pid))
        return found if f"{found.create_time():.0f}" == created else None
    except psutil.NoSuchProcess:
        return None


def _works_here(tag: str) -> bool:
    """Whether a run's PROCESS is alive on this machine, in the project or one of DVC's copies in it."""
    host, _, rest = tag.partition(" ")
    process = _process(*rest.split()) if host == socket.gethostname() else None
    try:
        return process is not None and Path(process.cwd()).is_relative_to(store.root())
    except psutil.Error:  # it ended just now
        return False

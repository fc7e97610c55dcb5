"""Helpers of tests that read a tracking store, or log a run with a model."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pytest

from digits.files import digest
from digits.tracking import learned_pictures, model_run, registration, store, tags

NOTHING = np.array([], "S64")  # the pictures that a model learned from, where it learned from none
# Of a perfect model, by the names of the metrics that have a floor
METRICS = {
    **dict.fromkeys(
        ("test_accuracy", "test_coverage", "test_worst_slice_accuracy", "auroc_worst", "font_accuracy"), 1.0
    ),
    **dict.fromkeys(("test_ece", "corruption_error_mean"), 0.0),
}


@contextmanager
def registry_in(folder: Path, empty_database: Path) -> Iterator[None]:
    """Make `folder` a project with a tracking store; within the block this process is in it, and connected to it."""
    (folder / ".dvc").mkdir()
    shutil.copy(empty_database, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        store.connect.cache_clear()
        yield
        store.connect.cache_clear()
        mlflow.set_tracking_uri(None)
        mlflow.set_registry_uri(None)


def client_of(uri: str) -> mlflow.MlflowClient:
    """MLflow's client of a store, which is not the one that this process is connected to."""
    return mlflow.MlflowClient(uri, uri)


def runs_of(client: mlflow.MlflowClient) -> list:
    """The project's runs, the oldest first."""
    experiment = client.get_experiment_by_name("digits")
    return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])


def best_versions(client: mlflow.MlflowClient, versions: list) -> set[str]:
    """The numbers of the versions with the lowest log loss on validation, of those that the gate did not refuse."""
    runs = {version.version: client.get_run(version.run_id).data for version in versions}
    refused = {
        number
        for number, run in runs.items()
        if "McNemar" in run.tags["promotion"] and "stays" in run.tags["promotion"]
    }
    losses = {number: run.metrics["validation_log_loss"] for number, run in runs.items() if number not in refused}
    return {number for number, loss in losses.items() if loss == min(losses.values())}


def predictions_of(client: mlflow.MlflowClient, run) -> np.ndarray:
    """The probabilities that the run's model, loaded from its files, predicts for an empty picture."""
    (model,) = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    images = np.zeros((1, 28, 28), np.uint8)
    return mlflow.pyfunc.load_model(model.artifact_location).predict(images)["probabilities"]


def logged_run(model: Path) -> str:
    """Log a finished run whose model is this ONNX file; returns its id."""
    import onnx

    store.connect()
    with mlflow.start_run(run_name="logged", tags={tags.ONNX: digest(model, "sha256")}) as run:
        mlflow.onnx.log_model(
            onnx.load(model), name="model", pip_requirements=["onnxruntime"], save_as_external_data=False
        )
    return run.info.run_id


def registered_version(model: Path, learned: np.ndarray | None = None, **more: str):
    """Log a run of this model and register it, with these tags; returns the registry's version.

    `learned` are the hashes, as `dataset.read_hashes` gives them, of the pictures that it was trained on.
    """
    run_id = logged_run(model)
    if learned is not None:
        path = learned_pictures.write(learned, model.parent)
        store.connect().log_artifact(run_id, str(path), learned_pictures.FOLDER)
        more |= {tags.PICTURES: learned_pictures.content_hash(learned), tags.SPLIT_RULE: "1", "train_md5": "0" * 32}
    found, *_ = model_run.logged_models(run_id)
    return registration.find_or_create(run_id, found, {tags.ONNX: digest(model, "sha256"), **more})

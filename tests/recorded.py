"""The record, for tests: read from outside, or given a run with a model of its own."""

from pathlib import Path

import mlflow
import numpy as np


def client_of(uri: str) -> mlflow.MlflowClient:
    """MLflow's client on one store, whichever this process joined. A file that was replaced needs a name of its own."""
    return mlflow.MlflowClient(uri, uri)


def runs_of(client: mlflow.MlflowClient) -> list:
    """The project's runs, the oldest first."""
    experiment = client.get_experiment_by_name("digits")
    return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])


def answers(client: mlflow.MlflowClient, run) -> np.ndarray:
    """What the run's model, loaded from its files, says of an empty picture."""
    (model,) = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    return mlflow.pyfunc.load_model(model.artifact_location).predict(np.zeros((1, 28, 28), np.uint8))["probabilities"]


def recorded(weights: str, model: Path, task: str | None = None) -> str:
    """Enter a run whose model, an ONNX file, has these weights; returns its id."""
    from digits.tracking import runs

    with runs.training("recorded", {}, {runs.TASK: task or weights}) as recording:
        recording(runs.log_model, model)
        recording.weights = weights
    assert not recording.lost
    return recording.run_id

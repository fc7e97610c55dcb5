"""Helpers of tests that read a tracking store, or log a run with a model."""

from pathlib import Path

import mlflow
import numpy as np


def client_of(uri: str) -> mlflow.MlflowClient:
    """MLflow's client of a store, which is not the one that this process is connected to."""
    return mlflow.MlflowClient(uri, uri)


def runs_of(client: mlflow.MlflowClient) -> list:
    """The project's runs, the oldest first."""
    experiment = client.get_experiment_by_name("digits")
    return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time ASC"])


def predictions_of(client: mlflow.MlflowClient, run) -> np.ndarray:
    """The probabilities that the run's model, loaded from its files, predicts for an empty picture."""
    (model,) = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    images = np.zeros((1, 28, 28), np.uint8)
    return mlflow.pyfunc.load_model(model.artifact_location).predict(images)["probabilities"]


def logged_run(weights: str, model: Path) -> str:
    """Log a finished run whose model, an ONNX file, has these weights; returns its id."""
    import onnx

    from digits.tracking import store, tags

    store.connect()
    with mlflow.start_run(run_name="logged", tags={tags.WEIGHTS: weights}) as run:
        mlflow.onnx.log_model(
            onnx.load(model), name="model", pip_requirements=["onnxruntime"], save_as_external_data=False
        )
    return run.info.run_id


def registered_version(weights: str, model: Path, **tags: str):
    """Log a run of this model and register it, with these tags; returns the registry's version."""
    from digits.tracking import model_run, registry
    from digits.tracking.tags import WEIGHTS

    run_id = logged_run(weights, model)
    found, *_ = model_run.logged_models(run_id)
    return registry.register(run_id, found, {WEIGHTS: weights, **tags})

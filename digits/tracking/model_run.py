"""The run of the model in models/, complete: found by its hash or that of its network, or created from the files."""

import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from filelock import FileLock

from digits import paths
from digits.data import processed_tables
from digits.files import digest, read_json
from digits.params import Params
from digits.tracking import flat_metrics, learned_pictures, model_files, record, run_locks, runs, store, tags, values

MODEL = "model"  # the model's name within its run


def log_model_run(params: Params) -> str:
    """Bring the run of the model in models/ up to date with the files; returns its id.

    A run that was logged during training gets the rest: the model, its evaluation and the validation of its data.
    Where the store has no such run (a new server, results from DVC's cache, a store that failed during training) it
    is created from the files, or the interrupted one completed. Raises UserError where the store fails.
    """
    store.connect()
    run_tags = {**tags.of_training(params), **tags.LATER}
    with store.wrap_store_errors():
        run_locks.end_orphans()
        run_id = _provide(run_tags, tags.run_name(params))
        runs.log_params(run_id, params.flat())
        # Of what a version's tags name, the first stays: the same model may come with other data later.
        _log_train_pictures(run_id)
        runs.log_missing(run_id, "data", (paths.DATA_CARD,))
        runs.log_missing(run_id, "validation", record.RUN_FILES["validation"])
        for folder in ("evaluation", "figures", "metrics", "models", "weights"):
            runs.log_artifacts(run_id, folder, record.RUN_FILES[folder])
        _log_model(run_id)
        _log_evaluation(run_id)
    return run_id


def _provide(run_tags: dict[str, str], name: str) -> str:
    """The run of the model; else the newest of its network that is no model's yet, from now on its own; else a new one.

    One process of the project at a time: else two models of one network would take the same run.
    """
    network, onnx = tags.of_network(), digest(paths.ONNX, "sha256")
    with FileLock(run_locks.folder() / "register"):
        known = runs.find(onnx)
        if known:
            return known
        unevaluated = runs.find_unevaluated(network[tags.NETWORK])
        if unevaluated is None:
            return _create(run_tags, name, {**network, tags.ONNX: onnx})
        store.connect().set_tag(unevaluated, tags.ONNX, onnx)
        return unevaluated


def _create(run_tags: dict[str, str], name: str, model: dict[str, str]) -> str:
    """A run from the files of a training; the one of the same task that was interrupted, if there is one."""
    import mlflow

    interrupted = runs.find_interrupted(run_tags[tags.TASK])
    with run_locks.held() as lock:
        texts = values.tag_values({**run_tags, tags.LOCK: lock})
        with mlflow.start_run(run_id=interrupted, run_name=name, tags=texts) as active:
            _log_epochs(active.info.run_id)
            runs.log_inputs()
            mlflow.set_tags(model)  # last: a run without them is completed by the next attempt
    run_id: str = active.info.run_id
    return run_id


def _log_epochs(run_id: str) -> None:
    from mlflow.entities import Metric

    now, known = int(time.time() * 1000), runs.logged_epochs(run_id)
    history = pd.read_csv(paths.HISTORY).set_index("epoch").drop(index=list(known), errors="ignore")
    points = [
        Metric(str(key), float(value), now, int(epoch))
        for epoch, row in zip(history.index, history.to_dict("records"), strict=True)
        for key, value in row.items()
    ]
    store.connect().log_batch(run_id, metrics=points)


def _log_train_pictures(run_id: str) -> None:
    """The hashes of the pictures that the model was trained on: as a later champion it is not compared on these."""
    with tempfile.TemporaryDirectory() as folder:
        path = learned_pictures.write(processed_tables.read_picture_hashes("train"), Path(folder))
        runs.log_missing(run_id, learned_pictures.FOLDER, (path,))


def _log_model(run_id: str) -> None:
    """The ONNX file as MLflow's model, unless the run has it.

    ONNX Runtime loads and serves it, without the libraries that trained it.
    """
    known, sha256 = logged_models(run_id), digest(paths.ONNX, "sha256")
    for model in known:
        if not model_files.is_whole(model, sha256):
            model_files.restore(model.model_id, paths.ONNX)
    if known:
        return
    import mlflow
    from mlflow.models import Model

    options = model_files.options(paths.ONNX)
    Model.log(artifact_path=None, flavor=mlflow.onnx, run_id=run_id, name=MODEL, **options)


def logged_models(run_id: str) -> list[Any]:
    """MLflow's models of a run, those that are complete."""
    client = store.connect()
    found = client.search_logged_models([store.experiment_id(client)], f"source_run_id = '{run_id}'")
    return [model for model in found if str(model.status).endswith("READY")]


def _log_evaluation(run_id: str) -> None:
    """All numbers of the evaluation, unless the run has them."""
    client, md5 = store.connect(), digest(paths.EVALUATION, "md5")
    if client.get_run(run_id).data.tags.get(tags.EVALUATION) == md5:
        return
    difference = {"max_logit_difference": read_json(paths.TRAINING)["max_logit_difference"]}
    runs.log_metrics(run_id, {**flat_metrics.flatten(read_json(paths.EVALUATION)), **difference})
    client.set_tag(run_id, tags.EVALUATION, md5)

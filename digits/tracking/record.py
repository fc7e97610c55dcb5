"""What the record holds of a model, gathered from the project's files: entered once, by whichever stage comes first."""

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from digits import dataset, outputs, versions
from digits.files import digest, read_json
from digits.params import Params, flatten, load
from digits.tracking import naming, runs, store

HERE = Path()
PARAMS = Path("params.yaml")
LOCK = Path("requirements.txt")
SPLITS = ("train", "validation")
EVALUATED = "evaluation_md5"


def name(params: Params) -> str:
    """What a run with these parameters is called: what DVC's experiment, or the working tree, changed in them."""
    baseline = versions.text("params.yaml", os.environ.get("DVC_EXP_BASELINE_REV") or "HEAD") or ""
    return naming.name(params.flat(), flatten(yaml.safe_load(baseline) or {}))


def facts(params: Params) -> dict[str, str]:
    """The tags of a run: where its code and data stand, by their hashes, and what names its task."""
    changed = versions.changed()
    return {
        "git_commit": versions.head(),
        "git_dirty": ", ".join(changed) or "no",
        runs.EXPERIMENT: os.environ.get("DVC_EXP_NAME", "none: dvc repro"),
        "source": params.ingest.source,
        runs.TASK: _task(params),
        **{f"dvc.{path}": md5 for path, md5 in versions.data().items()},
    }


def _task(params: Params) -> str:
    """What training would do, as a hash: where it is the same, an interrupted run can be gone on with."""
    learned = [digest(dataset.PREPARED / f"{split}.parquet", "md5") for split in SPLITS]
    code = [digest(Path(__file__).parents[1] / name, "md5") for name in ("network.py", "training.py")]
    task = [params.train.model_dump(), learned, code, os.environ.get("KERAS_BACKEND", "tensorflow")]
    return hashlib.sha256(json.dumps(task).encode()).hexdigest()


def log_inputs() -> None:
    """Enter in the active run the splits that are learned from, and the environment."""
    for split in SPLITS:
        path = dataset.PREPARED / f"{split}.parquet"
        digits = dataset.read_prepared(split)
        runs.log_dataset(digits.images, digits.labels, path, digest(path, "md5"), context=split)
    _log_environment()


def _log_environment() -> None:
    """The lock, the packages that are installed in truth, and what differs in the code from the commit."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        # The folders' names say it at once; `importlib.metadata` would parse each package's description.
        found = (path.stem for folder in sys.path for path in Path(folder).glob("*.dist-info"))
        installed = sorted({"==".join(name.split("-")[:2]) for name in found}, key=str.lower)
        files = {"installed.txt": ("\n".join(installed) + "\n").encode()}
        if versions.changed():
            files["changes.patch"] = versions.changes()
        for file, content in files.items():
            (Path(folder) / file).write_bytes(content)
        mlflow.log_artifacts(folder, "environment")
    if LOCK.exists():
        mlflow.log_artifact(str(LOCK), "environment")


def log_trained(root: Path = HERE) -> None:
    """Enter in the active run what training wrote: the curves, the weights, and the model that is shipped."""
    import mlflow

    mlflow.log_artifact(str(root / outputs.CURVES), "figures")
    mlflow.log_artifact(str(root / outputs.WEIGHTS), "weights")
    runs.log_model(root / outputs.ONNX)


def enter(params: Params) -> str:
    """Bring the record of the model in models/ up to date with the files; returns the id of its run.

    Where the store has no run of these weights (a new server, a clone whose results DVC took from its cache, a store
    that failed while they were trained) one is entered from the files, tagged `entered: later, from the files`, or the
    one that broke off is gone on with. Raises UserError where the store fails.
    """
    client = store.connect()
    with store.answering():
        runs.end_orphans(client)
        weights = digest(outputs.WEIGHTS, "sha256")
        run_id = runs.find(weights) or _enter_training(client, params, weights)
        runs.enter_params(client, run_id, params.flat())
        _enter_evaluation(client, run_id)
    return run_id


def enter_experiment(name: str, revision: str) -> str:
    """Enter the training of a DVC experiment from what DVC keeps of it; returns the id of the run.

    For a result that DVC took from its cache while the store knew nothing of it, or whose run broke off as the store
    failed. Raises UserError.
    """
    client = store.connect()
    files = (PARAMS, outputs.HISTORY, outputs.CURVES, outputs.WEIGHTS, outputs.ONNX)
    with store.answering(), versions.checked_out(revision, files) as root:
        runs.end_orphans(client)
        params = load(root / PARAMS)
        run_id = _enter_training(client, params, digest(root / outputs.WEIGHTS, "sha256"), root)
        client.set_tag(run_id, runs.EXPERIMENT, name)
        runs.enter_params(client, run_id, params.flat())
    return run_id


def _enter_training(client, params: Params, weights: str, root: Path = HERE) -> str:
    import mlflow

    tags = {**facts(params), runs.PROCESS: runs.this_process(), "entered": "later, from the files"}
    interrupted = runs.find_interrupted(client, tags[runs.TASK])
    with mlflow.start_run(run_id=interrupted, run_name=name(params), tags=tags) as run:
        run_id = run.info.run_id
        try:
            _enter_epochs(client, run_id, root)
            log_inputs()
            log_trained(root)
            mlflow.set_tag(runs.WEIGHTS, weights)  # last: a run that is found by its weights holds the model
        except KeyboardInterrupt:
            mlflow.end_run("KILLED")
            raise
    return run_id


def _enter_epochs(client, run_id: str, root: Path) -> None:
    from mlflow.entities import Metric

    now, known = int(time.time() * 1000), runs.epochs_of(client, run_id)
    history = pd.read_csv(root / outputs.HISTORY).set_index("epoch").drop(index=list(known), errors="ignore")
    points = [
        Metric(key, float(value), now, int(epoch)) for epoch, row in history.iterrows() for key, value in row.items()
    ]
    for start in range(0, len(points), 1000):  # as many as MLflow takes at a time
        client.log_batch(run_id, metrics=points[start : start + 1000])


def _enter_evaluation(client, run_id: str) -> None:
    """The test scores and their pictures, unless the run holds just these."""
    md5 = digest(outputs.EVALUATED, "md5")
    if client.get_run(run_id).data.tags.get(EVALUATED) == md5:
        return
    for key, value in _scores(read_json(outputs.EVALUATED)).items():
        client.log_metric(run_id, key, value)
    runs.keep(run_id, "figures", (outputs.CONFUSION, outputs.MISTAKES))
    runs.keep(run_id, "metrics", (outputs.EVALUATED,))
    client.set_tag(run_id, EVALUATED, md5)


def _scores(evaluated: dict[str, Any]) -> dict[str, float]:
    test = evaluated["test"]
    return {
        "test_accuracy": test["accuracy"],
        "test_log_loss": test["log_loss"],
        "logit_difference": evaluated["logit_difference"],
        **{f"test_f1_{label}": one["f1"] for label, one in test["classes"].items()},
    }

"""The tags that a run carries: where its code, parameters and data come from, and what it is found by."""

import hashlib
import json
import os
from pathlib import Path

import yaml

from digits import paths
from digits.files import digest
from digits.params import Params, flatten
from digits.tracking import naming
from digits.vcs import dvc_files, revisions

WEIGHTS = "weights_sha256"  # what a run and a registry version are found by
TASK = "digits.task"  # what an interrupted training finds its run by: what it learns from, and how
EXPERIMENT = "dvc_experiment"  # the name of DVC's experiment
NO_EXPERIMENT = "none: "  # and then the command
EVALUATION = "evaluation_md5"  # of the metrics that the run holds
LATER_PARAMS = "params_changed_later"  # parameters that got another value after the run began
LATER = {"logged": "later, from the files"}  # of a run that was not logged while it trained
PARENT = "mlflow.parentRunId"  # MLflow's own: the run that this one is nested in
SEARCH = "digits_search"  # the name of the search, on the parent of its runs
TRAINED_ON = ("train", "validation")  # splits
TRAINING_CODE = ("network.py", "augmentation.py", "optimization.py", "training.py")


def run_name(params: Params) -> str:
    """What a run with these parameters is called: what DVC's experiment, or the working tree, changed in them."""
    baseline = revisions.read_text(paths.PARAMS, os.environ.get("DVC_EXP_BASELINE_REV") or "HEAD") or ""
    return naming.name(params.flat(), flatten(yaml.safe_load(baseline) or {}))


def of_training(params: Params) -> dict[str, str]:
    """The tags of a run that trains on the files here with these parameters."""
    return {
        "git_commit": revisions.head(),
        "git_dirty": ", ".join(revisions.changed_files()) or "no",
        EXPERIMENT: os.environ.get("DVC_EXP_NAME", f"{NO_EXPERIMENT}dvc repro"),
        "source": params.ingest.source,
        TASK: _task(params),
        **{f"dvc.{path}": md5 for path, md5 in dvc_files.data_hashes().items()},
    }


def of_model(accuracy: float, min_accuracy: float) -> dict[str, str]:
    """The tags of a registry version: the model, what it learned from and was tested on, and how it did."""
    return {
        WEIGHTS: digest(paths.WEIGHTS, "sha256"),
        "onnx_sha256": digest(paths.ONNX, "sha256"),
        "train_md5": digest(paths.PROCESSED / "train.parquet", "md5"),
        "test_md5": digest(paths.PROCESSED / "test.parquet", "md5"),
        "validation_md5": digest(paths.VALIDATION, "md5"),
        "accuracy": str(accuracy),
        "min_accuracy": str(min_accuracy),
    }


def _task(params: Params) -> str:
    """What training does, as a hash: an interrupted run with the same one is resumed."""
    data = [digest(paths.PROCESSED / f"{split}.parquet", "md5") for split in TRAINED_ON]
    code = [digest(Path(__file__).parents[1] / "model" / name, "md5") for name in TRAINING_CODE]
    task = [params.train.model_dump(), data, code, os.environ.get("KERAS_BACKEND", "tensorflow")]
    return hashlib.sha256(json.dumps(task).encode()).hexdigest()

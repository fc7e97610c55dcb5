"""The tags of runs and versions: their code, parameters and data, and the keys that they are found by."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from digits import paths
from digits.errors import printable
from digits.files import digest, read_json
from digits.params import Params, flatten
from digits.tracking import naming
from digits.vcs import dvc_files, experiments, revisions

ONNX = "onnx_sha256"  # the model's identity: what a version and, once it is evaluated, its run are found by
NETWORK = "network_sha256"  # of what a training writes; evaluated in several ways it is several models
SPLIT_RULE = "split_rule"  # the number of the rule that assigned the splits; versions of 0.2 and earlier have none
PICTURES = "train_pictures_sha256"  # of the pictures that a version was trained on: learned_pictures.content_hash
TRAIN_SPLIT = "train_md5"
VALIDATION_SPLIT, TEST_SPLIT = "validation_split_md5", "test_md5"  # of the digits that a version is compared on
SOURCES = "sources"  # of the pictures, by name, joined by ", "
WEIGHTS = "weights_sha256"  # of Keras's weights, which other exporters may write as other ONNX files
TASK = "digits.task"  # hash of data, parameters and code: an interrupted training finds its run by it
LOCK = "digits.lock"  # the name of the lock file that the process of a run holds
EXPERIMENT = "dvc_experiment"  # the name of DVC's experiment
NO_EXPERIMENT = "none: "  # followed by the command
COMMIT = "git_commit"  # that is checked out, or revisions.NO_GIT
CHANGED = "git_dirty"  # the files that differ from it, or "no"
VALIDATION = "validation_md5"  # of metrics/validate.json
ACCURACY = "accuracy"  # on the test split
EVALUATION = "evaluation_md5"  # of the metrics that the run has
LATER_PARAMS = "params_changed_later"  # parameters that got another value after the run began
LATER = {"logged": "later, from the files"}  # of a run that was not logged while it trained
PARENT = "mlflow.parentRunId"  # MLflow's own: the run that this one is nested in
SEARCH = "digits_search"  # the name of the search, on the parent of its runs
TRAINED_ON = ("train", "validation")  # splits


def run_name(params: Params) -> str:
    """The name of a run with these parameters: what DVC's experiment, or the working tree, changed in them."""
    if revisions.head_or_no_git() == revisions.NO_GIT:
        return revisions.NO_GIT
    _, commit = experiments.running() or ("", "HEAD")
    baseline = revisions.read_text(paths.PARAMS, commit) or ""
    return naming.name(params.flat(), flatten(yaml.safe_load(baseline) or {}))


def of_training(params: Params) -> dict[str, str]:
    """The tags of a run that trains on the files here with these parameters."""
    commit, experiment = revisions.head_or_no_git(), experiments.running()
    changed = [] if commit == revisions.NO_GIT else revisions.changed_files()
    return {
        COMMIT: commit,
        CHANGED: ", ".join(map(printable, changed)) or ("no" if commit != revisions.NO_GIT else commit),
        EXPERIMENT: experiment[0] if experiment else f"{NO_EXPERIMENT}dvc repro",
        SOURCES: ", ".join(params.ingest.sources),
        TASK: _task(params),
        **{f"dvc.{path}": md5 for path, md5 in dvc_files.data_hashes().items()},
    }


def of_network(network: Path = paths.NETWORK, weights: Path = paths.WEIGHTS) -> dict[str, str]:
    """The hashes of the two files of a trained network: for ONNX Runtime, and Keras's weights."""
    return {WEIGHTS: digest(weights, "sha256"), NETWORK: digest(network, "sha256")}


def of_model() -> dict[str, str]:
    """The tags of a registry version: hashes of the model, its data and their validation, and its test accuracy."""
    return {
        ONNX: digest(paths.ONNX, "sha256"),
        **of_network(),
        **of_training_data(),
        TEST_SPLIT: dvc_files.hash_of(paths.PROCESSED / "test.parquet"),
        VALIDATION: digest(paths.VALIDATION, "md5"),
        ACCURACY: str(read_json(paths.EVALUATION)["test"]["accuracy"]),
    }


def of_training_data() -> dict[str, str]:
    """The hashes of the two splits that a training reads. Raises FileNotFoundError where one is missing."""
    files = {TRAIN_SPLIT: "train.parquet", VALIDATION_SPLIT: "validation.parquet"}
    return {key: dvc_files.hash_of(paths.PROCESSED / name) for key, name in files.items()}


def is_trained_on_data_here(version_tags: Mapping[str, str]) -> bool:
    """Whether a version with these tags was trained on the data of the working tree."""
    try:
        return of_training_data().items() <= version_tags.items()
    except FileNotFoundError:
        return False


def of_splits() -> dict[str, str]:
    """More tags of a registry version: how its splits were assigned, its sources, and what it was trained on."""
    from digits.data import dataset, processed_tables
    from digits.tracking import learned_pictures

    rule = dataset.split_rule()
    return {
        **{f"split_{key}": str(value) for key, value in rule.items()},  # the number of the rule among them
        SOURCES: ", ".join(dataset.count_sources(paths.PROCESSED)),
        PICTURES: learned_pictures.content_hash(processed_tables.read_picture_hashes("train")),
    }


def _task(params: Params) -> str:
    """A hash of data, parameters, code and backend: an interrupted run with the same one is resumed."""
    from digits.model import training_data  # it loads PyArrow, which a registration with nothing to do does not need

    data = [dvc_files.hash_of(paths.PROCESSED / f"{split}.parquet") for split in TRAINED_ON]
    code = [digest(path, "md5") for path in sorted((Path(__file__).parents[1] / "model").glob("*.py"))]
    return hashlib.sha256(json.dumps([training_data.settings(params.train), data, code]).encode()).hexdigest()

"""A model to compare, with what is known of it: from the registry, or from a git revision and DVC's cache."""

import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from digits import paths
from digits.data import dataset, past_tables
from digits.errors import UserError
from digits.files import digest, read_json
from digits.model.classifier import Classifier
from digits.params import OF_NO_RUN, flatten
from digits.tracking import learned_pictures, runs, tags, values, version_checks
from digits.tracking.registry import Version
from digits.vcs import dvc_files, snapshots


class Model(NamedTuple):
    """A model that a name stands for, and what is known of it.

    `sha256` is that of its ONNX file, `params` are texts by the names of params.yaml, and `evaluation` is its
    metrics/evaluate.json, flat, {} where there is none. `test_md5` is the MD5 of the test split that this is of, and
    `learned`, (n,) 'S64', the hashes of the pictures that it was trained on; both are None where they are not known.
    """

    origin: str  # what the name means, in words
    sha256: str
    classifier: Classifier
    params: dict[str, str]
    evaluation: dict[str, Any]
    test_md5: str | None
    learned: np.ndarray | None


def of_version(version: Version) -> Model:
    """A version of the registry. Raises UnusableVersionError."""
    path, run = version_checks.checked_file(version), runs.get_run(version.run_id)
    evaluation = runs.artifact_path(version.run_id, f"metrics/{paths.EVALUATION.name}")
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    return Model(
        origin=f"version {version.number} of the registry{aliases}" + (f", run “{run.info.run_name}”" if run else ""),
        sha256=digest(path, "sha256"),
        classifier=version_checks.load_checked(version, path),
        params=dict(run.data.params) if run else {},
        evaluation=flatten(read_json(evaluation)) if evaluation else {},
        test_md5=version.tags.get(tags.TEST_SPLIT),
        learned=learned_pictures.of_version(version),
    )


def of_revision(revision: str | None, origin: str) -> Model:
    """The model of a commit, of an experiment's commit, or, for None, of the working tree. MLflow is not needed.

    Raises UserError where its ONNX file is in neither DVC's cache nor a remote, or is no model, or where its metrics or
    parameters can't be read.
    """
    metrics, params, _ = snapshots.read(revision)
    stage = f"{paths.EVALUATION.stem}."
    with tempfile.TemporaryDirectory() as folder, dvc_files.opened(paths.ONNX, revision, "evaluate") as file:
        copy = Path(folder, paths.ONNX.name)
        copy.write_bytes(file.read())
        sha256 = digest(copy, "sha256")
        try:
            classifier = Classifier(copy)
        except UserError as error:
            raise UserError(f"{paths.ONNX} of {origin} can't be used: {error}") from None
    return Model(
        origin=origin,
        sha256=sha256,
        classifier=classifier,
        params=_params(params),
        evaluation={name.removeprefix(stage): metrics[name] for name in metrics if name.startswith(stage)},
        test_md5=_test_md5(revision),
        learned=_learned(revision),
    )


def _params(flat: dict[str, Any]) -> dict[str, str]:
    """The stages' parameters as texts, as a run has them."""
    return values.param_values({key: value for key, value in flat.items() if key.partition(".")[0] not in OF_NO_RUN})


def _test_md5(revision: str | None) -> str | None:
    try:
        return dvc_files.hash_at(paths.PROCESSED / "test.parquet", revision, "preprocess")
    except UserError:
        return None


def _learned(revision: str | None) -> np.ndarray | None:
    try:
        return dataset.read_hashes(past_tables.at_revision(paths.PROCESSED / "train.parquet", revision, "preprocess"))
    except UserError:  # it is in no cache, or of version 0.2, which kept no hashes
        return None

"""The record's files are checked before each use, and put back from models/ or DVC's cache; else the loss is named."""

import io
import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import mlflow
import onnx
import pytest
from mlflow.pyfunc import scoring_server
from onnx import TensorProto, helper

from digits import params, paths
from digits.errors import UserError
from digits.files import digest
from digits.model.acceptance import Acceptance
from digits.tracking import model_files, model_run, record, registration, registry, runs, tags, version_checks
from tests.scratch import NO_FLOORS

BOUNDS = {**NO_FLOORS, "min_compared": 2}
pytestmark = pytest.mark.slow  # each registers a model


@pytest.fixture
def register(trained_project):
    """A function that registers the model in models/ as the stage does; the first time it becomes champion."""
    known = trained_project.model_copy(update={"register_": trained_project.register_.model_copy(update=BOUNDS)})

    def call():
        registration.register(known, tags.of_model())
        return registry.champion()

    return call


def is_registered() -> bool:
    bounds = params.load().register_.model_copy(update=BOUNDS)
    return registration.is_registered(tags.of_model(), bounds)


def damage_model(folder: Path) -> None:
    (folder / record.FILE).write_bytes(b"altered")


def remove_model(folder: Path) -> None:
    shutil.rmtree(folder)


def remove_report(folder: Path) -> None:
    (report,) = folder.parents[2].glob("*/artifacts/validation/validation.html")
    report.unlink()


@pytest.mark.parametrize("harm", [damage_model, remove_model, remove_report])
def test_what_was_removed_or_altered_is_noticed_and_logged_again(register, harm):
    version = register()
    assert is_registered()
    file = model_files.stored(version.uri)
    harm(file.parent)
    assert not is_registered()
    assert register().number == version.number
    assert is_registered()
    assert digest(file, "sha256") == digest(paths.ONNX, "sha256")
    assert runs.artifact_path(version.run_id, "validation/validation.html")


def test_predicting_puts_the_file_back_or_names_what_is_missing(register, constant_model, mnist_digits, capsys):
    version = register()
    file = model_files.stored(version.uri)
    shutil.rmtree(file.parent)
    version_checks.load_classifier(version).predict(mnist_digits.images[:2])
    assert "model.onnx of version 1 is missing: put back from " in capsys.readouterr().err
    assert file.is_file()
    shutil.copy(constant_model(5), paths.ONNX)
    file.write_bytes(b"altered")
    with pytest.raises(UserError, match=r"model\.onnx of version 1 of digits was altered.*`git checkout .*dvc repro`"):
        version_checks.load_classifier(version)


def test_mlflow_loads_and_serves_all_four_outputs(constant_model, tmp_path, mnist_digits):
    options = model_files.options(constant_model(3, Acceptance(1, 0.95, 0)))
    mlflow.onnx.save_model(path=tmp_path / "model", **options)
    loaded = mlflow.pyfunc.load_model(str(tmp_path / "model"))
    found = loaded.predict(mnist_digits.images[:2])
    assert {name: (one.shape, one.dtype.name) for name, one in found.items()} == {
        "probabilities": ((2, 10), "float32"),
        "logits": ((2, 10), "float32"),
        "score": ((2,), "float32"),
        "accepted": ((2,), "bool"),
    }
    declared = {one.name: (one.shape, one.type.name) for one in loaded.metadata.signature.outputs}
    assert declared == {name: ((-1, *one.shape[1:]), one.dtype.name) for name, one in found.items()}
    served = io.StringIO()
    scoring_server.predictions_to_json(found, served)
    assert json.loads(served.getvalue())["predictions"]["accepted"] == [False, False]


def test_a_deleted_run_is_logged_anew_and_the_champion_is_its_version(register, store):
    version = register()
    store.connect().delete_run(version.run_id)
    assert not is_registered()
    champion = register()
    assert champion.number == "2"
    assert runs.get_run(champion.run_id) is not None
    assert is_registered()


def test_a_model_that_was_deleted_for_good_is_logged_anew(register, store, workspace):
    """As after `mlflow gc`: neither the run nor its files are there."""
    version = register()
    (model,) = model_run.logged_models(version.run_id)
    store.connect().delete_logged_model(model.model_id)
    store.connect().delete_run(version.run_id)
    shutil.rmtree(workspace / "mlartifacts")
    with closing(sqlite3.connect(workspace / "mlflow.db")) as database, database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("DELETE FROM runs WHERE run_uuid = ?", (version.run_id,))
    champion = register()
    assert champion.number == "2"
    assert model_files.stored(champion.uri).is_file()
    assert is_registered()


def test_no_secret_of_an_address_is_written(trained_project, workspace, register, monkeypatch):
    """Whatever a run of the model writes into the store, searched for the password of the mirror."""
    known = trained_project.model_copy(
        update={
            "ingest": trained_project.ingest.model_copy(
                update={"mirror": "https://me:hush-hush@host/a?token=hush-hush"}
            )
        }
    )
    model_run.log_model_run(known)
    files = [path for path in workspace.rglob("*") if path.is_file() and (path.parts[-1] != "params.yaml")]
    assert any(path.name == "mlflow.db" for path in files)
    assert [path for path in files if b"hush-hush" in path.read_bytes()] == []


def test_mlflow_knows_the_type_and_shape_of_each_output(constant_model):
    path = constant_model(3)
    model = onnx.load(path)
    for name, kind, dtype in (("score", "Identity", TensorProto.FLOAT), ("accepted", "IsInf", TensorProto.BOOL)):
        model.graph.node.append(helper.make_node(kind, ["sums"], [name]))
        model.graph.output.append(helper.make_tensor_value_info(name, dtype, ["n"]))
    onnx.save(model, path)
    outputs = {one.name: (one.type.name, one.shape) for one in model_files.options(path)["signature"].outputs}
    assert outputs["probabilities"] == ("float32", (-1, 10))
    assert (outputs["score"], outputs["accepted"]) == (("float32", (-1,)), ("bool", (-1,)))

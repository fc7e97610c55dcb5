"""The run of the model in models/ is completed or created from files, and registered, however it was interrupted."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from digits import paths
from digits.files import digest, read_json, write_json
from digits.tracking import history, live, model_files, model_run, promotion, registration, registry, runs, tags
from tests.imports import ROOT
from tests.scratch import NO_FLOORS
from tests.tracking_store import NOTHING, registered_version, runs_of

BOUNDS = {**NO_FLOORS, "min_compared": 2}


@pytest.fixture
def client(store):
    return store.connect()


def test_a_run_is_created_from_the_files_once(trained_project, client):
    run_id = model_run.log_model_run(trained_project)
    assert model_run.log_model_run(trained_project) == run_id
    (run,) = runs_of(client)
    assert run.info.status == "FINISHED"
    assert run.data.tags["logged"] == "later, from the files"
    assert (run.data.metrics["test_accuracy"], run.data.metrics["max_logit_difference"]) == (0.1, 0.0)
    assert {name: run.data.metrics[f"test_{name}_mnist-5k"] for name in ("pictures", "accuracy", "log_loss")} == {
        "pictures": 20,
        "accuracy": 0.1,
        "log_loss": 2.0,
    }
    assert run.data.metrics["validation_accuracy_mnist-5k"] == 0.1
    assert [point.step for point in client.get_metric_history(run_id, "val_loss")] == [1, 2]
    assert len(model_run.logged_models(run_id)) == 1
    logged = {
        one.path
        for folder in ("data", "evaluation", "figures", "models", "validation")
        for one in client.list_artifacts(run_id, folder)
    }
    assert {path.rpartition("/")[2] for path in logged} == {
        *("confusion_matrix.png", "learning_curves.png", "mistakes.png"),
        *("reliability.png", "risk_coverage.png", "slices.png"),
        "evaluation.html",
        "predictions.csv",
        *("validate.json", "validation.html", "profile.json"),
        *("train_pictures.parquet", "README.md"),
    }


def test_a_run_that_was_logged_during_training_is_completed(trained_project, client):
    with live.training_run(trained_project) as run:
        run.log_epoch(1, {"loss": 0.5, "val_loss": 0.5})
        run.set_network()
    assert model_run.log_model_run(trained_project) == run.run_id
    (found,) = runs_of(client)
    assert "logged" not in found.data.tags
    assert found.data.tags[tags.ONNX] == digest(paths.ONNX, "sha256")
    assert found.data.metrics["test_log_loss"] == 2.0
    assert len(model_run.logged_models(run.run_id)) == 1


def test_a_network_that_is_evaluated_in_two_ways_is_two_models_with_a_run_each(trained_project, constant_model, client):
    with live.training_run(trained_project) as run:
        run.set_network()
    model_run.log_model_run(trained_project)
    shutil.copy(constant_model(5), paths.ONNX)  # of the same network
    other = model_run.log_model_run(trained_project)
    assert model_run.log_model_run(trained_project) == other != run.run_id
    trained, created = (client.get_run(run_id).data.tags for run_id in (run.run_id, other))
    assert trained[tags.NETWORK] == created[tags.NETWORK] == digest(paths.NETWORK, "sha256")
    assert trained[tags.ONNX] != created[tags.ONNX]
    assert created["logged"] == "later, from the files"
    shutil.copy(constant_model(3), paths.ONNX)
    assert model_run.log_model_run(trained_project) == run.run_id


def test_a_process_killed_while_it_creates_the_run_leaves_one_run(trained_project, client, workspace):
    code = (
        "import os, signal; from digits.params import load; from digits.tracking import model_run, runs\n"
        "runs.log_inputs = lambda: os.kill(os.getpid(), signal.SIGKILL); model_run.log_model_run(load())"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=workspace, env=environment, check=False)
    (run,) = runs_of(client)
    assert run.info.status == "RUNNING"
    assert model_run.log_model_run(trained_project) == run.info.run_id
    (run,) = runs_of(client)
    assert run.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2]


def test_a_registration_interrupted_before_the_decision_is_repeated(
    trained_project, constant_model, client, monkeypatch
):
    """Else a better model would never become champion: its version would be there, so nothing would be done."""
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(7), learned=NOTHING))
    content = tags.of_model()
    params = trained_project.model_copy(update={"register_": trained_project.register_.model_copy(update=BOUNDS)})

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.setattr(promotion, "promote", interrupt)
        registration.register(params, content)
    assert len(registry.find_all(content[tags.ONNX])) == 1
    assert not registration.is_registered(content, params.register_)
    decision = registration.register(params, content)
    assert "version 2 stays a challenger" in decision.reason  # as good as the champion: each reads one digit of ten
    assert not decision.champion
    assert registration.is_registered(content, params.register_)


def test_a_new_version_has_the_model_card_as_its_description_which_a_person_may_edit(trained_project, client):
    paths.MODEL_CARD.write_text("# Card\n\nSee [data/README.md](../data/README.md).\n" + "x" * 5000)
    content = tags.of_model()
    registration.register(trained_project, content)
    described = client.get_model_version("digits", "1").description
    assert described.startswith("# Card\n\nSee data/README.md.\nxxx")
    assert len(described) == 5000
    for text in ("read by hand", ""):
        client.update_model_version("digits", "1", text)
        registration.forget(content[tags.ONNX])
        registration.register(trained_project, content)
        assert (client.get_model_version("digits", "1").description or "") == text


def test_a_changed_card_is_logged_in_the_run(trained_project, client):
    content, register = tags.of_model(), trained_project.register_.model_copy(update=BOUNDS)
    params = trained_project.model_copy(update={"register_": register})
    registration.register(params, content)
    assert registration.is_registered(content, register)
    paths.MODEL_CARD.write_text("other")
    assert not registration.is_registered(content, register)
    registration.register(params, content)
    run_id = registry.champion().run_id
    assert runs.artifact_path(run_id, "models/README.md").read_text() == "other"
    runs.artifact_path(run_id, "data/README.md").unlink()
    assert not registration.is_registered(content, register)


def test_a_registered_model_is_found_without_mlflow(trained_project, client):
    content = tags.of_model()
    params = trained_project.model_copy(update={"register_": trained_project.register_.model_copy(update=BOUNDS)})
    assert not registration.is_registered(content, params.register_)
    assert registration.register(params, content).champion
    assert registration.is_registered(content, params.register_)
    assert not registration.is_registered(content, params.register_.model_copy(update={"min_accuracy": 0.5}))

    version = registry.champion()
    registry.delete_alias(registry.CHAMPION, version)
    assert not registration.is_registered(content, params.register_)  # there is no champion
    registry.set_alias(registry.CHAMPION, version)
    registration.forget(content[tags.ONNX])
    assert not registration.is_registered(content, params.register_)
    registration.register(params, content)
    client.delete_run(version.run_id)
    assert not registration.is_registered(content, params.register_)
    client.restore_run(version.run_id)
    assert registration.is_registered(content, params.register_)
    write_json(paths.EVALUATION, {**read_json(paths.EVALUATION), "more": 1})
    assert not registration.is_registered(content, params.register_)  # the run has not got these scores


def test_what_was_decided_is_not_decided_again(trained_project, constant_model):
    """A person went back to another version: `digits sync`, or a server, which is queried each time, keeps that."""
    bounds = trained_project.register_.model_copy(update=BOUNDS)
    params = trained_project.model_copy(update={"register_": bounds})
    content = tags.of_model()
    assert "is champion: " in registration.register(params, content).reason
    other = registered_version(constant_model(7), learned=NOTHING)
    registry.set_alias(registry.CHAMPION, other)
    registration.forget(content[tags.ONNX])
    decision = registration.register(params, content)
    assert not decision.champion
    assert "version 1 was decided about before, and champion is version 2" in decision.reason
    assert "Then: version 1 is champion: it passes every gate, with a test accuracy of 10.00%" in decision.reason
    registry.delete_alias(registry.CHAMPION, registry.champion())
    assert registration.register(params, content).champion  # there is none
    broken = registered_version(constant_model(8), learned=NOTHING)
    registry.set_alias(registry.CHAMPION, broken)
    model_files.stored(broken.uri).write_bytes(b"broken")
    assert registration.register(params, content).champion  # the other one cannot be used
    registry.set_alias(registry.CHAMPION, other)
    lower = params.model_copy(update={"register_": bounds.model_copy(update={"min_accuracy": 0.05})})
    reason = registration.register(lower, content).reason  # another question
    assert "it was in the registry when version 2 was made champion outside of this project, before 20" in reason
    assert "`digits promote 1` makes it champion" in reason
    for version in (registry.get_version("1"), other):
        history.read()
        registry.set_alias(registry.CHAMPION, version)
    shutil.copy(constant_model(5), paths.ONNX)  # a new model, which the person did not know, is decided about
    assert "equals the champion's" in registration.register(lower, tags.of_model()).reason


def test_where_the_champions_digits_are_gone_each_registration_tries_again(trained_project, constant_model, client):
    learned = np.array([b"f" * 64], "S64")  # a picture that today's data lack
    given = {tags.SOURCES: "folder", tags.TEST_SPLIT: "0" * 32}
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(7), learned=learned, **given))
    content = tags.of_model()
    params = trained_project.model_copy(update={"register_": trained_project.register_.model_copy(update=BOUNDS)})
    for _ in range(2):
        assert "its data lack the source folder" in registration.register(params, content).reason
        assert not registration.is_registered(content, params.register_)
    registry.set_alias(registry.CHAMPION, registry.get_version("2"))  # a person decides
    assert "it was champion before" in registration.register(params, content).reason
    assert registration.is_registered(content, params.register_)


def test_a_server_is_not_queried_without_mlflow(trained_project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert not registration.is_registered(tags.of_model(), trained_project.register_)

"""The run of the model in models/ is completed or created from files, and registered, however it was interrupted."""

import os
import subprocess
import sys

import pytest

from digits import paths
from digits.files import digest, write_json
from digits.tracking import live, model_run, promotion, registration, registry, tags
from tests.imports import ROOT
from tests.tracking_store import registered_version, runs_of

ACCURACY = 0.1


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
    assert [point.step for point in client.get_metric_history(run_id, "val_loss")] == [1, 2]
    assert len(model_run.logged_models(run_id)) == 1
    logged = {one.path for folder in ("figures", "validation") for one in client.list_artifacts(run_id, folder)}
    assert {path.rpartition("/")[2] for path in logged} == {
        *("learning_curves.png", "confusion_matrix.png", "mistakes.png"),
        *("validate.json", "validation.html", "profile.json"),
    }


def test_a_run_that_was_logged_during_training_is_completed(trained_project, client):
    with live.training_run(trained_project) as run:
        run.log_epoch(1, {"loss": 0.5, "val_loss": 0.5})
        run.weights = digest(paths.WEIGHTS, "sha256")
    assert model_run.log_model_run(trained_project) == run.run_id
    (found,) = runs_of(client)
    assert "logged" not in found.data.tags
    assert found.data.metrics["test_log_loss"] == 2.0
    assert len(model_run.logged_models(run.run_id)) == 1


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
    registry.set_alias(registry.CHAMPION, registered_version("c" * 64, constant_model(7)))
    content = tags.of_model(ACCURACY, 0.0)
    params = trained_project.model_copy(
        update={"register_": trained_project.register_.model_copy(update={"min_accuracy": 0.0})}
    )

    def interrupt(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as interrupted, pytest.raises(KeyboardInterrupt):
        interrupted.setattr(promotion, "promote", interrupt)
        registration.register(params, content, ACCURACY)
    assert registry.find(content[tags.WEIGHTS]) is not None
    assert not registration.is_registered(content)
    decision = registration.register(params, content, ACCURACY)
    assert "version 2 stays a challenger" in decision.reason  # as good as the champion: each reads one digit of ten
    assert not decision.champion
    assert registration.is_registered(content)


def test_a_registered_model_is_found_without_mlflow(trained_project, client):
    content = tags.of_model(ACCURACY, 0.0)
    params = trained_project.model_copy(
        update={"register_": trained_project.register_.model_copy(update={"min_accuracy": 0.0})}
    )
    assert not registration.is_registered(content)
    assert registration.register(params, content, ACCURACY).champion
    assert registration.is_registered(content)
    assert not registration.is_registered({**content, "min_accuracy": "0.5"})

    version = registry.champion()
    registry.delete_alias(registry.CHAMPION, version)
    assert not registration.is_registered(content)  # there is no champion
    registry.set_alias(registry.CHAMPION, version)
    registration.forget(content[tags.WEIGHTS])
    assert not registration.is_registered(content)
    registration.register(params, content, ACCURACY)
    client.delete_run(version.run_id)
    assert not registration.is_registered(content)
    client.restore_run(version.run_id)
    assert registration.is_registered(content)
    write_json(paths.EVALUATION, {"test": {"accuracy": 0.1, "log_loss": 3.0, "classes": {"0": {"f1": 0.5}}}})
    assert not registration.is_registered(content)  # the run has not got these scores


def test_a_server_is_not_queried_without_mlflow(trained_project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert not registration.is_registered(tags.of_model(ACCURACY, 0.0))

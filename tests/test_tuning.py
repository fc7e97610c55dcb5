"""A search on a real queue: trials are experiments and runs, Ctrl-C loses nothing, and the best is applied.

The tests run in their order: each goes on where the one before it ended.
"""

import os
import re
import signal

import optuna
import pytest
import yaml

from tests.recorded import client_of


@pytest.fixture(scope="module")
def project(scratch):
    scratch.set_params(train={"convolutions": [[4, 5, 2], [8, 3, 2]], "learning_rate": 0.0001, "epochs": 3})
    scratch.set_params(tune={"ranges": {"learning_rate": {"low": 0.0001, "high": 0.05, "log": True}}})
    scratch.run("dvc", "repro")
    scratch.commit()
    return scratch


@pytest.fixture(scope="module")
def client(project):
    return client_of(f"sqlite:///{project.root}/mlflow.db")


def study(project) -> optuna.Study:
    return optuna.load_study(study_name="tune", storage=f"sqlite:///{project.root}/tuning.db")


def children(client):
    experiment = client.get_experiment_by_name("digits")
    (parent,) = client.search_runs([experiment.experiment_id], "tags.digits_search = 'tune'")
    return client.search_runs([experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")


def test_ctrl_c_stops_it_and_keeps_what_is_known(project):
    with project.start("digits", "tune", "--trials", "3", start_new_session=True) as process:
        for line in process.stdout:
            if line.startswith("tune-0"):
                os.killpg(process.pid, signal.SIGINT)
    assert process.returncode == 1
    assert [trial.state.name for trial in study(project).trials][:1] == ["COMPLETE"]
    shown = project.run("dvc", "queue", "status")
    assert "Queued" not in shown


def test_the_same_command_goes_on_and_applies_the_best(project):
    before = yaml.safe_load((project.root / "params.yaml").read_text())["train"]["learning_rate"]
    printed = project.run("digits", "tune", "--trials", "3")
    ended = [trial for trial in study(project).trials if trial.state.name in ("COMPLETE", "PRUNED")]
    assert len(ended) == 3
    assert ended[0].params == {"train.learning_rate": before}  # today's parameters come first
    best = study(project).best_trial
    assert best.number > 0
    assert f"tune-{best.number} is applied" in printed
    after = yaml.safe_load((project.root / "params.yaml").read_text())["train"]["learning_rate"]
    assert after == pytest.approx(best.params["train.learning_rate"])
    today, found = map(float, re.search(r"^val_loss +(\S+) +(\S+)$", printed, re.MULTILINE).groups())
    assert (today, found) == (pytest.approx(ended[0].value, abs=1e-5), pytest.approx(best.value, abs=1e-5))
    assert found < today


def test_each_trial_is_an_experiment_and_a_run_under_one_parent(project, client):
    ended = [trial for trial in study(project).trials if trial.state.name == "COMPLETE"]
    runs = children(client)
    assert len(runs) >= len(ended)
    shown = project.run("dvc", "exp", "list", "--name-only")
    for trial in ended:
        assert f"tune-{trial.number}" in shown.split()
    losses = {run.data.metrics["val_loss"] for run in runs if run.info.status == "FINISHED"}
    assert {trial.value for trial in ended} <= losses


def test_no_trial_was_scored_on_the_test_split(project, client):
    # Today's parameters were trained before the search, all the way: their trial shares that run.
    scored = [run.data.tags["dvc_experiment"] for run in children(client) if "test_accuracy" in run.data.metrics]
    assert scored == ["none: dvc repro"]


def test_it_draws_what_it_found(project):
    import cv2

    assert min(cv2.imread(str(project.root / "reports" / "tuning" / "history.png")).shape[:2]) > 300


def test_other_ranges_are_another_search(project):
    project.set_params(tune={"ranges": {"learning_rate": {"low": 0.001, "high": 0.01}}})
    said = project.run("digits", "tune", "--trials", "4", fails=True)
    assert "the search 'tune' was begun with other ranges: give --name another" in said
    assert "Traceback" not in said

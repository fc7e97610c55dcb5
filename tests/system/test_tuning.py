"""A search with real processes: trials are nested runs, no interruption loses one, and the best becomes an experiment.

The tests run in their order: each continues where the one before ended.
"""

import os
import re
import signal
import sqlite3
import time
from contextlib import closing

import optuna
import psutil
import pytest
import yaml

from digits.files import digest
from tests.tracking_store import client_of, runs_of

RANGES = {"learning_rate": {"low": 0.0001, "high": 0.05, "log": True}}


@pytest.fixture(scope="module")
def project(prepared):
    # Epochs enough that a trial can be interrupted while it trains
    prepared.set_params(train={"learning_rate": 0.0001, "epochs": 8}, tune={"ranges": RANGES})
    prepared.commit()
    return prepared


@pytest.fixture(scope="module")
def client(project):
    return client_of(f"sqlite:///{project.root}/mlflow.db")


def trials_of(project, name: str) -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{project.root}/tuning.db").trials


def states_of(project, name: str) -> list[str]:
    return [trial.state.name for trial in trials_of(project, name)]


def nested_runs(client, name: str) -> dict:
    """The runs of a search's trials, by their names."""
    (parent,) = [run for run in runs_of(client) if run.data.tags.get("digits_search") == name]
    nested = [run for run in runs_of(client) if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    return {run.info.run_name: run for run in nested}


def wait_until_they_train(database, *names: str) -> None:
    """Wait until the runs of these names are running, all at once, and each has logged an epoch."""
    query = (
        "SELECT DISTINCT name FROM runs JOIN metrics USING (run_uuid) "
        f"WHERE status = 'RUNNING' AND key = 'val_loss' AND name IN ({', '.join('?' * len(names))})"
    )
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if database.exists():
            with closing(sqlite3.connect(database)) as connection:
                if len(connection.execute(query, names).fetchall()) == len(names):
                    return
        time.sleep(0.05)
    raise AssertionError(f"{names} do not train")


def training_processes(search) -> list[psutil.Process]:
    children = psutil.Process(search.pid).children()
    return [child for child in children if "spawn_main" in " ".join(child.cmdline())]


def test_ctrl_c_stops_it_and_keeps_its_state(project, client):
    with project.start("digits", "tune", "--trials", "3", start_new_session=True) as process:
        wait_until_they_train(project.root / "mlflow.db", "tune-1")
        children = training_processes(process)
        os.killpg(process.pid, signal.SIGINT)
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "tune-0  1 of 3  val_loss" in printed
    assert "interrupted: nothing is lost, the same command resumes the search" in printed
    assert "Traceback" not in printed
    assert len(children) == 1
    assert not any(child.is_running() for child in children)
    assert states_of(project, "tune")[0] == "COMPLETE"
    assert {name: run.info.status for name, run in nested_runs(client, "tune").items()} == {
        "tune-0": "FINISHED",
        "tune-1": "KILLED",
    }


def test_two_jobs_resume_it_at_once_and_the_best_is_applied(project):
    before = yaml.safe_load((project.root / "params.yaml").read_text())["train"]["learning_rate"]
    printed = project.run("digits", "tune", "--trials", "3", "--jobs", "2")
    trials = trials_of(project, "tune")
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert trials[0].params == {"train.learning_rate": before}  # the baseline comes first
    assert trials[2].params == trials[1].params  # what was interrupted is tried again
    assert len({trial.params["train.learning_rate"] for trial in trials}) == 3
    best = min((trial for trial in trials if trial.value is not None), key=lambda trial: trial.value)
    assert best.number > 0
    assert f"tune-{best.number} is trained again, evaluated and registered as the experiment tune-best" in printed
    after = yaml.safe_load((project.root / "params.yaml").read_text())["train"]["learning_rate"]
    assert after == best.params["train.learning_rate"]
    baseline, found = map(float, re.search(r"^val_loss +(\S+) +(\S+)$", printed, re.MULTILINE).groups())
    assert (baseline, found) == (pytest.approx(trials[0].value, abs=1e-5), pytest.approx(best.value, abs=1e-5))
    assert found < baseline
    assert digest(project.root / "models" / "network.onnx", "sha256") == best.user_attrs["network_sha256"]
    assert "warning" not in printed
    assert project.git("status", "--porcelain", "data") == ""
    assert project.run("dvc", "exp", "list", "--name-only").split() == ["tune-best"]


def test_each_trial_is_a_run_under_one_parent(project, client):
    runs = nested_runs(client, "tune")
    assert sorted(runs) == ["tune-0", "tune-1", "tune-2", "tune-3"]
    for trial in trials_of(project, "tune"):
        run = runs[f"tune-{trial.number}"]
        assert run.data.params["train.learning_rate"] == str(trial.params["train.learning_rate"])
        if trial.state.name == "COMPLETE":
            assert run.info.status == "FINISHED"
            assert run.data.metrics["val_loss"] == trial.value
            assert run.data.tags["network_sha256"] == trial.user_attrs["network_sha256"]
            points = client.get_metric_history(run.info.run_id, "val_loss")
            assert {point.step: point.value for point in points} == trial.intermediate_values


def test_no_trial_was_scored_on_the_test_split(project, client):
    scored = [run for run in runs_of(client) if "test_accuracy" in run.data.metrics]
    assert [run.data.tags["dvc_experiment"] for run in scored] == ["tune-best"]


def test_it_draws_figures(project, client):
    import cv2

    (parent,) = [run for run in runs_of(client) if run.data.tags.get("digits_search") == "tune"]
    for name in ("history.png", "importance.png"):
        assert min(cv2.imread(str(project.root / "reports" / "tuning" / name)).shape[:2]) > 300
        assert f"search/{name}" in [file.path for file in client.list_artifacts(parent.info.run_id, "search")]


def test_a_killed_trial_is_marked_failed_and_a_killed_search_leaves_no_process(project, client):
    """First the trial is killed, as the system does where memory is short, then the search."""
    project.set_params(train={"epochs": 100})
    with project.start("digits", "tune", "--trials", "1", "--name", "killed") as process:
        wait_until_they_train(project.root / "mlflow.db", "killed-0")
        (first,) = training_processes(process)
        first.kill()
        wait_until_they_train(project.root / "mlflow.db", "killed-1")
        (second,) = training_processes(process)
        process.kill()
        printed, _ = process.communicate(timeout=60)
    assert not psutil.wait_procs([second], timeout=10)[1]
    assert printed.startswith("killed-0  failed: killed by SIGKILL; tried again")
    failed, again = trials_of(project, "killed")
    assert (failed.state.name, again.state.name, again.params) == ("FAIL", "RUNNING", failed.params)
    assert nested_runs(client, "killed")["killed-0"].info.status == "KILLED"


def test_two_jobs_are_interrupted_at_once(project, client):
    """The search alone gets Ctrl-C, not its children."""
    project.set_params(train={"learning_rate": 0.0004}, tune={"seed": 1})  # values that no run has
    command = ("digits", "tune", "--trials", "2", "--jobs", "2", "--name", "pair", "--no-apply")
    with project.start(*command) as process:
        wait_until_they_train(project.root / "mlflow.db", "pair-0", "pair-1")
        children = training_processes(process)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    assert len(children) == 2
    assert not any(child.is_running() for child in children)
    assert states_of(project, "pair") == ["RUNNING", "RUNNING"]  # so that the next search tries them again
    runs = nested_runs(client, "pair")
    assert {name: run.info.status for name, run in runs.items()} == {"pair-0": "KILLED", "pair-1": "KILLED"}
    # The run of the killed search
    assert nested_runs(client, "killed")["killed-1"].info.status == "KILLED"


def test_a_store_that_fails_during_a_trial_loses_no_trial(project, tmp_path):
    """The store is a new one, whose runs are out of reach from the first epoch on, until the search itself gives up."""
    project.set_params(train={"epochs": 8})
    database, command = tmp_path / "mlflow.db", ("digits", "tune", "--trials", "1", "--name", "broken")
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{database}"}
    with project.start(*command, env=environment) as process:
        wait_until_they_train(database, "broken-0")
        with closing(sqlite3.connect(database, timeout=60)) as connection:
            connection.execute("ALTER TABLE runs RENAME TO lost")
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert printed.count("warning: the log of this run is incomplete") == 1
    assert "broken-0  1 of 1  val_loss" in printed
    assert "no such table: runs" in printed.splitlines()[-1]
    assert "Traceback" not in printed
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("ALTER TABLE lost RENAME TO runs")
    printed = project.run(*command, env=environment)
    assert "no trial is better than the baseline" in printed
    assert states_of(project, "broken") == ["COMPLETE"]


def test_a_failed_trial_is_tried_again(project):
    project.set_params(train={"learning_rate": 0.01, "epochs": 3, "devices": 2})
    printed = project.run("digits", "tune", "--trials", "1", "--name", "fixed", fails=True)
    assert "error: fixed-0 failed: train.devices = 2, but tensorflow finds 1" in printed
    assert "Traceback" not in printed
    project.set_params(train={"devices": 1})
    printed = project.run("digits", "tune", "--trials", "1", "--name", "fixed")
    assert "fixed-1  1 of 1  val_loss" in printed
    assert "no trial is better than the baseline" in printed


def test_changed_values_in_params_yaml_are_tried_too_and_a_trial_worse_than_the_median_is_pruned(project, client):
    study = optuna.load_study(study_name="fixed", storage=f"sqlite:///{project.root}/tuning.db")
    distributions = {"train.learning_rate": optuna.distributions.FloatDistribution(0.0001, 0.05, log=True)}
    for rate in (0.011, 0.02, 0.03, 0.04):
        good = {"params": {"train.learning_rate": rate}, "value": 0.1, "intermediate_values": {1: 0.1, 2: 0.1, 3: 0.1}}
        study.add_trial(optuna.trial.create_trial(distributions=distributions, **good))
    project.set_params(train={"learning_rate": 0.0002})
    printed = project.run("digits", "tune", "--trials", "1", "--name", "fixed", "--no-apply")
    assert "fixed-6  6 of 6  pruned after epoch 1  learning_rate=0.0002" in printed
    assert "\ndvc exp run --name fixed-best -S train.learning_rate=0.011\n" in printed
    assert "fixed-best" not in project.run("dvc", "exp", "list", "--name-only")
    run = nested_runs(client, "fixed")["fixed-6"]
    assert (run.info.status, run.data.tags["pruned"]) == ("FINISHED", "yes")
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1]
    assert "network_sha256" not in run.data.tags


def test_a_search_with_other_settings_is_refused(project):
    ranges = {"learning_rate": {"low": 0.001, "high": 0.01}}
    project.set_params(train={"epochs": 4, "seed": 7}, tune={"ranges": ranges, "metric": "val_accuracy"})
    printed = project.run("digits", "tune", "--trials", "4", fails=True)
    changed = "train.epochs, train.seed, tune.metric, tune.train.learning_rate"
    assert f"the search 'tune' was started with another {changed}: choose another --name" in printed
    assert "Traceback" not in printed


def test_outdated_data_are_refused(project):
    project.set_params(ingest={"seed": 1})
    printed = project.run("digits", "tune", "--trials", "4", fails=True)
    assert "error: the data are outdated (ingest): run `dvc repro preprocess`" in printed

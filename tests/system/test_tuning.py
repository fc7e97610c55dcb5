"""A search on a real queue: trials are experiments and runs, Ctrl-C loses nothing, and the best is applied.

The tests run in their order: each goes on where the one before it ended.
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
from tests.recorded import answers, client_of, runs_of


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


def study(project, name: str = "tune") -> optuna.Study:
    return optuna.load_study(study_name=name, storage=f"sqlite:///{project.root}/tuning.db")


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
    assert len({trial.params["train.learning_rate"] for trial in ended}) == len(ended) == 3
    assert ended[0].params == {"train.learning_rate": before}  # today's parameters come first
    best = study(project).best_trial
    assert best.number > 0
    assert f"tune-{best.number} is applied" in printed
    after = yaml.safe_load((project.root / "params.yaml").read_text())["train"]["learning_rate"]
    assert after == pytest.approx(best.params["train.learning_rate"])
    today, found = map(float, re.search(r"^val_loss +(\S+) +(\S+)$", printed, re.MULTILINE).groups())
    assert (today, found) == (pytest.approx(ended[0].value, abs=1e-5), pytest.approx(best.value, abs=1e-5))
    assert found < today
    assert project.git("status", "--porcelain", "data") == ""


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


def test_a_trial_from_the_cache_is_entered_in_a_new_record(project, tmp_path):
    """Today's parameters, the best that was found, are in DVC's cache; the record is a new one."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    printed = project.run("digits", "tune", "--trials", "1", "--name", "again", env={"MLFLOW_TRACKING_URI": uri})
    assert "nothing that was tried is better" in printed
    client = client_of(uri)
    run, parent = runs_of(client)[::-1]
    assert parent.data.tags["digits_search"] == "again"
    assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert (run.data.tags["entered"], run.data.tags["dvc_experiment"]) == ("later, from the files", "again-0")
    assert run.data.tags["weights_sha256"] == digest(project.root / "models" / "digits.weights.h5", "sha256")
    today = yaml.safe_load((project.root / "params.yaml").read_text())["train"]["learning_rate"]
    assert run.data.params["train.learning_rate"] == str(today)
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2, 3]
    assert answers(client, run).sum() == pytest.approx(1)


def at_work(project) -> list[psutil.Process]:
    """The queue's worker and what it started, once the network learns."""
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = {}
        for process in psutil.process_iter(["cmdline", "cwd"]):
            words = " ".join(process.info["cmdline"] or ())
            if (process.info["cwd"] or "").startswith(str(project.root)):
                found |= {part: process for part in ("queue-worker", "exec-run", "-m pipeline.train") if part in words}
        if len(found) == 3:
            return list(found.values())
        time.sleep(0.1)
    raise AssertionError(f"no training on the queue, only {sorted(found)}")


def test_a_trial_that_the_queue_lost_is_tried_again(project):
    """The queue's processes are killed, as the out-of-memory killer would: DVC calls the trial running for ever."""
    project.set_params(train={"epochs": 30})
    with project.start("digits", "tune", "--trials", "1", "--name", "lost") as process:
        for one in at_work(project):
            one.kill()
        printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert "lost-0  was lost by the queue, and is tried again" in printed
    assert "lost-1  val_loss" in printed
    lost, again = study(project, "lost").trials
    assert (lost.state.name, again.params) == ("FAIL", lost.params)


def test_a_trial_whose_record_broke_off_is_gone_on_with(project, tmp_path):
    """The database is held from the first epoch on, until the search itself gives up."""
    project.set_params(train={"seed": 7})
    uri, command = f"sqlite:///{tmp_path}/mlflow.db", ("digits", "tune", "--trials", "1", "--name", "broken")
    with project.start(*command, env={"MLFLOW_TRACKING_URI": uri}) as process:
        at_work(project)
        with closing(sqlite3.connect(tmp_path / "mlflow.db", isolation_level=None)) as holder:
            while not holder.execute("SELECT count(*) FROM metrics WHERE key = 'val_loss'").fetchone()[0]:
                time.sleep(0.1)
            holder.execute("BEGIN EXCLUSIVE")
            printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1
    assert "database is locked" in printed
    assert "Traceback" not in printed
    printed = project.run(*command, env={"MLFLOW_TRACKING_URI": uri})
    assert "broken-0  val_loss" in printed
    client = client_of(uri)
    (run,) = [run for run in runs_of(client) if "digits_search" not in run.data.tags]
    assert (run.info.status, run.data.tags["entered"]) == ("FINISHED", "later, from the files")
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == list(range(1, 31))
    assert answers(client, run).sum() == pytest.approx(1)


def test_what_failed_is_tried_again_once_it_is_mended(project):
    """Today's parameters are those that all others are held against."""
    project.set_params(train={"epochs": 3, "devices": 2})
    said = project.run("digits", "tune", "--trials", "1", "--name", "mended", fails=True)
    assert "experiment mended-0 failed" in said
    project.set_params(train={"devices": 1})
    printed = project.run("digits", "tune", "--trials", "1", "--name", "mended")
    assert "mended-1  val_loss" in printed
    assert "nothing that was tried is better than what params.yaml says today" in printed


def test_values_that_were_changed_by_hand_are_tried_too(project):
    project.set_params(train={"learning_rate": 0.0002})
    printed = project.run("digits", "tune", "--trials", "1", "--name", "mended", "--no-apply")
    assert "mended-2  val_loss" in printed
    assert "learning_rate=0.0002" in printed
    assert "next: `dvc exp apply mended-1`" in printed


def test_what_cannot_be_compared_is_another_search(project):
    ranges = {"learning_rate": {"low": 0.001, "high": 0.01}}
    project.set_params(train={"epochs": 4, "seed": 7}, tune={"ranges": ranges, "metric": "val_accuracy"})
    said = project.run("digits", "tune", "--trials", "4", fails=True)
    changed = "train.epochs, train.seed, tune.metric, tune.train.learning_rate"
    assert f"the search 'tune' was begun with another {changed}: give --name another" in said
    assert "Traceback" not in said

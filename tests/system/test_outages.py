"""Failures of the tracking store during training: no model is lost, and everything is logged in the end.

Real servers that are killed, a database that another process locks, a disk that is full, Ctrl-C.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from digits.files import digest
from digits.tracking.record import RUN_FILES
from tests.full_disk import fill
from tests.loopback import free_port
from tests.scratch import copy
from tests.tracking_server import kill, tracking_server
from tests.tracking_store import best_versions, client_of

EPOCHS = 3
LOST = "warning: the log of this run is incomplete"


@pytest.fixture(scope="module")
def project(prepared):
    """A scratch project whose training is long enough to be stopped between two epochs."""
    prepared.set_params(train={"epochs": EPOCHS})
    prepared.commit()
    return prepared


@pytest.fixture
def untrained(project):
    """The project before its first training, without a tracking store."""
    for name in ("mlflow.db", "mlartifacts", "models", "metrics/train.json", ".dvc/cache/runs"):
        path = project.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    project.git("checkout", "--quiet", "--", ".")
    return project


@pytest.fixture
def database(tmp_path, empty_database):
    """The path of a database of the test's own, outside the project."""
    return shutil.copy(empty_database, tmp_path)


def train(project, after_first_epoch, once_lost=None, **environment) -> str:
    """Run the train stage to its end; returns what it printed.

    Something is done between its first epoch and the next, and once it has warned that the log is incomplete.
    """
    printed = []
    with project.start(sys.executable, "-m", "pipeline.train", env=environment) as process:
        for line in process.stdout:
            printed.append(line)
            if line.startswith(f"epoch   1/{EPOCHS}"):
                while_stopped(process, after_first_epoch)
            if line.startswith(LOST) and once_lost:
                once_lost()
    assert process.returncode == 0, "".join(printed)
    return "".join(printed)


def while_stopped(process: subprocess.Popen, act) -> None:
    """Do something while the process is stopped, at a moment when it holds no lock on its database."""
    for _ in range(100):
        process.send_signal(signal.SIGSTOP)
        try:
            return act()
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGCONT)
    raise AssertionError("the process locked its database all the time")


def check_complete(client, project, epochs: int = EPOCHS) -> str:
    """Compare the tracking store with the files; returns the id of its one run."""
    experiment = client.get_experiment_by_name("digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.tags["weights_sha256"] == digest(project.root / "models" / "digits.weights.h5", "sha256")
    assert run.data.params["train.epochs"] == str(epochs)
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")]
    assert sorted(steps) == list(range(1, epochs + 1))
    assert 0 <= run.data.metrics["test_accuracy"] <= 1
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "figures")}
    assert names == {f"figures/{path.name}" for path in RUN_FILES["figures"]}
    (version,) = client.search_model_versions("name = 'digits'")
    assert version.run_id == run.info.run_id
    return run.info.run_id


def log_the_rest(project, uri: str) -> None:
    """Run the stages that log the rest, once the store works again."""
    for stage in ("evaluate", "register"):
        project.run(sys.executable, "-m", f"pipeline.{stage}", env={"MLFLOW_TRACKING_URI": uri})


def test_a_server_that_is_down_is_reported_before_anything_is_trained(untrained):
    uri = f"http://127.0.0.1:{free_port()}"
    printed = untrained.run(sys.executable, "-m", "pipeline.train", fails=True, env={"MLFLOW_TRACKING_URI": uri})
    assert f"error: the tracking server {uri} does not answer" in printed
    assert "start it, or set MLFLOW_TRACKING_URI to another" in printed
    assert "Traceback" not in printed
    assert "epoch" not in printed


def test_a_server_killed_during_training_loses_nothing(untrained, database, tmp_path):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    with tracking_server(tmp_path, port) as process:
        printed = train(untrained, lambda: kill(process), MLFLOW_TRACKING_URI=uri)
        assert printed.count(LOST) == 1
        assert f"epoch   {EPOCHS}/{EPOCHS}" in printed
        assert "Traceback" not in printed
        # evaluate needs no server; register reports that it is down.
        untrained.run(sys.executable, "-m", "pipeline.evaluate", env={"MLFLOW_TRACKING_URI": uri})
        assert (untrained.root / "metrics" / "evaluate.json").exists()
        printed = untrained.run(sys.executable, "-m", "pipeline.register", fails=True, env={"MLFLOW_TRACKING_URI": uri})
        assert f"error: the tracking server {uri} does not answer" in printed
        assert "Traceback" not in printed
    with tracking_server(tmp_path, port):
        untrained.run(sys.executable, "-m", "pipeline.register", env={"MLFLOW_TRACKING_URI": uri})
        check_complete(client_of(uri), untrained)


def test_a_database_locked_during_training_loses_nothing(untrained, database):
    uri, locks = f"sqlite:///{database}", []

    def lock():
        connection = sqlite3.connect(database, isolation_level=None, timeout=0)
        connection.execute("BEGIN EXCLUSIVE")
        locks.append(connection)

    # MLflow waits 20 s for the lock, and would do so again at the end of the run.
    printed = train(untrained, lock, lambda: locks[0].close(), MLFLOW_TRACKING_URI=uri)
    assert printed.count(LOST) == 1
    assert "database is locked" in printed
    log_the_rest(untrained, uri)
    check_complete(client_of(uri), untrained)


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of 8 MiB of its own."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount a small file system, to fill it")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_a_disk_full_during_training_loses_nothing(untrained, small_disk, empty_database):
    uri, ballast = f"sqlite:///{shutil.copy(empty_database, small_disk)}", small_disk / "ballast"
    printed = train(untrained, lambda: fill(ballast), MLFLOW_TRACKING_URI=uri)
    assert printed.count(LOST) == 1
    assert "Traceback" not in printed
    ballast.unlink()
    log_the_rest(untrained, uri)
    check_complete(client_of(uri), untrained)


def test_ctrl_c_marks_the_run_as_killed_and_the_next_resumes_it(untrained):
    long = 6 * EPOCHS  # so that it still trains when the signal comes, also on a busy machine
    untrained.set_params(train={"epochs": long})
    with untrained.start("dvc", "repro", "train", start_new_session=True) as process:
        for line in process.stdout:
            if line.startswith(f"epoch   1/{long}"):
                os.killpg(process.pid, signal.SIGINT)
    assert process.returncode != 0
    client = client_of(f"sqlite:///{untrained.root}/mlflow.db")
    experiment = client.get_experiment_by_name("digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "KILLED"
    assert not list((untrained.root / "models").glob(".partial-*"))
    printed = untrained.run("dvc", "repro")
    assert "restored from models/checkpoint.npz" in printed
    assert check_complete(client, untrained, long) == run.info.run_id


def test_two_models_registered_at_once_are_two_versions_and_one_champion(trained_template, tmp_path, database):
    """Two copies of the project with models of their own, and one tracking store."""
    uri = {"MLFLOW_TRACKING_URI": f"sqlite:///{database}"}
    copies = [copy(trained_template, tmp_path / name / "digits") for name in ("first", "second")]
    copies[1].run("dvc", "exp", "run", "-S", "train.seed=1", "-S", "train.epochs=2", "evaluate", env=uri)
    running = [project.start(sys.executable, "-m", "pipeline.register", env=uri) for project in copies]
    printed = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], printed
    client = client_of(uri["MLFLOW_TRACKING_URI"])
    versions = client.search_model_versions("name = 'digits'")
    assert len(versions) == 2
    champion = client.get_model_version_by_alias("digits", "champion")
    assert champion.version in best_versions(client, versions)
    assert not [key for key in client.get_registered_model("digits").tags if key.startswith("promotion.")]

"""What the record goes through while a model is trained: no model is lost, and the record is whole in the end.

Real servers that are killed, a database that another process holds, a disk that is full, Ctrl-C.
"""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from digits.files import digest
from tests.loopback import free_port, wait_for
from tests.recorded import client_of

EPOCHS = 6
LOST = "warning: the record of this run breaks off"


@pytest.fixture(scope="module")
def project(scratch):
    """A scratch clone with its data prepared; its training can be stopped between two epochs."""
    scratch.set_params(train={"convolutions": [[4, 5, 2], [8, 3, 2]], "epochs": EPOCHS})
    scratch.run("dvc", "repro", "preprocess")
    scratch.commit()
    return scratch


@pytest.fixture
def untrained(project):
    """The project before its first training, without a record."""
    for name in ("mlflow.db", "mlartifacts", "models", "metrics/train.json", ".dvc/cache/runs"):
        path = project.root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    project.git("checkout", "--quiet", "--", ".")
    return project


@contextmanager
def tracking_server(folder: Path, port: int):
    """A real MLflow server on a database in `folder`, killed at the end, if not before."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", str(folder / "files")]
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen([*command, *places], stdout=log, stderr=log, cwd=folder, start_new_session=True)
    try:
        wait_for(port, seconds=90)
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def train(project, after_first_epoch=None, **environment) -> str:
    """Run the train stage to its end, do something between its first epoch and the next, and return what it said."""
    said = []
    with project.start(sys.executable, "-m", "pipeline.train", env=environment) as process:
        for line in process.stdout:
            said.append(line)
            if line.startswith(f"epoch   1/{EPOCHS}") and after_first_epoch:
                while_it_stands(process, after_first_epoch)
    assert process.returncode == 0, "".join(said)
    return "".join(said)


def while_it_stands(process: subprocess.Popen, act) -> None:
    """Do something while the process stands still, at a moment when it holds no lock on its database."""
    for _ in range(100):
        process.send_signal(signal.SIGSTOP)
        try:
            return act()
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGCONT)
    raise AssertionError("the process held its database all the time")


def whole(client, project, epochs: int = EPOCHS) -> str:
    """Hold the record against the files, and return the id of its one run."""
    experiment = client.get_experiment_by_name("digits")
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.status == "FINISHED"
    assert run.data.tags["weights_sha256"] == digest(project.root / "models" / "digits.weights.h5", "sha256")
    assert run.data.params["train.epochs"] == str(epochs)
    steps = [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")]
    assert sorted(steps) == list(range(1, epochs + 1))
    assert 0 <= run.data.metrics["test_accuracy"] <= 1
    names = {artifact.path for artifact in client.list_artifacts(run.info.run_id, "figures")}
    assert names == {f"figures/{name}.png" for name in ("learning_curves", "confusion_matrix", "mistakes")}
    (version,) = client.search_model_versions("name = 'digits'")
    assert version.run_id == run.info.run_id
    return run.info.run_id


def enter_the_rest(project, uri: str) -> None:
    """What a user does once the store is there again."""
    for stage in ("evaluate", "register"):
        project.run(sys.executable, "-m", f"pipeline.{stage}", env={"MLFLOW_TRACKING_URI": uri})


def test_a_server_that_is_down_is_said_before_anything_is_trained(untrained):
    uri = f"http://127.0.0.1:{free_port()}"
    said = untrained.run("dvc", "repro", "train", fails=True, env={"MLFLOW_TRACKING_URI": uri})
    assert f"error: the tracking server {uri} does not answer" in said
    assert "start it, or set MLFLOW_TRACKING_URI to another" in said
    assert "Traceback" not in said
    assert "epoch" not in said


def test_a_server_that_dies_in_the_middle_costs_nothing(untrained, tmp_path):
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    with tracking_server(tmp_path, port) as process:
        said = train(untrained, lambda: kill(process), MLFLOW_TRACKING_URI=uri)
        assert said.count(LOST) == 1
        assert f"epoch   {EPOCHS}/{EPOCHS}" in said
        assert "Traceback" not in said
        # What comes next says so too, and what it made is kept.
        said = untrained.run(sys.executable, "-m", "pipeline.evaluate", env={"MLFLOW_TRACKING_URI": uri})
        assert "warning: the tracking server" in said
        assert (untrained.root / "metrics" / "evaluate.json").exists()
    with tracking_server(tmp_path, port):
        enter_the_rest(untrained, uri)
        whole(client_of(uri), untrained)


def test_a_database_that_another_process_holds_costs_nothing(untrained, tmp_path):
    path = tmp_path / "mlflow.db"
    uri, holder = f"sqlite:///{path}", []

    def hold():
        held = sqlite3.connect(path, isolation_level=None, timeout=0)
        held.execute("BEGIN EXCLUSIVE")
        holder.append(held)

    said = train(untrained, hold, MLFLOW_TRACKING_URI=uri)
    assert said.count(LOST) == 1
    assert "database is locked" in said
    holder[0].close()
    enter_the_rest(untrained, uri)
    whole(client_of(uri), untrained)


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


def test_a_disk_that_fills_costs_nothing(untrained, small_disk):
    uri, ballast = f"sqlite:///{small_disk}/mlflow.db", small_disk / "ballast"

    def fill():
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    said = train(untrained, fill, MLFLOW_TRACKING_URI=uri)
    assert said.count(LOST) == 1
    assert "Traceback" not in said
    ballast.unlink()
    enter_the_rest(untrained, uri)
    whole(client_of(uri), untrained)


def test_ctrl_c_marks_the_run_as_killed_and_the_next_goes_on_with_it(untrained):
    long = 5 * EPOCHS  # that it is under way yet when the signal comes, also on a busy machine
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
    said = untrained.run("dvc", "repro")
    assert "taken from models/unfinished.npz" in said
    assert whole(client, untrained, long) == run.info.run_id


def test_two_who_register_at_once_have_both_versions_and_one_champion(untrained, tmp_path):
    """Two clones with models of their own, and one record."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    clones = []
    for seed in (1, 2):
        clone = tmp_path / f"clone-{seed}"
        shutil.copytree(untrained.root, clone, symlinks=True)
        clones.append(clone)
        untrained.run(
            "dvc", "exp", "run", "-S", f"train.seed={seed}", "evaluate", cwd=clone, env={"MLFLOW_TRACKING_URI": uri}
        )
    running = [
        untrained.start(sys.executable, "-m", "pipeline.register", cwd=clone, env={"MLFLOW_TRACKING_URI": uri})
        for clone in clones
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0], said
    client = client_of(uri)
    versions = client.search_model_versions("name = 'digits'")
    assert len(versions) == 2
    champion = client.get_model_version_by_alias("digits", "champion")
    assert float(champion.tags["accuracy"]) == max(float(version.tags["accuracy"]) for version in versions)
    assert not [version for version in versions if "digits.claim" in version.tags]

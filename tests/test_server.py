"""A team's server on a real PostgreSQL: the pipeline, a queue of eight, the registry, and a record that moves there.

The tests run in their order: each goes on where the one before it ended.
"""

import json
import os
import shutil
import signal
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.loopback import free_port, wait_for
from tests.recorded import answers, client_of, runs_of
from tests.scratch import wait_for_queue

if not (shutil.which("initdb") or list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))):
    pytest.skip("PostgreSQL is not installed here: apt install postgresql", allow_module_level=True)


@pytest.fixture(scope="module")
def project(scratch):
    scratch.set_params(train={"convolutions": [[4, 5, 2], [8, 3, 2]]})
    scratch.run("dvc", "repro", "preprocess")
    scratch.commit()
    return scratch


@pytest.fixture(scope="module")
def server(project):
    """What the environment of a running server's client holds. It was started before, and speaks German."""
    # Not in pytest's own folder: it is closed to the user that PostgreSQL runs as where root runs the tests.
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        folder = Path(place) / "server"
        with serving(project, folder):
            pass
        with serving(project, folder) as port:
            password = json.loads((folder / "secrets.json").read_text())["admin"]
            yield {
                "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}",
                "MLFLOW_TRACKING_USERNAME": "admin",
                "MLFLOW_TRACKING_PASSWORD": password,
            }


@contextmanager
def serving(project, folder):
    """Start `digits server`, give its port, and end it as a system's manager would."""
    port, german = free_port(), {"LANGUAGE": "de", "LC_ALL": "C.UTF-8"}
    command = ("digits", "server", "--port", str(port), "--folder", str(folder))
    with project.start(*command, start_new_session=True, env=german) as process:
        wait_for(port, seconds=120)
        yield port
        os.killpg(process.pid, signal.SIGTERM)
        printed = process.communicate()[0]
    assert "Traceback" not in printed


@pytest.fixture
def client(server, monkeypatch):
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return client_of(server["MLFLOW_TRACKING_URI"])


def test_without_a_password_nobody_is_let_in(project, server):
    said = project.run("dvc", "repro", "train", fails=True, env={"MLFLOW_TRACKING_URI": server["MLFLOW_TRACKING_URI"]})
    assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in said
    assert "Traceback" not in said


def test_a_queue_of_eight_loses_nothing(project, server, client):
    grid = ("-S", "train.learning_rate=0.005,0.01,0.02,0.04", "-S", "train.seed=0,1")
    project.run("dvc", "exp", "run", "--queue", *grid, env=server)
    project.run("dvc", "queue", "start", "-j", "2", env=server)
    wait_for_queue(project)
    found = runs_of(client)
    assert [run.info.status for run in found] == ["FINISHED"] * 8
    for run in found:
        assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2]
        assert 0 <= run.data.metrics["test_accuracy"] <= 1
        assert answers(client, run).sum() == pytest.approx(1)
    assert not (project.root / "mlflow.db").exists()


def test_its_registry_has_one_champion_that_reads_digits(project, server, client, tmp_path):
    versions = client.search_model_versions("name = 'digits'")
    champion = client.get_model_version_by_alias("digits", "champion")
    assert len(versions) == 8
    assert float(champion.tags["accuracy"]) == max(float(version.tags["accuracy"]) for version in versions)
    picture = next((project.root / "data" / "external" / "0").iterdir())
    answer = json.loads(project.run("digits", "predict", "--json", str(picture), env=server).splitlines()[-1])
    assert sum(answer["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_a_local_record_moves_there_whole_and_once(project, server, client):
    project.run("dvc", "exp", "run", "-S", "train.seed=9")  # in mlflow.db
    local = client_of(f"sqlite:///{project.root}/mlflow.db")
    (known,) = runs_of(local)
    for _ in range(2):
        project.run("digits", "move", server["MLFLOW_TRACKING_URI"], env=server)
        (moved,) = [run for run in runs_of(client) if run.data.tags.get("moved_from") == known.info.run_id]
        assert (moved.data.params, moved.data.metrics) == (known.data.params, known.data.metrics)
        assert (moved.info.run_name, moved.info.start_time) == (known.info.run_name, known.info.start_time)
        assert [p.step for p in client.get_metric_history(moved.info.run_id, "val_loss")] == [1, 2]
        assert (answers(client, moved) == answers(local, known)).all()
        names = [
            {one.path for one in store.list_artifacts(run.info.run_id, "figures")}
            for store, run in ((client, moved), (local, known))
        ]
        assert names[0] == names[1]
        assert len(client.search_model_versions("name = 'digits'")) == 9

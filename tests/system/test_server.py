"""A team's server: MLflow on a real PostgreSQL, started as in docs/how-to/team-server.md.

The tests run in their order: each continues where the one before it ended.
"""

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from pytest_postgresql.executors import PostgreSQLExecutor

from tests.loopback import free_port, wait_for
from tests.scratch import wait_for_queue
from tests.tracking_store import best_versions, client_of, predictions_of, runs_of
from tests.unit.test_compose import AUTH, COMMAND, ENVIRONMENT

PG_CTL = shutil.which("pg_ctl") or max(map(str, Path("/usr/lib/postgresql").glob("*/bin/pg_ctl")), default=None)
if PG_CTL is None:
    pytest.skip("PostgreSQL is not installed here: apt install postgresql", allow_module_level=True)

SECRETS = ("MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY", "PGPASSWORD")
PASSWORDS = {name: secrets.token_hex(12) for name in SECRETS}


@contextmanager
def postgresql(folder: Path):
    """Run a PostgreSQL that requires passwords over TCP, as user postgres where this is root; yields its settings."""
    access = folder / "pg_hba.conf"
    access.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    program, port = PG_CTL, free_port()
    if os.geteuid() == 0:  # which PostgreSQL refuses
        shutil.chown(folder, "postgres")
        program = str(folder / "pg_ctl")
        Path(program).write_text(f'#!/bin/sh\nexec runuser -u postgres -- {PG_CTL} "$@"\n')
        Path(program).chmod(0o755)
    with PostgreSQLExecutor(
        program,
        "127.0.0.1",
        port,
        datadir=str(folder / "data"),
        unixsocketdir=str(folder),
        logfile=str(folder / "postgresql.log"),
        startparams="-w",
        dbname="mlflow",
        postgres_options=f"-c hba_file={access}",
    ):
        yield {"PGHOST": str(folder), "PGPORT": str(port), "PGUSER": "postgres"}


@pytest.fixture(scope="module")
def server():
    """The environment of a client of the running server."""
    # Not in pytest's own folder, which other users may not enter.
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o755)
        with postgresql(folder) as settings:
            administrator = {**os.environ, **settings}
            role = f"CREATE ROLE mlflow LOGIN PASSWORD '{PASSWORDS['PGPASSWORD']}'"  # as `createuser --pwprompt mlflow`
            subprocess.run(["psql", "--quiet", "--command", role], env=administrator, check=True)
            subprocess.run(["createdb", "--owner", "mlflow", "mlflow"], env=administrator, check=True)
            (folder / "basic_auth.ini").write_text(AUTH)
            environment = ENVIRONMENT
            for key, password in PASSWORDS.items():
                environment = environment.replace(f"{key}=…", f"{key}={password}")
            (folder / "server.env").write_text(environment)
            with mlflow_server(folder, settings["PGPORT"], port):
                yield {
                    "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}",
                    "MLFLOW_TRACKING_USERNAME": "admin",
                    "MLFLOW_TRACKING_PASSWORD": PASSWORDS["MLFLOW_AUTH_ADMIN_PASSWORD"],
                }


@contextmanager
def mlflow_server(folder: Path, database_port: str, port: int):
    command = shlex.split(COMMAND.replace("5002", str(port)))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    environment["PGPORT"] = database_port
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
        ) as process,
    ):
        try:
            wait_for(port, seconds=120)
            yield
        finally:
            os.killpg(process.pid, signal.SIGTERM)


@pytest.fixture
def client(server, monkeypatch):
    for name, value in server.items():
        monkeypatch.setenv(name, value)
    return client_of(server["MLFLOW_TRACKING_URI"])


def test_no_password_is_in_the_list_of_processes(server):
    commands = subprocess.check_output(["ps", "-A", "-ww", "-o", "args"], text=True)
    assert "--app-name basic-auth" in commands
    assert [name for name, password in PASSWORDS.items() if password in commands] == []


def test_without_a_password_access_is_denied(trained, server):
    uri = {"MLFLOW_TRACKING_URI": server["MLFLOW_TRACKING_URI"]}
    printed = trained.run("python", "-m", "pipeline.train", fails=True, env=uri)
    assert "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in printed
    assert "Traceback" not in printed


def test_a_local_store_is_migrated_completely_and_once(trained, server, client):
    local = client_of(f"sqlite:///{trained.root}/mlflow.db")
    (known,) = runs_of(local)
    for _ in range(2):
        trained.run("digits", "migrate", server["MLFLOW_TRACKING_URI"], env=server)
        (copied,) = [run for run in runs_of(client) if run.data.tags.get("migrated_from") == known.info.run_id]
        assert (copied.data.params, copied.data.metrics) == (known.data.params, known.data.metrics)
        assert (copied.info.run_name, copied.info.start_time) == (known.info.run_name, known.info.start_time)
        assert [point.step for point in client.get_metric_history(copied.info.run_id, "val_loss")] == [*range(1, 16)]
        assert (predictions_of(client, copied) == predictions_of(local, known)).all()
        names = [
            {one.path for one in store.list_artifacts(run.info.run_id, "figures")}
            for store, run in ((client, copied), (local, known))
        ]
        assert names[0] == names[1]
        assert len(client.search_model_versions("name = 'digits'")) == 1


def test_a_queued_experiment_is_logged_completely(trained, server, client):
    trained.run("dvc", "exp", "run", "--queue", "-S", "train.seed=1", "-S", "train.epochs=2", env=server)
    trained.run("dvc", "queue", "start", env=server)
    wait_for_queue(trained)
    (run,) = [run for run in runs_of(client) if run.data.params["train.seed"] == "1"]
    assert run.info.status == "FINISHED"
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2]
    assert 0 <= run.data.metrics["test_accuracy"] <= 1
    assert predictions_of(client, run).sum() == pytest.approx(1)
    assert len(runs_of(client_of(f"sqlite:///{trained.root}/mlflow.db"))) == 1  # as before


def test_its_registry_has_one_champion_that_classifies_digits(trained, server, client):
    versions = client.search_model_versions("name = 'digits'")
    champion = client.get_model_version_by_alias("digits", "champion")
    assert len(versions) == 2
    assert champion.version in best_versions(client, versions)
    picture = next((trained.root / "data" / "external" / "0").iterdir())
    predicted = json.loads(trained.run("digits", "predict", "--json", str(picture), env=server).splitlines()[-1])
    assert sum(predicted["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_a_person_promotes_the_other_version_and_rolls_back(trained, server, client):
    champion = client.get_model_version_by_alias("digits", "champion").version
    (other,) = {version.version for version in client.search_model_versions("name = 'digits'")} - {champion}
    trained.run("digits", "promote", str(other), "--why", "a test", env=server)
    trained.run("digits", "rollback", env=server)
    back, forward, *_ = map(json.loads, trained.run("digits", "history", "--json", env=server).splitlines())
    assert (forward["from"], forward["to"], forward["why"]) == (str(champion), str(other), "a test")
    assert (back["from"], back["to"], back["by"], back["who"]) == (str(other), str(champion), "rollback", "admin")
    assert client.get_model_version_by_alias("digits", "champion").version == champion

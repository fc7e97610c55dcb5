"""The address of the tracking store, and the connection to it."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from digits import addresses
from digits.errors import UserError
from tests.imports import ROOT
from tests.loopback import free_port


def test_it_is_in_the_project_of_a_temporary_copy(workspace, store, monkeypatch):
    copy = workspace / ".dvc" / "tmp" / "exps" / "tmp1234" / "digits"
    (copy / ".dvc").mkdir(parents=True)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(workspace))
    assert store.uri() == f"sqlite:///{workspace}/mlflow.db"


def test_a_root_left_over_from_another_project_counts_for_nothing(workspace, store, monkeypatch, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / ".dvc" / "tmp").mkdir(parents=True)
    monkeypatch.setenv("DVC_ROOT", str(other))
    assert store.uri() == f"sqlite:///{workspace}/mlflow.db"


def test_it_is_found_from_a_subfolder(workspace, store, monkeypatch):
    (workspace / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(workspace / "a" / "b")
    assert store.uri() == f"sqlite:///{workspace}/mlflow.db"


def test_the_environment_overrides_it(workspace, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert store.uri() == "http://127.0.0.1:1"


def test_a_relative_path_in_it_is_relative_to_the_root(workspace, store, monkeypatch):
    """An experiment of DVC runs in a temporary copy, which is deleted."""
    copy = workspace / ".dvc" / "tmp" / "copy"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(workspace))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///ours.db")
    (workspace / "mlflow.db").rename(workspace / "ours.db")  # creating a database takes two seconds
    store.connect()
    with closing(sqlite3.connect(workspace / "ours.db")) as database:
        assert ("digits",) in database.execute("SELECT name FROM experiments").fetchall()
    assert list(copy.iterdir()) == []


@pytest.mark.parametrize("address", ["localhost:5000", "postgres://localhost/digits"])
def test_an_address_that_mlflow_does_not_know_is_refused(store, monkeypatch, address):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(UserError, match=f"{address} has an address that MLflow does not know.*set MLFLOW_TRACKING_URI"):
        store.connect()


def test_outside_the_project_it_is_an_error(tmp_path, store, monkeypatch):
    monkeypatch.chdir("/")
    with pytest.raises(UserError, match="is not inside the project"):
        store.uri()


def test_two_processes_create_one_database_in_place_of_an_incomplete_one(workspace, new_store):
    (workspace / ".partial-mlflow.db").write_text("half")
    code = "from digits.tracking import store; print(store.connect().get_experiment_by_name('digits').experiment_id)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def join(_):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=True)
        return done.stdout.split()[-1]

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(join, range(2)))) == 1
    assert not (workspace / ".partial-mlflow.db").exists()


def test_a_locked_database_is_reported_as_locked(workspace, store, monkeypatch):
    store.connect()
    store.connect.cache_clear()
    connect = sqlite3.connect
    with closing(connect(workspace / "mlflow.db", isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr("sqlite3.connect", lambda path: connect(path, timeout=0.01))
        with pytest.raises(UserError, match=r"cannot be read now \(database is locked\); try again"):
            store.connect()


def test_a_read_only_database_is_named_with_the_command_that_changes_it(workspace, store):
    database = workspace / "mlflow.db"
    before = database.read_bytes()
    database.chmod(0o444)
    words = rf"^{database} is read-only, and every run is logged there: `chmod u\+w {database}`"
    with pytest.raises(UserError, match=words):
        store.connect()
    assert database.read_bytes() == before


def test_a_database_that_is_none_is_named(workspace, new_store):
    (workspace / "mlflow.db").write_text("not a database, but long enough to be taken for one " * 10)
    with pytest.raises(UserError, match=rf"^{workspace}/mlflow\.db is no SQLite database"):
        new_store.connect()


def test_a_password_in_the_address_is_redacted(workspace, store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{free_port()}")
    with pytest.raises(UserError, match="does not answer") as error:
        store.connect()
    assert "secret" not in str(error.value)


def test_artifacts_are_in_the_root_for_any_working_directory(workspace, store, monkeypatch):
    (workspace / "temporary").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(workspace))
    monkeypatch.chdir(workspace / "temporary")
    experiment = store.connect().get_experiment_by_name("digits")
    assert experiment.artifact_location == f"file://{workspace}/mlartifacts"


def test_a_deleted_experiment_is_named_with_the_command_that_restores_it(store):
    client = store.connect()
    number = client.get_experiment_by_name(store.EXPERIMENT).experiment_id
    client.delete_experiment(number)
    store.connect.cache_clear()
    with pytest.raises(UserError, match=rf"was deleted .* mlflow experiments restore --experiment-id {number}"):
        store.connect()


@pytest.mark.parametrize("name", ["q?x", "a%2Fb", "a#b", "über", "a b+c"])
def test_the_characters_of_the_path_are_no_address(workspace, new_store, empty_database, monkeypatch, name):
    """The database and the artifacts are in that folder, and nothing is created outside it."""
    root = workspace / "outer" / name / "project"
    (root / ".dvc").mkdir(parents=True)
    file = f"of-{workspace.name}.db"  # of the test's own: MLflow caches a store by its address, which is relative here
    (root / file).write_bytes(empty_database.read_bytes())
    monkeypatch.chdir(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{file}")
    client = new_store.connect()
    assert new_store.database() == root / file
    run = client.create_run(client.get_experiment_by_name(new_store.EXPERIMENT).experiment_id)
    client.log_text(run.info.run_id, "kept", "note.txt")
    assert [path.name for path in (workspace / "outer").iterdir()] == [name]
    assert (root / "mlartifacts" / run.info.run_id / "artifacts" / "note.txt").read_text() == "kept"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/{file}")  # as people write it
    assert new_store.database() == root / file
    (root / "below").mkdir()
    monkeypatch.chdir(root / "below")
    assert addresses.sqlite_path(new_store.uri(), root / "below").resolve() == root / file


@pytest.mark.parametrize("address", ["mlruns", "./mlruns", "file:mlruns", "file:./mlruns"])
def test_a_relative_folder_is_relative_to_the_root(workspace, store, monkeypatch, address):
    copy = workspace / ".dvc" / "tmp" / "copy"
    copy.mkdir(parents=True)
    monkeypatch.chdir(copy)
    monkeypatch.setenv("DVC_ROOT", str(workspace))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    assert store.uri() == (workspace / "mlruns").as_uri()
    with pytest.raises(UserError, match=r"is a folder, which MLflow no longer writes to .*MLFLOW_ALLOW_FILE_STORE"):
        store.connect()


def test_where_only_a_server_can_be_asked_a_database_is_refused(workspace, store, monkeypatch):
    monkeypatch.setattr(store, "find_spec", lambda name: None)  # SQLAlchemy comes with all of MLflow
    words = (
        r"mlflow\.db is a database, and the installed packages can ask a tracking server only: set MLFLOW_TRACKING_URI"
    )
    with pytest.raises(UserError, match=words):
        store.check_packages()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://a:secret@127.0.0.1:1/digits")
    with pytest.raises(UserError, match="postgresql://127") as refused:
        store.check_packages()
    assert "secret" not in str(refused.value)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    store.check_packages()

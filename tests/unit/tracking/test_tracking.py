"""The record of runs, in a real store."""

import os
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from digits.errors import UserError
from digits.tracking import registry, runs
from tests.imports import ROOT
from tests.loopback import free_port
from tests.recorded import recorded

PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


class TestStore:
    def test_its_place_is_the_root_that_dvc_names(self, workspace, store, monkeypatch):
        monkeypatch.setenv("DVC_ROOT", "/somewhere/else")
        assert store.uri() == "sqlite:////somewhere/else/mlflow.db"

    def test_its_place_is_found_from_a_subfolder(self, workspace, store, monkeypatch):
        (workspace / "a" / "b").mkdir(parents=True)
        monkeypatch.chdir(workspace / "a" / "b")
        assert store.uri() == f"sqlite:///{workspace}/mlflow.db"

    def test_the_environment_overrides_it(self, workspace, store, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
        assert store.uri() == "http://127.0.0.1:1"

    def test_a_relative_path_in_it_is_one_from_the_root(self, workspace, store, monkeypatch):
        """An experiment of DVC's runs in a copy, which is thrown away with what it holds."""
        copy = workspace / ".dvc" / "tmp" / "copy"
        copy.mkdir(parents=True)
        monkeypatch.chdir(copy)
        monkeypatch.setenv("DVC_ROOT", str(workspace))
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///ours.db")
        store.connect()
        assert (workspace / "ours.db").is_file()
        assert list(copy.iterdir()) == []

    @pytest.mark.parametrize("address", ["localhost:5000", "postgres://localhost/digits"])
    def test_an_address_that_mlflow_does_not_know_is_refused(self, store, monkeypatch, address):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(UserError, match=f"the tracking store {address} does not answer: .*set MLFLOW_TRACKING_URI"):
            store.connect()

    def test_outside_the_project_it_says_so(self, tmp_path, store, monkeypatch):
        monkeypatch.chdir("/")
        with pytest.raises(UserError, match="is not inside the project"):
            store.uri()

    def test_four_first_comers_make_one_database(self, workspace, store):
        code = (
            "from digits.tracking import store; print(store.connect().get_experiment_by_name('digits').experiment_id)"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}

        def join(_):
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, cwd=workspace, env=environment, capture_output=True, text=True, check=True)
            return done.stdout.split()[-1]

        with ThreadPoolExecutor(4) as pool:
            assert len(set(pool.map(join, range(4)))) == 1

    def test_a_half_made_database_is_made_anew(self, workspace, store):
        (workspace / ".partial-mlflow.db").write_text("half")
        assert store.connect().get_experiment_by_name("digits") is not None
        assert not (workspace / ".partial-mlflow.db").exists()

    def test_a_database_that_is_held_is_not_called_broken(self, workspace, store):
        store.connect()
        store.connect.cache_clear()
        with closing(sqlite3.connect(workspace / "mlflow.db", isolation_level=None)) as holder:
            holder.execute("BEGIN EXCLUSIVE")
            with pytest.raises(UserError, match=r"can't be read now \(database is locked\); try again"):
                store.connect()

    def test_a_password_in_the_address_is_never_shown(self, workspace, store, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{free_port()}")
        with pytest.raises(UserError, match="does not answer") as error:
            store.connect()
        assert "secret" not in str(error.value)
        assert store.reason(OSError("no http://me:secret@host/a or b")) == "no http://host/a or b"

    def test_artifacts_stand_in_the_root_wherever_the_process_runs(self, workspace, store, monkeypatch):
        (workspace / "temporary").mkdir()
        monkeypatch.setenv("DVC_ROOT", str(workspace))
        monkeypatch.chdir(workspace / "temporary")
        experiment = store.connect().get_experiment_by_name("digits")
        assert experiment.artifact_location == f"file://{workspace}/mlartifacts"


class TestRuns:
    @pytest.fixture
    def client(self, store):
        return store.connect()

    def all(self, client):
        experiment = client.get_experiment_by_name("digits")
        return client.search_runs([experiment.experiment_id])

    def statuses(self, client):
        return {run.info.run_name: run.info.status for run in self.all(client)}

    def test_a_run_ends_as_its_block_ends(self, client):
        for name, error in (("done", None), ("stopped", KeyboardInterrupt), ("broken", ZeroDivisionError)):
            try:
                with runs.training(name, {"a": 1}, {runs.TASK: name}):
                    if error:
                        raise error
            except (KeyboardInterrupt, ZeroDivisionError):
                pass
        assert self.statuses(client) == {"done": "FINISHED", "stopped": "KILLED", "broken": "FAILED"}

    def test_the_run_of_a_process_that_was_killed_is_ended_by_the_next(self, client, workspace):
        code = (
            "import os, signal; from digits.tracking import runs\n"
            "with runs.training('killed', {}, {runs.TASK: 'a'}): os.kill(os.getpid(), signal.SIGKILL)"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code], cwd=workspace, env=environment, check=False)
        assert self.statuses(client) == {"killed": "RUNNING"}
        with runs.training("next", {}, {runs.TASK: "b"}):
            assert self.statuses(client) == {"killed": "KILLED", "next": "RUNNING"}

    def test_an_interrupted_run_of_the_same_task_is_gone_on_with(self, client):
        with pytest.raises(KeyboardInterrupt), runs.training("a", {"x": 1}, {runs.TASK: "a"}) as first:
            first.epoch(1, {"val_loss": 0.5})
            raise KeyboardInterrupt
        with runs.training("other", {}, {runs.TASK: "b"}) as other:
            pass
        with runs.training("a", {"x": 1}, {runs.TASK: "a"}) as again:
            again.epoch(1, {"val_loss": 0.5})
            again.epoch(2, {"val_loss": 0.25})
            again.weights = "a" * 64
        assert again.run_id == first.run_id != other.run_id
        history = client.get_metric_history(again.run_id, "val_loss")
        assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
        with runs.training("a", {}, {runs.TASK: "a"}) as next_one:
            pass
        assert next_one.run_id != again.run_id  # that one came to a model

    def test_a_parameter_that_changed_meanwhile_is_told_by_a_tag(self, client):
        with pytest.raises(KeyboardInterrupt), runs.training("a", {"x": 1, "y": 1}, {runs.TASK: "a"}) as first:
            raise KeyboardInterrupt
        with runs.training("a", {"x": 1, "y": 2, "z": 3}, {runs.TASK: "a"}) as again:
            pass
        assert again.run_id == first.run_id
        data = client.get_run(again.run_id).data
        assert data.params == {"x": "1", "y": "1", "z": "3"}
        assert data.tags[runs.LATER] == "y=2"

    def test_a_store_that_fails_at_the_end_lets_the_training_end(self, client, monkeypatch):
        def refuse(weights):
            raise OSError("gone")

        monkeypatch.setattr(runs, "find", refuse)
        with runs.training("a", {}, {runs.TASK: "a"}) as recording:
            recording.weights = "a" * 64
        assert recording.lost
        assert self.statuses(client) == {"a": "FINISHED"}

    def test_one_model_has_one_run(self, client, constant_model):
        known = recorded("a" * 64, constant_model(3))
        assert runs.find("a" * 64) == known
        assert runs.find("b" * 64) is None
        recorded("a" * 64, constant_model(3))
        assert [run.info.run_id for run in self.all(client)] == [known]

    def test_a_store_that_fails_is_told_of_once_and_costs_nothing_but_the_record(self, client, capsys):
        def refuse():
            raise OSError("no space left on device\nand more")

        entered = []
        with runs.training("a", {}, {runs.TASK: "a"}) as recording:
            recording(entered.append, 1)
            recording(refuse)
            recording(refuse)
            recording(entered.append, 2)
        assert entered == [1]
        said = capsys.readouterr().err
        assert said.count("warning: the record of this run breaks off, since sqlite") == 1
        assert "no space left on device\n" in said
        assert "`dvc repro` or `digits sync` enters what is missing" in said

    def test_a_search_is_a_run_that_others_stand_under(self, client, constant_model):
        parent = runs.parent("search", {"tune.metric": "val_loss"}, known=None)
        assert runs.parent("search", {"tune.metric": "val_loss"}, known=parent) == parent
        assert runs.parent("search", {"tune.metric": "val_loss"}, known=None) != parent  # another's, of the same name
        child = recorded("a" * 64, constant_model(3))
        runs.set_parent(child, parent, {"pruned": "no"})
        found = client.search_runs(
            [client.get_run(child).info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent}'"
        )
        assert [(run.info.run_id, run.data.tags["pruned"]) for run in found] == [(child, "no")]

    def test_the_run_of_an_experiment_is_that_of_this_project(self, store, workspace, tmp_path_factory):
        """Others may search on the same server at the same time, and call their experiments the same."""
        store.connect()
        code = (
            "import sys; from digits.tracking import runs\n"
            "with runs.training('a', {}, {runs.TASK: sys.argv[1], runs.EXPERIMENT: 'tune-4'}) as recording:\n"
            "    print(recording.run_id, flush=True); sys.stdin.read()"
        )
        copy, elsewhere = workspace / ".dvc" / "tmp" / "copy", tmp_path_factory.mktemp("theirs")
        copy.mkdir(parents=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": store.uri()}
        with ExitStack() as stack:
            ours, theirs = (
                stack.enter_context(
                    subprocess.Popen(
                        [sys.executable, "-c", code, str(folder)], cwd=folder, env=environment, text=True, **PIPES
                    )
                )
                for folder in (copy, elsewhere)
            )
            run_id = ours.stdout.readline().strip()
            assert theirs.stdout.readline().strip()  # it has begun too
            assert runs.of_running("tune-4") == run_id
            assert runs.of_running("tune-5") is None
            ours.communicate()
            assert runs.of_running("tune-4") is None


class TestRegistry:
    def test_a_model_is_registered_once(self, store, constant_model):
        run_id = recorded("c" * 64, constant_model(3))
        first = registry.register(run_id, {runs.WEIGHTS: "c" * 64})
        again = registry.register(run_id, {runs.WEIGHTS: "c" * 64})
        assert (first.number, again.number) == ("1", "1")
        assert registry.champion() is None

    def test_no_champion_says_what_to_run(self, store):
        with pytest.raises(UserError, match=r"models:/digits@champion is not in the registry at sqlite.*`make repro`"):
            registry.Model()

    def test_an_alias_moves(self, store, constant_model):
        made = []
        for label in (1, 2):
            run_id = recorded(str(label), constant_model(label))
            made.append(registry.register(run_id, {runs.WEIGHTS: str(label)}))
        for version in made:
            registry.set_alias(registry.CHAMPION, to=version)
            assert registry.champion().number == version.number
        registry.delete_alias(registry.CHAMPION, of=registry.champion())
        assert registry.champion() is None

    def test_the_champion_reads_digits(self, store, constant_model, mnist_digits):
        run_id = recorded("d", constant_model(7))
        registry.set_alias(registry.CHAMPION, to=registry.register(run_id, {runs.WEIGHTS: "d"}))
        probabilities = registry.Model().probabilities(mnist_digits.images[:4])
        assert probabilities.shape == (4, 10)
        assert probabilities.argmax(axis=1).tolist() == [7] * 4


def test_without_a_commit_it_says_what_to_do(tmp_path, monkeypatch):
    from digits.vcs import revisions

    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no git commit to tag the run with: .*`git clone` it, or `git init"):
        revisions.head()

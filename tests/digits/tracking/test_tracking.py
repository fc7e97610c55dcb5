"""The record of runs, in a real store."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from digits.errors import UserError
from digits.tracking import registry, runs
from tests.imports import ROOT


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

    def statuses(self, client):
        experiment = client.get_experiment_by_name("digits")
        return {run.info.run_name: run.info.status for run in client.search_runs([experiment.experiment_id])}

    def test_a_run_ends_as_its_block_ends(self, client, monkeypatch):
        for name, error in (("done", None), ("stopped", KeyboardInterrupt), ("broken", ZeroDivisionError)):
            monkeypatch.setenv("DVC_EXP_NAME", name)
            try:
                with runs.training({"a": 1}, {}):
                    if error:
                        raise error
            except (KeyboardInterrupt, ZeroDivisionError):
                pass
        assert self.statuses(client) == {"done": "FINISHED", "stopped": "KILLED", "broken": "FAILED"}

    def test_the_run_of_a_process_that_was_killed_is_ended_by_the_next(self, client, workspace, monkeypatch):
        code = (
            "import os, signal; from digits.tracking import runs\n"
            "with runs.training({}, {}): os.kill(os.getpid(), signal.SIGKILL)"
        )
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "DVC_EXP_NAME": "killed"}
        subprocess.run([sys.executable, "-c", code], cwd=workspace, env=environment, check=False)
        assert self.statuses(client) == {"killed": "RUNNING"}
        monkeypatch.setenv("DVC_EXP_NAME", "next")
        with runs.training({}, {}):
            assert self.statuses(client) == {"killed": "KILLED", "next": "RUNNING"}

    def test_the_newest_run_of_the_weights_is_found(self, client, constant_model):
        assert runs.find("a" * 64) is None
        with runs.training({}, {runs.WEIGHTS: "a" * 64}):
            pass
        with runs.training({}, {runs.WEIGHTS: "a" * 64}) as newest:
            pass
        assert runs.find("a" * 64) == newest
        with runs.of_weights("a" * 64, constant_model(3)) as found:
            runs.log({"test_accuracy": 0.5})
        assert found == newest
        assert client.get_run(newest).data.metrics["test_accuracy"] == 0.5

    def test_unknown_weights_are_entered_with_their_model(self, client, constant_model):
        with runs.of_weights("b" * 64, constant_model(3)) as run_id:
            pass
        tags = client.get_run(run_id).data.tags
        assert (tags["entered"], tags[runs.WEIGHTS]) == ("from files", "b" * 64)
        with runs.of_weights("b" * 64, constant_model(3)) as again:
            pass
        assert again == run_id

    def test_without_a_commit_it_says_what_to_do(self, workspace, monkeypatch):
        with pytest.raises(UserError, match=r"no git commit to tag the run with: .*`git clone` it, or `git init"):
            runs.git_commit()


class TestRegistry:
    def test_a_model_is_registered_once(self, store, constant_model):
        with runs.of_weights("c" * 64, constant_model(3)) as run_id:
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
            with runs.of_weights(str(label), constant_model(label)) as run_id:
                made.append(registry.register(run_id, {runs.WEIGHTS: str(label)}))
        for version in made:
            registry.point(registry.CHAMPION, to=version)
            assert registry.champion().number == version.number
        registry.drop(registry.CHAMPION, of=registry.champion())
        assert registry.champion() is None

    def test_the_champion_reads_digits(self, store, constant_model, mnist_digits):
        with runs.of_weights("d", constant_model(7)) as run_id:
            registry.point(registry.CHAMPION, to=registry.register(run_id, {runs.WEIGHTS: "d"}))
        probabilities = registry.Model().probabilities(mnist_digits.images[:4])
        assert probabilities.shape == (4, 10)
        assert probabilities.argmax(axis=1).tolist() == [7] * 4

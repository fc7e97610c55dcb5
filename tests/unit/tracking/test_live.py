"""A run is logged while a network trains, and a failure of the store does not affect the training."""

import json
import os
import subprocess
import sys

import pytest

from digits.data import processed_tables
from digits.tracking import live, run_locks, runs, tags
from tests.imports import ROOT
from tests.tracking_store import logged_run, runs_of
from tests.unit.tracking.conftest import changed

METRICS = {"loss": 0.5, "val_loss": 0.5}


@pytest.fixture
def client(store):
    return store.connect()


def statuses(client) -> dict[str, str]:
    return {run.info.run_name: run.info.status for run in runs_of(client)}


def test_a_run_ends_as_its_block_ends(project, client):
    for seed, (name, error) in enumerate((("done", None), ("stopped", KeyboardInterrupt), ("broken", ValueError))):
        try:
            with live.training_run(changed(project, seed=seed), name=name):
                if error:
                    raise error
        except (KeyboardInterrupt, ValueError):
            pass
    assert statuses(client) == {"done": "FINISHED", "stopped": "KILLED", "broken": "FAILED"}


def test_a_run_has_parameters_metrics_tags_and_datasets(project, client):
    with live.training_run(project, extra_tags={"trial": "3"}) as run:
        run.log_epoch(1, METRICS)
    (found,) = runs_of(client)
    assert found.data.params["train.epochs"] == "11"
    assert found.data.metrics["val_loss"] == 0.5
    assert (found.data.tags["trial"], found.data.tags["sources"]) == ("3", "mnist-5k")
    assert {one.dataset.name for one in found.inputs.dataset_inputs} == {"train", "validation"}
    for one in found.inputs.dataset_inputs:
        digits = processed_tables.read_processed(one.dataset.name)
        assert json.loads(one.dataset.profile)["features_shape"] == list(digits.images.shape)
        assert json.loads(one.dataset.profile)["features_nbytes"] == digits.images.nbytes
        assert json.loads(one.dataset.profile)["targets_nbytes"] == digits.labels.nbytes
        types = json.loads(one.dataset.schema)["mlflow_tensorspec"]
        assert '"uint8"' in types["features"] and '"int64"' in types["targets"]


def killed_training(workspace) -> None:
    code = (
        "import os, signal; from digits.params import load; from digits.tracking import live\n"
        "with live.training_run(load(), name='killed'): os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=workspace, env=environment, check=False)


def test_the_run_of_a_process_that_was_killed_is_ended_by_the_next(project, client, workspace):
    killed_training(workspace)
    assert statuses(client) == {"killed": "RUNNING"}
    with live.training_run(changed(project, seed=7), name="next"):
        assert statuses(client) == {"killed": "KILLED", "next": "RUNNING"}
    run_locks.end_orphans()
    assert not list((workspace / ".live_runs").iterdir())


def test_a_run_of_another_checkout_is_left_running(project, client, workspace):
    """Another container may have the same host name and the same process numbers; it has no lock file here."""
    killed_training(workspace)
    (lock,) = (workspace / ".live_runs").iterdir()
    lock.rename(workspace / "theirs.lock")
    run_locks.end_orphans()
    assert statuses(client) == {"killed": "RUNNING"}


def test_a_run_whose_process_lives_is_left_running(project, client):
    with live.training_run(project, name="alive"):
        run_locks.end_orphans()
        assert statuses(client) == {"alive": "RUNNING"}


def test_an_interrupted_run_of_the_same_task_is_resumed(project, client):
    with pytest.raises(KeyboardInterrupt), live.training_run(project) as first:
        first.log_epoch(1, METRICS)
        raise KeyboardInterrupt
    with live.training_run(changed(project, seed=1)) as other:
        pass
    with live.training_run(changed(project, max_memory_mib=5000)) as again:  # all digits fit into both
        again.log_epoch(1, METRICS)
        again.log_epoch(2, {"loss": 0.25, "val_loss": 0.25})
        again.network = {tags.NETWORK: "a" * 64}
    assert again.run_id == first.run_id != other.run_id
    with live.training_run(changed(project, max_memory_mib=0.02)) as streamed:  # in another order
        pass
    assert streamed.run_id not in (first.run_id, other.run_id)
    history = client.get_metric_history(again.run_id, "val_loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.5), (2, 0.25)]
    with live.training_run(project) as next_run:
        pass
    assert next_run.run_id != again.run_id  # that one has a network


def test_a_run_of_an_earlier_version_that_has_a_model_is_not_taken_for_interrupted(project, client):
    with live.training_run(project) as first:
        pass
    client.set_tag(first.run_id, tags.ONNX, "a" * 64)  # and no tag of the network
    with live.training_run(project) as again:
        pass
    assert again.run_id != first.run_id


def test_a_parameter_that_changed_later_is_named_by_a_tag(project, client):
    with pytest.raises(KeyboardInterrupt), live.training_run(project) as first:
        raise KeyboardInterrupt
    later = project.model_copy(update={"register_": project.register_.model_copy(update={"min_accuracy": 0.5})})
    with live.training_run(later) as again:
        pass
    assert again.run_id == first.run_id
    data = client.get_run(again.run_id).data
    assert data.params["register.min_accuracy"] == "0.985"
    assert data.tags[tags.LATER_PARAMS] == "register.min_accuracy=0.5"


@pytest.mark.parametrize("evaluated", [False, True])
def test_a_network_that_was_trained_before_gets_no_second_run(project, client, constant_model, evaluated):
    known = logged_run(constant_model(3)) if evaluated else runs.create_parent("trained", {}, known=None)
    client.set_tag(known, tags.NETWORK, "a" * 64)
    client.set_tag(known, tags.EXPERIMENT, "none: digits tune")
    parent = runs.create_parent("search", {}, known=None)
    with live.training_run(project, parent=parent, extra_tags={tags.EXPERIMENT: "tune-best"}) as run:
        run.network = {tags.NETWORK: "a" * 64}
    assert runs.get_run(run.run_id) is None
    assert runs.find_network("a" * 64) == known
    assert runs.get_run(known).data.tags.items() >= {tags.EXPERIMENT: "tune-best", tags.PARENT: parent}.items()


def test_a_store_that_fails_is_reported_once_and_stops_no_training(project, client, workspace, capsys, monkeypatch):
    def refuse(*arguments, **options):
        raise OSError("no space left on device\nand more")

    with live.training_run(project, name="a") as run:
        run.log_epoch(1, METRICS)
        with monkeypatch.context() as broken:
            broken.setattr("mlflow.log_metrics", refuse)
            run.log_epoch(2, METRICS)
            run.log_epoch(3, METRICS)
        run.log_epoch(4, METRICS)
        run.network = {tags.NETWORK: "a" * 64}
    assert runs.logged_epochs(run.run_id) == {1}
    assert runs.find_network("a" * 64) is None
    printed = capsys.readouterr().err
    assert printed.count("warning: the log of this run is incomplete, since sqlite") == 1
    assert "no space left on device\n" in printed
    assert "`dvc repro` or `digits sync` logs what is missing" in printed
    assert list((workspace / ".live_runs").iterdir())  # the run may be RUNNING in the store


def test_a_store_that_fails_at_the_end_lets_the_training_end(project, client, monkeypatch):
    def refuse(network_sha256):
        raise OSError("gone")

    monkeypatch.setattr(runs, "find_network", refuse)
    with live.training_run(project, name="a") as run:
        run.network = {tags.NETWORK: "a" * 64}
    assert run.lost
    assert statuses(client) == {"a": "FINISHED"}

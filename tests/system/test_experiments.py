"""All ways of running are logged in one tracking store: the queue, a grid, a subfolder, DVC's cache.

The tests run in their order: each continues where the one before it ended.
"""

import json
import re
import sys

import pytest

from digits.files import digest
from tests.scratch import clone, wait_for_queue
from tests.tracking_store import best_versions, client_of, predictions_of, runs_of

SMALL = "convolutions=[[4,5,2],[6,3,2]] seed=5"


def store_of(prepared):
    return client_of(f"sqlite:///{prepared.root}/mlflow.db")


@pytest.fixture(scope="module")
def client(prepared):
    return store_of(prepared)


def test_a_grid_on_two_workers_from_a_fresh_database(prepared):
    grid = ("-S", "train.learning_rate=0.01,0.02", "-S", "train.seed=1")
    assert not (prepared.root / "mlflow.db").exists()
    prepared.run("dvc", "exp", "run", "--queue", *grid)
    prepared.run("dvc", "queue", "start", "-j", "2")
    wait_for_queue(prepared)
    assert prepared.run("dvc", "queue", "status").count("Success") == 2
    client = store_of(prepared)
    found = runs_of(client)
    assert [run.info.status for run in found] == ["FINISHED"] * 2
    assert {run.info.run_name for run in found} == {"lr=0.01 seed=1", "seed=1"}
    assert len({run.data.tags["dvc_experiment"] for run in found}) == 2
    for run in found:
        for metric in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert [point.step for point in client.get_metric_history(run.info.run_id, metric)] == [1, 2]
        assert 0 <= run.data.metrics["test_accuracy"] <= 1
        assert predictions_of(client, run).sum() == pytest.approx(1)
        assert run.info.artifact_uri.startswith(f"file://{prepared.root}/mlartifacts/")  # not in the worker's copy


def test_an_experiment_in_a_copy_keeps_the_link_to_the_pictures(prepared, client):
    """DVC keeps the pictures, and git the link to them."""
    for run in runs_of(client):
        name = run.data.tags["dvc_experiment"]
        revision = prepared.git("for-each-ref", "--format=%(objectname)", f"refs/exps/*/*/{name}").strip()
        assert prepared.git("ls-tree", "-r", revision, "data") == prepared.git("ls-tree", "-r", "HEAD", "data")


def test_both_are_registered_and_the_best_is_champion(prepared, client):
    versions = client.search_model_versions("name = 'digits'")
    assert len(versions) == 2
    champion = client.get_model_version_by_alias("digits", "champion")
    assert champion.version in best_versions(client, versions)


def test_dvc_shows_the_same_figures(prepared, client):
    shown = json.loads(prepared.run("dvc", "exp", "show", "--json"))
    by_name = {run.data.tags["dvc_experiment"]: run for run in runs_of(client)}
    compared = 0
    for entry in (one for commit in shown for one in commit.get("experiments") or []):
        (revision,) = entry["revs"]
        metrics = revision["data"]["metrics"]
        run = by_name[revision["name"]]
        assert metrics["metrics/evaluate.json"]["data"]["test"]["accuracy"] == run.data.metrics["test_accuracy"]
        assert metrics["metrics/train.json"]["data"]["val_loss"] == run.data.metrics["val_loss"]
        compared += 1
    assert compared == 2


def test_an_experiment_from_a_subfolder_is_logged_in_the_same_store(prepared, client):
    # DVC takes both names from the folder that it is called in.
    changes = ("../params.yaml:train.seed=5", "../params.yaml:train.convolutions=[[4,5,2],[6,3,2]]")
    command = ("dvc", "exp", "run", *(f"-S{change}" for change in changes), "--name", "small", "../dvc.yaml:train")
    assert "Ran experiment(s): small" in prepared.run(*command, cwd=prepared.root / "pipeline")
    (run,) = runs_of(client)[2:]
    assert (run.info.run_name, run.data.tags["dvc_experiment"]) == (SMALL, "small")
    assert run.data.params["train.convolutions"] == "[[4, 5, 2], [6, 3, 2]]"
    assert not (prepared.root / "pipeline" / "mlflow.db").exists()


@pytest.fixture(scope="module")
def elsewhere(prepared, tmp_path_factory):
    """A fresh clone that has the results in its cache, as after `dvc pull --run-cache`, and no tracking store."""
    copy = clone(prepared, tmp_path_factory.mktemp("elsewhere") / "digits")
    copy.run("dvc", "cache", "dir", "--local", str(prepared.root / ".dvc" / "cache"))
    return copy


def test_a_result_from_the_cache_is_logged_in_a_new_store(client, elsewhere):
    known = next(run for run in runs_of(client) if run.info.run_name == "seed=1")
    printed = elsewhere.run("dvc", "exp", "run", "-S", "train.seed=1")
    assert printed.count("is cached - skipping run") == 2
    assert "epoch" not in printed
    (logged,) = runs_of(store_of(elsewhere))
    assert logged.data.tags["logged"] == "later, from the files"
    assert logged.data.tags["weights_sha256"] == known.data.tags["weights_sha256"]
    assert logged.data.params == known.data.params
    others = ("system/", "mcnemar_p_")  # of the machine, and of the comparison with the champion of its store
    assert logged.data.metrics == {k: v for k, v in known.data.metrics.items() if not k.startswith(others)}
    assert logged.info.run_name == known.info.run_name
    assert {one.dataset.digest for one in logged.inputs.dataset_inputs} == {
        one.dataset.digest for one in known.inputs.dataset_inputs
    }


def test_a_known_model_gets_no_second_run(elsewhere):
    client = store_of(elsewhere)
    for command in (("dvc", "repro"), ("digits", "sync"), ("dvc", "exp", "run", "--name", "again")):
        elsewhere.run(*command)
        (run,) = runs_of(client)
        assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [1, 2]
        assert len(client.get_metric_history(run.info.run_id, "test_accuracy")) == 1
        assert len(client.search_model_versions("name = 'digits'")) == 1


def test_with_nothing_to_do_no_heavy_library_is_loaded(elsewhere):
    printed = elsewhere.run(sys.executable, "-X", "importtime", "-m", "pipeline.register")
    assert "the registry holds this model already" in printed
    assert not re.search(r"\| +(mlflow|pandas|numpy|scipy)$", printed, re.MULTILINE)


def test_a_deleted_version_is_registered_again(elsewhere):
    client = store_of(elsewhere)
    client.delete_model_version("digits", "1")
    assert "is champion: " in elsewhere.run("dvc", "repro")
    (version,) = client.search_model_versions("name = 'digits'")
    assert version.tags["weights_sha256"] == digest(elsewhere.root / "models" / "digits.weights.h5", "sha256")
    assert len(runs_of(client)) == 1


def test_the_model_is_fetched_by_its_name_and_revision(elsewhere, tmp_path):
    elsewhere.commit()
    elsewhere.git("tag", "--annotate", "digits@v1.0.0", "--message", "the first")
    model, fetched = elsewhere.root / "models" / "digits.onnx", tmp_path / "digits.onnx"
    first, here = model.read_bytes(), str(elsewhere.root)
    rate = "train.learning_rate=0.01"  # the cache has the result
    assert "epoch" not in elsewhere.run("dvc", "exp", "run", "-S", rate, "--name", "other", "evaluate")
    second = model.read_bytes()
    assert second != first
    elsewhere.run("dvc", "artifacts", "get", here, "digits", "--rev", "v1.0.0", "--out", str(fetched))
    assert fetched.read_bytes() == first
    for revision, content in (("HEAD", first), ("other", second)):
        elsewhere.run("dvc", "get", "--force", here, "models/digits.onnx", "--rev", revision, "--out", str(fetched))
        assert fetched.read_bytes() == content

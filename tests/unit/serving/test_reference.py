"""The reference of drift comes beside the champion's copy, from its run on a real registry. Some 0.1 s each."""

import json
import shutil

import pandas as pd
import pytest

from digits.serving.drift import reference
from digits.serving.following import champion
from digits.serving.following.champion import Follower
from digits.tracking import registry, runs, store, tags
from tests.served_drift import PREDICTIONS, training_profile
from tests.serving import settings
from tests.two_versions import promote, two_versions


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("reference")
    with two_versions(folder, empty_database):
        yield folder


@pytest.fixture
def run_files(project, tmp_path):
    """A function that gives the run of version 1 these files; they are removed afterwards."""
    store.connect()
    run_id = registry.get_version("1").run_id

    def give(profile: str | None = None, predictions: str | None = None) -> None:
        named = {"validation/profile.json": profile, "evaluation/predictions.csv": predictions}
        for name, text in named.items():
            if text is not None:
                path = tmp_path / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
                runs.log_artifacts(run_id, path.parent.name, [path])

    yield give
    for name in ("validation/profile.json", "evaluation/predictions.csv"):
        if path := runs.artifact_path(run_id, name):
            shutil.rmtree(path.parent)


def follow(folder, times: int = 1) -> dict | None:
    follower = Follower(settings(folder))
    for _ in range(times):
        follower.poll()
    return reference.read(folder, registry.get_version("1").tags[tags.ONNX])


def test_it_has_the_profile_and_the_answers_of_the_run(run_files, tmp_path):
    promote("1")
    run_files(json.dumps(training_profile()), PREDICTIONS.to_csv(index=False))
    found = follow(tmp_path / "served")
    assert found["predictions"]["outcome"] == {"accepted": 95, "refused": 5}
    assert found["pictures"]["ink"] == training_profile()["statistics"]["ink"]
    assert (found["version"], found["missing"]) == ("1", [])


def test_an_older_run_has_less_and_the_model_answers_all_the_same(run_files, tmp_path):
    promote("1")
    run_files(predictions=pd.DataFrame({"label": [1], "predicted": [1]}).to_csv(index=False))
    assert follow(tmp_path / "served")["missing"] == [reference.NO_PROFILE, reference.NO_PREDICTIONS]


def test_a_damaged_file_is_logged_once_and_tried_again_later(run_files, tmp_path, caplog, monkeypatch):
    promote("1")
    run_files(profile="{")
    assert follow(tmp_path / "served", times=2) is None
    assert [one.message for one in caplog.records if one.levelname == "WARNING"] == [
        one.message for one in caplog.records if "drift can't be measured" in one.message
    ]
    assert caplog.text.count("drift can't be measured") == 1
    assert (tmp_path / "served" / "champion.json").exists()
    run_files(json.dumps(training_profile()))
    monkeypatch.setattr(champion, "RETRY_SECONDS", 0)
    assert follow(tmp_path / "served")["missing"] == [reference.NO_PREDICTIONS]


def test_another_champion_brings_another_reference(run_files, tmp_path):
    run_files(json.dumps(training_profile()))
    promote("1")
    follower = Follower(settings(tmp_path / "served"))
    follower.poll()
    promote("2")
    follower.poll()
    sha256 = registry.get_version("2").tags[tags.ONNX]
    assert reference.read(tmp_path / "served", sha256)["version"] == "2"
    promote("1")


def test_what_was_missing_in_the_run_is_asked_for_again(run_files, tmp_path, monkeypatch):
    promote("1")
    folder, sha256 = tmp_path / "served", registry.get_version("1").tags[tags.ONNX]
    follower = Follower(settings(folder))
    follower.poll()
    run_files(json.dumps(training_profile()), PREDICTIONS.to_csv(index=False))
    follower.poll()
    assert reference.read(folder, sha256)["missing"] == [reference.NO_PROFILE, reference.NO_PREDICTIONS]
    monkeypatch.setattr(follower._reference, "_retry_at", 0)
    follower.poll()
    assert reference.read(folder, sha256)["missing"] == []


@pytest.mark.parametrize("key", ["pictures", "predictions", "missing", "sha256"])
def test_a_file_of_another_shape_is_no_reference(tmp_path, key):
    whole = reference.build("1", "f" * 64, None, None)
    reference.write(tmp_path, whole)
    assert reference.read(tmp_path, "f" * 64) == whole
    reference.write(tmp_path, {name: value for name, value in whole.items() if name != key})
    assert reference.read(tmp_path, "f" * 64) is None


def test_the_champion_and_the_registrys_state_do_not_wait_for_the_reference(project, tmp_path, monkeypatch):
    promote("1")
    folder, seen = tmp_path / "served", []
    follower = Follower(settings(folder))
    monkeypatch.setattr(follower._reference, "fetch", lambda _: seen.append({one.name for one in folder.iterdir()}))
    follower.poll()
    assert {"champion.json", "registry.json"} <= seen[0]

"""The challenger comes into the local copy, after all checks, on a real registry. Registering takes some seconds, once;
each test then some tens of milliseconds.
"""

import logging
from pathlib import Path

import pytest

from digits.params import Challenger
from digits.prediction import shadow_log
from digits.serving import local_copy
from digits.serving.following import challenger
from digits.serving.following.champion import Follower
from digits.serving.local_copy import CHALLENGER
from tests.serving import settings
from tests.two_versions import LABELS, promote, register_altered, two_versions


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("following")
    with two_versions(folder, empty_database):
        yield folder


@pytest.fixture
def folder(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    promote("1")
    return tmp_path / "served"


def follower(folder: Path, version: int | None) -> Follower:
    found = Follower(settings(folder, challenger=Challenger(version=version, share=1)))
    found.poll()
    return found


def state(folder: Path) -> dict | None:
    found = local_copy.read_registry_state(folder)
    assert (found["reachable"], found["error"]) == (True, None)
    assert local_copy.read(folder).is_intact()  # the champion answers whatever the challenger does
    return found.get("challenger")


def errors(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_it_is_fetched_beside_the_champion_and_again_where_it_is_removed(folder, project):
    followed = follower(folder, 2)
    for _ in range(2):
        copy = local_copy.read(folder, CHALLENGER)
        assert copy.onnx_file.read_bytes() == (project / f"always_{LABELS['2']}.onnx").read_bytes()
        assert (state(folder), local_copy.read(folder).description["version"]) == ({"version": "2", "error": None}, "1")
        copy.onnx_file.unlink()
        followed._challenger._retry_at = 0
        followed.poll()


def test_without_one_nothing_is_fetched(folder):
    follower(folder, None)
    assert (state(folder), local_copy.read(folder, CHALLENGER)) == (None, None)


def test_the_champion_itself_is_nothing_to_compare_which_is_logged_once(folder, caplog):
    followed = follower(folder, 1)
    followed.poll()
    assert state(folder) == {"version": "1", "error": challenger.IS_CHAMPION}
    assert errors(caplog) == [f"the challenger, version 1: {challenger.IS_CHAMPION}"]
    promote("2")  # then there is something to compare
    followed.poll()
    assert state(folder) == {"version": "1", "error": None}
    assert local_copy.read(folder, CHALLENGER).description["version"] == "1"


def test_a_version_that_does_not_exist_is_logged_once_and_asked_for_again_later(folder, caplog):
    followed = follower(folder, 99)
    followed._challenger._retry_at = 0  # a minute later
    followed.poll()
    assert state(folder) == {"version": "99", "error": challenger.MISSING}
    assert errors(caplog) == [f"the challenger, version 99: {challenger.MISSING}"]


def test_one_that_does_not_pass_the_checks_is_refused_and_a_former_copy_is_removed(folder, tmp_path, caplog):
    follower(folder, 2)
    number = register_altered(tmp_path / "altered", lambda path: path.write_bytes(b"damaged"))
    followed = follower(folder, int(number))
    followed.poll()
    assert state(folder) == {"version": number, "error": challenger.UNUSABLE}
    assert local_copy.read(folder, CHALLENGER) is None
    (logged,) = errors(caplog)
    assert logged.startswith(f"the challenger, version {number}: it does not pass the checks: ")


def test_a_copy_of_an_earlier_start_is_checked_again_by_the_registry(folder):
    follower(folder, 2)
    description = local_copy.read(folder, CHALLENGER).description
    local_copy.write(
        folder, local_copy.read(folder).onnx_file, local_copy.read(folder).description | {"version": "2"}, CHALLENGER
    )
    follower(folder, 2)
    assert local_copy.read(folder, CHALLENGER).description == description


def test_without_the_registry_the_copy_stays_and_that_is_logged_once(folder, project, caplog):
    followed = follower(folder, 2)
    database = project / "mlflow.db"
    away = database.rename(database.with_suffix(".away"))
    followed.poll()
    found = local_copy.read_registry_state(folder)
    local_copy.remove(folder, CHALLENGER)
    followed.poll()
    lost = local_copy.read_registry_state(folder)
    away.rename(database)
    assert (found["reachable"], found["challenger"]) == (False, {"version": "2", "error": None})
    assert lost["challenger"] == {"version": "2", "error": challenger.WAITING}
    assert caplog.text.count("the registry can't be followed") == 1


def test_a_copy_that_is_damaged_again_and_again_is_fetched_once_by_each_poll(folder, monkeypatch):
    fetched, fetch = [], challenger.fetch

    def fetch_damaged(version, *where):
        fetch(version, *where)
        fetched.append(version)
        local_copy.read(*where).onnx_file.write_bytes(b"damaged")

    monkeypatch.setattr(challenger, "fetch", fetch_damaged)
    follower(folder, 2)
    assert len(fetched) == 1


def test_old_predictions_of_all_services_are_removed_also_where_one_database_is_damaged(folder, caplog):
    paths = [folder.parent / name / shadow_log.FILE for name in ("4999", "served")]
    prediction = shadow_log.ModelPrediction(7, 0.9, True)
    for path in paths:
        row = shadow_log.ShadowPredictions(1, "r", "0f" * 32, prediction, prediction)
        shadow_log.ShadowLog(path.parent).add(shadow_log.Pair("1", "a", "2", "b"), [row])
    (folder.parent / "1" / shadow_log.FILE).parent.mkdir()
    (folder.parent / "1" / shadow_log.FILE).write_bytes(b"no database" * 100)
    challenger.ChallengerFollower(settings(folder)).poll(False)
    assert shadow_log.read(paths, "a", "b") == []
    assert "old predictions of challengers can't be removed" in caplog.text

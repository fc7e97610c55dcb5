"""The registry's champion comes into the local copy, after all checks: on a real registry, with all that it may hold.

Registering the two versions takes some seconds, once; each test then some tens of milliseconds.
"""

import json
import logging
import shutil
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from digits.files import digest
from digits.serving import local_copy
from digits.serving.following import champion
from digits.serving.following.champion import Follower
from digits.tracking import history, record, registry, store, tags
from tests.serving import settings
from tests.two_versions import LABELS, OWN, promote, register_altered, two_versions


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("following")
    with two_versions(folder, empty_database):
        yield folder


@pytest.fixture
def folder(project, tmp_path, monkeypatch):
    """The folder of the local copy; version 1 is champion, and all later versions are deleted."""
    monkeypatch.chdir(project)
    client = store.connect()
    for version in client.search_model_versions(f"name = '{registry.NAME}'"):
        if str(version.version) not in LABELS:
            client.delete_model_version(registry.NAME, str(version.version))
    promote("1")
    return tmp_path / "served"


@pytest.fixture
def follower(folder):
    """It has fetched version 1."""
    found = Follower(settings(folder))
    found.poll()
    assert served(folder) == "1"
    return found


def served(folder: Path) -> str:
    copy = local_copy.read(folder)
    assert copy.is_intact()
    return copy.description["version"]


def state(folder: Path) -> dict:
    found = local_copy.read_registry_state(folder)
    del found["checked"]
    return found


@contextmanager
def database(project: Path):
    with closing(sqlite3.connect(project / "mlflow.db")) as connection, connection:
        yield connection


def test_it_follows_a_promotion_and_a_rollback(follower, folder, project):
    for number in ("2", "1"):
        promote(number)
        follower.poll()
        copy = local_copy.read(folder)
        assert copy.description["version"] == number
        assert copy.onnx_file.read_bytes() == (project / f"always_{LABELS[number]}.onnx").read_bytes()
        assert state(folder) == {"reachable": True, "error": None, "refused": None}


def test_a_change_made_elsewhere_is_logged_in_the_history(follower):
    promote("2")
    follower.poll()
    logged = store.connect().get_registered_model(registry.NAME).tags.items()
    entries = [json.loads(text) for key, text in logged if key.startswith(history.PREFIX)]
    newest = max(entries, key=lambda one: one["number"])
    assert (newest["from"], newest["to"], newest["by"]) == ("1", "2", history.UNKNOWN)


def test_the_description_is_that_of_the_version(follower, folder, project):
    description = local_copy.read(folder).description
    version = registry.get_version("1")
    assert description["name"] == "digits"
    assert description["sha256"] == digest(project / "always_3.onnx", "sha256")
    assert description["lineage"]["run_id"] == version.run_id
    assert description["certificate"]["state"] == "none"
    assert str(project) not in str(description)


def test_a_changed_tag_changes_the_description(follower, folder):
    client = store.connect()
    client.set_model_version_tag(registry.NAME, "1", "certificate", "withdrawn: drift of ink")
    try:
        follower.poll()
        assert local_copy.read(folder).description["certificate"]["state"] == "withdrawn: drift of ink"
    finally:
        client.delete_model_version_tag(registry.NAME, "1", "certificate")


def test_another_alias_changes_nothing(follower, folder):
    before = (folder / local_copy.CHAMPION).stat()
    registry.set_alias("challenger", registry.get_version("1"))
    follower.poll()
    assert (folder / local_copy.CHAMPION).stat() == before


def test_a_local_copy_that_is_removed_or_damaged_is_written_again(follower, folder):
    local_copy.read(folder).onnx_file.write_bytes(b"damaged")
    follower.poll()
    assert served(folder) == "1"
    shutil.rmtree(folder)
    follower.poll()
    assert served(folder) == "1"
    assert state(folder)["reachable"]


def test_a_database_that_is_moved_away_and_put_back_is_followed_again(follower, folder, project, caplog):
    """As after a backup is restored: another file of the same name."""
    path, away = project / "mlflow.db", project / "away.db"
    path.rename(away)
    for _ in range(3):
        follower.poll()
    assert state(folder) == {"reachable": False, "error": champion.UNREACHABLE, "refused": None}
    assert served(folder) == "1"
    assert not path.exists()  # no empty one, in which nobody would look for the versions
    assert caplog.text.count(f"{path} does not exist") == 1
    shutil.copy(away, path)
    promote("2")
    follower.poll()
    assert served(folder) == "2"
    assert state(folder)["reachable"]


def test_a_database_that_is_none_is_reported(follower, folder, project, caplog):
    path, away = project / "mlflow.db", project / "away.db"
    path.rename(away)
    try:
        path.write_bytes(b"<html>" * 1000)
        follower.poll()
        assert "is no SQLite database" in caplog.text
        assert state(folder)["error"] == champion.UNREACHABLE
        assert served(folder) == "1"
    finally:
        away.rename(path)


@pytest.mark.parametrize("change", ["SET version = 99", "SET alias = 'former'"])
def test_without_a_champion_the_model_stays(follower, folder, project, change):
    """Its alias points to a version that is not there, or is deleted."""
    with database(project) as connection:
        connection.execute(f"UPDATE registered_model_aliases {change} WHERE alias = 'champion'")
    follower.poll()
    assert state(folder) == {"reachable": True, "error": champion.NO_CHAMPION, "refused": None}
    assert served(folder) == "1"
    promote("2")
    follower.poll()
    assert served(folder) == "2"


def failing(path: Path) -> None:
    """A model of the right inputs and outputs that fails for every digit: it asks for a class that is not there."""
    model = onnx.load(path)
    (place,) = (place for place, node in enumerate(model.graph.node) if node.op_type == "Gemm")
    model.graph.node[place].output[0] = "raw"
    model.graph.node.insert(place + 1, helper.make_node("Gather", ["raw", "indices"], ["classes"], axis=1))
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.full(11, 99), "indices"))
    onnx.save(model, path)


def other_graph(path: Path) -> None:
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 5]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "foreign", tensors[:1], tensors[1:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(200 << 20)  # without taking place on the disk


def altered(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"\0")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def no_model(path: Path) -> None:
    path.write_bytes(b"no model")


def pickled(path: Path) -> None:
    path.with_name("python_model.pkl").write_bytes(b"cos\nsystem\n")


def unchanged(path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("harm", "more", "words"),
    [
        (altered, {}, "was altered: its SHA-256 is"),
        (cut, {}, "was altered: its SHA-256 is"),
        (Path.unlink, {}, "is missing in the tracking store"),
        (huge, {}, "files have 209,"),
        (no_model, {tags.ONNX: OWN}, "can't be loaded as an ONNX model"),
        (other_graph, {tags.ONNX: OWN}, "expected"),
        (failing, {tags.ONNX: OWN}, "fails on a known digit"),
        (pickled, {tags.ONNX: None}, "(no tag onnx_sha256)"),
        (unchanged, {tags.ONNX: "0" * 64}, "was altered: its SHA-256 is"),
        (unchanged, {tags.ONNX: "../../etc/passwd"}, "was altered: its SHA-256 is"),
        (unchanged, {"certificate": "valid"}, "its tags are damaged: KeyError('certified_error')"),
    ],
)
def test_a_corrupt_or_foreign_version_is_refused_and_the_old_one_stays(
    follower, folder, tmp_path, caplog, harm, more, words
):
    number = register_altered(tmp_path / "altered", harm, **more)
    promote(number)
    for _ in range(3):
        follower.poll()
    assert served(folder) == "1"
    refused = {"version": number, "reason": champion.UNUSABLE}
    assert state(folder) == {"reachable": True, "error": None, "refused": refused}
    (line,) = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert line.startswith(f"version {number} is refused: ")
    assert words in line
    promote("2")
    follower.poll()
    assert served(folder) == "2"
    assert state(folder)["refused"] is None


def test_a_refused_version_that_is_repaired_is_taken_some_time_later(follower, folder, tmp_path, monkeypatch):
    number = register_altered(tmp_path / "altered", Path.unlink)
    promote(number)
    follower.poll()
    assert state(folder)["refused"]
    original = mlflow.artifacts.download_artifacts(artifact_uri=store.connect().get_model_version("digits", "1").source)
    shutil.copy(Path(original) / record.FILE, tmp_path / "altered")
    monkeypatch.setattr(follower, "_retry_at", 0)
    follower.poll()
    assert served(folder) == number
    assert state(folder)["refused"] is None


def test_a_disk_that_takes_no_copy_leaves_the_old_one(follower, folder, caplog):
    """Where a folder is in the way of the new file, as an example of what a disk may refuse."""
    version = registry.get_version("2")
    blocking = folder / f"{version.tags[tags.ONNX]}.onnx"
    (blocking / "file").mkdir(parents=True)
    promote("2")
    for _ in range(2):
        follower.poll()
    assert served(folder) == "1"
    assert state(folder) == {"reachable": True, "error": champion.NOT_COPIED, "refused": None}
    assert caplog.text.count("the registry can't be followed") == 1
    shutil.rmtree(blocking)
    follower.poll()
    assert served(folder) == "2"
    assert state(folder)["error"] is None

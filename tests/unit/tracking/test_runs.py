"""Runs are found, read and logged to, in a real store."""

from digits.files import digest
from digits.tracking import runs
from tests.tracking_store import logged_run


def test_a_run_is_found_by_its_onnx_file(store, constant_model):
    known, sha256 = logged_run(constant_model(3)), digest(constant_model(3), "sha256")
    assert runs.find(sha256) == known
    assert runs.find("b" * 64) is None
    assert runs.get_run(known).info.status == "FINISHED"
    store.connect().delete_run(known)
    assert runs.find(sha256) is None
    assert runs.get_run(known) is None


def test_more_parameters_than_mlflows_limit_are_logged(store):
    client = store.connect()
    run_id = runs.create_parent("search", {f"key.{number}": str(number) for number in range(250)}, known=None)
    assert client.get_run(run_id).data.params == {f"key.{number}": str(number) for number in range(250)}


def test_a_search_has_one_parent(store):
    parent = runs.create_parent("search", {"tune.metric": "val_loss"}, known=None)
    assert runs.create_parent("search", {"tune.metric": "val_loss"}, known=parent) == parent
    assert runs.create_parent("search", {"tune.metric": "val_loss"}, known=None) != parent  # of the same name
    store.connect().delete_run(parent)
    assert runs.create_parent("search", {"tune.metric": "val_loss"}, known=parent) != parent


def test_files_of_a_run_are_read_again(store, workspace, constant_model):
    run_id = logged_run(constant_model(3))
    (workspace / "notes.txt").write_text("kept")
    runs.log_artifacts(run_id, "folder", (workspace / "notes.txt",))
    assert runs.artifact_path(run_id, "folder/notes.txt").read_text() == "kept"
    assert runs.artifact_path(run_id, "folder/other.txt") is None
    assert runs.artifact_path("0" * 32, "folder/notes.txt") is None


def test_what_a_version_names_is_logged_once_and_other_files_follow(store, workspace, constant_model):
    run_id, path = logged_run(constant_model(3)), workspace / "notes.txt"
    for text in ("first", "later"):
        path.write_text(text)
        runs.log_missing(run_id, "kept", (path,))
        runs.log_artifacts(run_id, "newest", (path,))
    assert runs.artifact_path(run_id, "kept/notes.txt").read_text() == "first"
    assert runs.artifact_path(run_id, "newest/notes.txt").read_text() == "later"


def test_a_version_without_a_run_has_none(store):
    assert runs.get_run(None) is None
    assert runs.artifact_path(None, "notes.txt") is None

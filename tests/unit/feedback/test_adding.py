"""Labelled feedback becomes pictures in data/external with their provenance: once, whatever stops it. 1 s in all."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from digits import paths
from digits.data import pictures, raw_tables
from digits.errors import UserError
from digits.feedback import adding, provenance
from digits.feedback.items import ADDED, LABELLED
from digits.feedback.queue import Queue
from tests import raw
from tests.feedback import REPORT, noise


@pytest.fixture
def queue(workspace) -> Queue:
    """Three pictures: two are labelled 7 and 3, one waits."""
    queue = Queue(paths.FEEDBACK)
    for seed in range(3):
        queue.add(noise(seed), REPORT._replace(request_ids=(f"feedback-{seed}", f"answer-{seed}")))
    queue.decide(sha256(0), "7", "Ada")
    queue.decide(sha256(1), "3", "Ada")
    return queue


def sha256(seed: int) -> str:
    return pictures.pixel_digest(noise(seed)).hex()


def file(seed: int, label: int) -> Path:
    return Path(f"data/external/{label}/feedback-{sha256(seed)}.png")


def feedback_files() -> list[Path]:
    return sorted(Path("data/external").glob("*/*"))


def states(queue: Queue) -> Counter[str]:
    return Counter(item.state for item in queue.items())


def test_labelled_pictures_are_written_to_their_labels_folder_with_their_provenance(queue):
    found = adding.add(queue)
    assert feedback_files() == sorted([file(0, 7), file(1, 3)])
    assert file(0, 7).read_bytes() == queue.picture(sha256(0))
    assert ([item.sha256 for item in found.added], found.present, found.errors) == ([sha256(0), sha256(1)], [], [])
    assert states(queue) == {ADDED: 2, "waiting": 1}
    decided = queue.get(sha256(0)).decided
    assert provenance.read()[sha256(0)] == (
        *(sha256(0), file(0, 7).as_posix(), "7", "Ada", decided),
        *("feedback-0 answer-0", "7", "1", "3"),
    )


def test_a_second_call_changes_nothing(queue):
    adding.add(queue)
    table = paths.PROVENANCE.read_bytes()
    assert adding.add(queue) == ([], [], [])
    assert (len(feedback_files()), paths.PROVENANCE.read_bytes()) == (2, table)


@pytest.mark.parametrize("where", ["provenance.write", "queue.mark_added", "second file"])
def test_a_call_that_was_killed_is_completed_by_the_next_one(queue, monkeypatch, where):
    def kill(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        if where == "second file":
            patch.setattr(adding, "_provenance", kill)
        elif where == "queue.mark_added":
            patch.setattr(queue, "mark_added", kill)
        else:
            patch.setattr(provenance, "write", kill)
        adding.add(queue)
    assert states(queue)[LABELLED] == 2
    assert len(adding.add(queue).added) == 2
    assert feedback_files() == sorted([file(0, 7), file(1, 3)])
    assert provenance.read().keys() == {sha256(0), sha256(1)}
    assert states(queue) == {ADDED: 2, "waiting": 1}


def test_what_is_labelled_anew_after_a_killed_call_has_no_file_under_the_old_label(queue, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(queue, "mark_added", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        adding.add(queue)
    queue.decide(sha256(0), "1", "Ada")
    assert adding.add(queue).errors == []
    assert feedback_files() == sorted([file(0, 1), file(1, 3)])
    assert provenance.read()[sha256(0)].path == file(0, 1).as_posix()


def test_what_the_folder_has_under_the_same_label_is_left_out(queue):
    shutil.copytree(paths.FEEDBACK / "pictures", paths.EXTERNAL / "7")
    (paths.EXTERNAL / "7" / f"{sha256(1)}.png").unlink()
    found = adding.add(queue)
    assert [item.sha256 for item in found.present] == [sha256(0)]
    assert not file(0, 7).exists()
    assert file(1, 3).exists()
    assert states(queue) == {ADDED: 2, "waiting": 1}


def test_what_the_folder_has_under_another_label_is_an_error_and_stays_labelled(queue):
    (paths.EXTERNAL / "1").mkdir(parents=True)
    other = paths.EXTERNAL / "1" / "mine.png"
    other.write_bytes(noise(0))
    (message,) = adding.add(queue).errors
    assert message.startswith(
        f"the picture {sha256(0)[:16]} is labelled 7 by Ada, and data/external/1/mine.png has the same pixels and the "
        "label 1: if 7 is right, correct that one (data/external/corrections.csv, or `digits labels find`)"
    )
    assert states(queue) == {LABELLED: 1, ADDED: 1, "waiting": 1}
    assert not file(0, 7).exists()
    other.unlink()
    assert adding.add(queue).errors == []
    assert file(0, 7).exists()


def test_what_another_source_has_counts_and_what_was_ingested_from_the_folder_does_not(queue):
    rows = [
        raw.example("train", noise(0), "mnist_5k.csv.gz/0001.png", 2),
        raw.example("test", noise(1), "data/external/4/removed.png", 4, source="folder"),
    ]
    raw_tables.write_raw(rows, raw.RULE)
    found = adding.add(queue)
    assert [item.sha256 for item in found.added] == [sha256(1)]
    (message,) = found.errors
    assert "mnist_5k.csv.gz/0001.png has the same pixels and the label 2" in message


def test_nothing_is_written_through_a_link_into_dvcs_cache(queue):
    cached = Path(".dvc/cache/files/md5/ab/cdef")
    cached.parent.mkdir(parents=True)
    before = ",".join(provenance.Provenance._fields) + f"\n{'a' * 64},data/external/1/a.png,1,Ada,,,,,\n"
    cached.write_text(before)
    cached.chmod(0o444)
    paths.EXTERNAL.mkdir(parents=True)
    paths.PROVENANCE.symlink_to(cached.absolute())
    adding.add(queue)
    assert cached.read_text() == before
    assert not paths.PROVENANCE.is_symlink()
    assert provenance.read().keys() == {"a" * 64, sha256(0), sha256(1)}


def test_a_tracked_folder_that_is_not_checked_out_is_an_error(queue):
    Path("data/external.dvc").touch()
    with pytest.raises(UserError, match="data/external is not there, but DVC tracks it: `dvc checkout data/external`"):
        adding.add(queue)
    assert not paths.EXTERNAL.exists()


@pytest.mark.parametrize("content", [None, b"", noise(5)], ids=["missing", "empty", "another picture"])
def test_a_picture_without_its_file_is_an_error_and_the_others_are_added(queue, content):
    kept = paths.FEEDBACK / "pictures" / f"{sha256(0)}.png"
    kept.unlink() if content is None else kept.write_bytes(content)
    (message,) = adding.add(queue).errors
    hint = f"restore feedback from a backup, or `digits feedback forget {sha256(0)[:16]}`"
    assert f"its file is missing or damaged: {hint}" in message
    assert feedback_files() == [file(1, 3)]


def test_what_an_older_data_external_lacks_is_added_again(queue):
    adding.add(queue)
    table = paths.PROVENANCE.read_bytes()
    shutil.rmtree(paths.EXTERNAL)
    (paths.EXTERNAL / "3").mkdir(parents=True)
    (paths.EXTERNAL / "3" / "mine.png").write_bytes(noise(1))  # which needs no second file
    found = adding.add(queue)
    assert ([item.sha256 for item in found.added], found.present, found.errors) == ([sha256(0)], [], [])
    assert paths.PROVENANCE.read_bytes() == b"".join(
        line for line in table.splitlines(keepends=True) if sha256(1).encode() not in line
    )


def test_no_two_commands_change_the_data_at_the_same_time(queue, monkeypatch):
    monkeypatch.setattr(provenance, "LOCK_SECONDS", 0)
    with provenance.lock(Path()), pytest.raises(UserError, match=r"is running and has locked feedback/data\.lock: try"):
        adding.add(queue)
    assert feedback_files() == []

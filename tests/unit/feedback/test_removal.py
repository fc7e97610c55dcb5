"""Removing feedback from the queue and from the training data, and where those pictures come from. 0.3 s in all."""

import pytest

from digits import paths
from digits.data import corrections
from digits.errors import UserError
from digits.feedback import provenance, removal
from digits.feedback.items import ADDED
from digits.feedback.provenance import Provenance
from digits.feedback.queue import Queue
from digits.prediction import shadow_log
from digits.prediction.shadow_log import ModelPrediction, Pair, ShadowLog, ShadowPredictions
from tests.feedback import REPORT, noise


@pytest.fixture
def queue(folder) -> Queue:
    return Queue(folder / "feedback")


def add(queue: Queue, seed: int) -> str:
    """A picture with a request id of its own; returns its SHA-256."""
    report = REPORT._replace(request_ids=(f"feedback-{seed}", f"answer-{seed}"))
    return queue.add(noise(seed), report).item.sha256


def learn(queue: Queue, root, *sha256s: str) -> None:
    """Put pictures into the training data, as `digits data add-labelled` does."""
    rows = []
    for sha256 in sha256s:
        item = queue.decide(sha256, "7", "somebody")
        path = provenance.picture_path(sha256, "7")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(queue.picture(sha256))
        ids = " ".join(item.request_ids)
        rows.append(Provenance(sha256, str(path), "7", "somebody", item.decided, ids, "7", "1", item.version))
    provenance.write(rows, root / provenance.FILE)
    queue.mark_added((sha256, "7") for sha256 in sha256s)


def external(root) -> set[str]:
    return {path.relative_to(root).as_posix() for path in (root / "data").rglob("*") if path.is_file()}


def test_what_was_learned_from_is_removed_with_its_row(queue, folder):
    gone, kept, waiting = (add(queue, seed) for seed in range(3))
    learn(queue, folder, gone, kept)
    own = folder / "data/external/7/own.png"
    own.touch()
    assert queue.get(gone).state == ADDED
    removed = removal.forget(queue, ["answer-0"], folder)
    assert removed == ([gone], [provenance.picture_path(gone, "7")], 0)
    assert external(folder) == {
        "data/external/7/own.png",
        "data/external/provenance.csv",
        str(provenance.picture_path(kept, "7")),
    }
    assert [*provenance.read(folder / provenance.FILE)] == [kept]
    assert {item.sha256 for item in queue.items()} == {kept, waiting}


def test_a_picture_that_a_person_moved_to_another_label_is_removed_too(queue, folder):
    sha256 = add(queue, 1)
    learn(queue, folder, sha256)
    moved = folder / provenance.picture_path(sha256, "1")
    moved.parent.mkdir()
    (folder / provenance.picture_path(sha256, "7")).rename(moved)
    assert removal.forget(queue, [sha256[:16]], folder).files == [provenance.picture_path(sha256, "1")]
    assert external(folder) == set()


def test_what_the_table_names_is_found_without_the_queue_and_no_other_path_is_removed(queue, folder):
    sha256 = add(queue, 1)
    learn(queue, folder, sha256)
    (row,) = provenance.read(folder / provenance.FILE).values()
    provenance.write([row._replace(path="precious")], folder / provenance.FILE)
    (folder / "precious").touch()
    queue.remove_all()
    assert removal.forget(queue, ["feedback-1"], folder).files == [provenance.picture_path(sha256, "7")]
    assert (folder / "precious").exists()
    assert external(folder) == set()


def test_an_unknown_id_is_an_error_and_nothing_is_removed(queue, folder):
    sha256 = add(queue, 1)
    for unknown in ("answer-2", "../../etc/passwd", "' OR 1=1 --", sha256[:7]):
        with pytest.raises(UserError, match=r"no picture has the id .*, and none is deleted"):
            removal.forget(queue, ["answer-1", unknown], folder)
    assert queue.get(sha256)


def test_an_id_names_exactly_what_it_is_and_the_start_of_several_is_an_error(queue, folder):
    first = add(queue, 1)
    other = queue.add(noise(2), REPORT._replace(request_ids=(first, first[:8]))).item.sha256  # which a client chooses
    assert removal.forget(queue, [first], folder).sha256s == [first]
    assert removal.forget(queue, [first[:8]], folder).sha256s == [other]
    row = Provenance("", "x.png", "7", "somebody", "now", "", "", "", "3")
    alike = ["a" * 8 + end * 56 for end in "01"]
    provenance.write([row._replace(sha256=sha256) for sha256 in alike], folder / provenance.FILE)
    with pytest.raises(UserError, match=f"aaaaaaaa is the start of 2 pictures' ids, .*\n{alike[0]}\n{alike[1]}"):
        removal.forget(queue, ["aaaaaaaa"], folder)


def test_what_a_challenger_predicted_of_it_and_its_corrections_are_removed(queue, folder):
    gone, kept = add(queue, 1), add(queue, 2)
    rows = [corrections.Correction(sha256, "7", "1", "somebody", "now", "") for sha256 in (gone, kept)]
    corrections.write(rows, folder / paths.CORRECTIONS)
    prediction = ModelPrediction(7, 0.9, True)
    log = ShadowLog(folder / ".served/5001")
    for request_id, sha256 in (("r-1", gone), ("r-2", "c" * 64), ("r-3", kept)):
        log.add(Pair("1", "a", "2", "b"), [ShadowPredictions(1, request_id, sha256, prediction, prediction)])
    found = removal.forget(queue, ["feedback-1", "r-2"], folder)  # while a service has the database open
    assert b"r-2" not in b"".join(path.read_bytes() for path in (folder / ".served/5001").iterdir())
    log.close()
    assert (found.sha256s, found.predictions) == ([gone], 2)
    assert [one.request_id for one in shadow_log.read(shadow_log.files(folder / ".served"), "a", "b")] == ["r-3"]
    assert [*corrections.read(folder / paths.CORRECTIONS)] == [kept]


def test_everything_is_removed(queue, folder):
    learned, waiting = add(queue, 1), add(queue, 2)
    learn(queue, folder, learned)
    assert {*removal.forget_all(queue, folder).sha256s} == {learned, waiting}
    assert (external(folder), queue.items()) == (set(), [])


def test_a_bad_table_is_named_before_anything_is_removed(queue, folder):
    sha256 = add(queue, 1)
    learn(queue, folder, sha256)
    table = folder / provenance.FILE
    table.write_text(table.read_text().replace(",7,somebody", ",17,somebody"))
    with pytest.raises(UserError, match=r"provenance.csv: row 2: label is '17'; expected a digit"):
        removal.forget(queue, ["answer-1"], folder)
    assert queue.get(sha256)


def test_the_rows_are_read_as_they_were_written(folder):
    row = Provenance("a" * 64, "data/external/7/x.png", "7", 'Ann, "the first"', "now", "a b", "", "1", "3")
    provenance.write([row], folder / "table.csv")
    assert provenance.read(folder / "table.csv") == {"a" * 64: row}
    provenance.write([], folder / "table.csv")
    assert not (folder / "table.csv").exists()
    assert provenance.read(folder / "table.csv") == {}

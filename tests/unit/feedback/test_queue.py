"""The labelling queue: what is kept, decided and removed. 1 s in all."""

import sqlite3
from contextlib import closing
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image

from digits.data.pictures import PictureError, encode_png, pixel_digest
from digits.errors import UserError
from digits.feedback import rows
from digits.feedback.items import ADDED, DROPPED, LABELLED, NO_DIGIT, WAITING
from digits.feedback.queue import DecidedError, Queue, TooManyWaitingError
from digits.feedback.stored_pictures import identity, stored
from tests.feedback import REPORT, noise

INJECTIONS = ["' OR 1=1 --", "%", "_" * 8, "*", "../../queue.db", "a1b2c3d", "", "\0", "\ud800"]


@pytest.fixture
def queue(folder) -> Queue:
    return Queue(folder)


def files(folder) -> set[str]:
    return {path.name for path in (folder / "pictures").iterdir()}


def change(folder, statement: str, *values) -> None:
    with closing(sqlite3.connect(folder / "queue.db")) as database, database:
        database.execute(statement, values)


def add(queue: Queue, seed: int, **others) -> str:
    """Add a picture; returns its SHA-256."""
    item, is_new = queue.add(noise(seed), REPORT._replace(**others))
    assert is_new
    return item.sha256


def test_a_queue_that_nobody_used_is_empty_and_reading_it_creates_nothing(queue, folder):
    assert (queue.items(), queue.counts(), queue.expire(1)) == ([], {}, 0)
    queue.remove(["a" * 64])
    queue.remove_all()
    assert list(folder.iterdir()) == []


def test_a_picture_waits_with_what_is_known_of_it(queue, folder):
    kept = queue.add(noise(1), REPORT)
    (item,) = queue.items(WAITING)
    assert kept == (item, True)
    assert item == queue.get(item.sha256)
    assert item[3:] == (("feedback-1", "answer-1"), "7", 1, 1, 0.6, True, None, "3", None, None, None)
    assert item.received.endswith("Z") and len(item.received) == 20
    assert files(folder) == {f"{item.sha256}.png"}
    assert pixel_digest(queue.picture(item.sha256)).hex() == item.sha256


def test_equal_pixels_are_one_picture_whatever_its_format(queue):
    image = Image.open(BytesIO(noise(1)))
    queue.add(noise(1), REPORT)
    for number, name in enumerate(("BMP", "TIFF")):
        file = BytesIO()
        image.convert("RGB").save(file, name)
        report = REPORT._replace(suggested="3", request_ids=(f"other-{number}",))
        assert queue.add(file.getvalue(), report) == (queue.items()[0], False)
    (item,) = queue.items()
    assert (item.reports, item.suggested) == (3, "3")
    assert set(item.request_ids) == {
        "feedback-1",
        "answer-1",
        "other-0",
        "other-1",
    }


def test_nothing_of_the_file_but_its_pixels_is_kept(queue, folder):
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "a secret place"
    file = BytesIO()
    Image.open(BytesIO(noise(1))).save(file, "PNG", exif=exif)
    assert b"a secret place" in file.getvalue()
    assert queue.add(file.getvalue(), REPORT)
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert b"a secret place" not in kept and b"eXIf" not in kept


def test_what_is_no_picture_is_refused(queue, folder):
    with pytest.raises(PictureError):
        queue.add(b"no picture", REPORT)
    assert list(folder.iterdir()) == []


def test_the_least_certain_come_first(queue):
    answers = {
        "agreed, unsure": {"suggested": "1", "probability": 0.5},
        "agreed, sure": {"suggested": "1", "probability": 0.9},
        "disagreed": {"suggested": "7", "probability": 0.95},
        "refused": {"suggested": "1", "probability": 0.7, "accepted": False, "reason": "looks like no digit"},
        "only wrong": {"suggested": None, "probability": 0.8},
        "blank": {"suggested": "7", "predicted": None, "probability": None, "accepted": False},
    }
    names = {add(queue, seed, **answer): name for seed, (name, answer) in enumerate(answers.items())}
    assert [names[item.sha256] for item in queue.items(WAITING)] == [
        *("blank", "refused", "only wrong", "disagreed"),
        *("agreed, unsure", "agreed, sure"),
    ]


def test_a_decision_is_kept_and_can_be_taken_back(queue):
    sha256 = add(queue, 1)
    item = queue.decide(sha256, "7", "somebody")
    assert (item.state, item.label, item.who, item == queue.get(sha256)) == (LABELLED, "7", "somebody", True)
    assert queue.decide(sha256, "drop", "somebody").state == DROPPED
    assert queue.counts() == {DROPPED: 1}
    taken_back = queue.decide(sha256, None, "somebody")
    assert taken_back[-3:] == (None, None, None)
    assert queue.items(WAITING) == [taken_back]


def test_a_decision_on_what_somebody_else_decided_says_so(queue):
    sha256 = add(queue, 1)
    queue.decide(sha256, "7", "the first", expected=(WAITING, None))
    with pytest.raises(DecidedError, match="the first has decided already: 7"):
        queue.decide(sha256, "1", "the second", expected=(WAITING, None))
    assert queue.get(sha256).label == "7"


def test_wrong_decisions_are_refused(queue):
    sha256 = add(queue, 1)
    for label in ("10", "none", "", "7 "):
        with pytest.raises(ValueError, match="expected one of 0, 1"):
            queue.decide(sha256, label, "somebody")
    with pytest.raises(KeyError):
        queue.decide("0" * 64, "7", "somebody")
    queue.decide(sha256, "7", "somebody")
    queue.mark_added([(sha256, "1")])  # the label that it had before
    assert queue.get(sha256).state == LABELLED
    queue.mark_added([(sha256, "7")])
    with pytest.raises(UserError, match="is in data/external already"):
        queue.decide(sha256, None, "somebody")
    assert queue.get(sha256).state == ADDED


def test_only_what_is_labelled_is_marked_as_added(queue):
    waiting = add(queue, 1)
    queue.mark_added([(waiting, None), ("0" * 64, "7")])
    assert queue.get(waiting).state == WAITING


def test_nothing_is_left_of_a_picture_that_is_removed(queue, folder):
    other = add(queue, 2, request_ids=("feedback-2",))
    sha256 = add(queue, 1)
    queue.remove([sha256, "0" * 64])
    assert files(folder) == {f"{other}.png"}
    kept = (folder / "queue.db").read_bytes()
    assert sha256.encode() not in kept and b"answer-1" not in kept
    assert queue.get(sha256) is None and queue.get(other)


@pytest.mark.parametrize("reference", INJECTIONS)
def test_what_is_no_id_names_nothing(queue, reference):
    sha256 = add(queue, 1)
    queue.remove([reference.encode("utf-8", "replace").decode()])
    with pytest.raises(KeyError):
        queue.picture(reference)
    assert queue.get(sha256)


def test_all_pictures_are_forgotten(queue, folder):
    add(queue, 1)
    add(queue, 2)
    (folder / "pictures" / "orphaned.png").touch()
    queue.remove_all()
    assert (files(folder), queue.items()) == (set(), [])


def test_what_was_received_too_long_ago_is_removed_whether_it_waits_or_is_dropped_and_labels_stay(queue, folder):
    waiting, labelled, dropped, recent = (add(queue, seed) for seed in range(4))
    queue.decide(labelled, "7", "somebody")
    queue.decide(dropped, "drop", "somebody")
    change(folder, "UPDATE pictures SET received = '2020-01-01T00:00:00Z' WHERE sha256 != ?", recent)
    assert queue.expire(90) == 2
    assert queue.get(waiting) is None
    assert {item.sha256 for item in queue.items()} == {labelled, recent}
    assert files(folder) == {f"{labelled}.png", f"{recent}.png"}


def test_a_file_without_a_row_and_a_row_without_a_file_are_removed_in_time(queue, folder):
    kept, lost = add(queue, 1), add(queue, 2)
    (folder / "pictures" / f"{lost}.png").unlink()
    for name in (f"{'0' * 64}.png", ".partial-x.png"):
        (folder / "pictures" / name).touch()
    with pytest.raises(KeyError):
        queue.picture(lost)
    assert queue.expire(90) == 1
    assert [item.sha256 for item in queue.items()] == [kept]
    assert files(folder) == {f"{kept}.png"}


def test_no_more_wait_than_may_but_what_is_known_may_come_again(queue, folder):
    sha256 = add(queue, 1)
    with pytest.raises(TooManyWaitingError):
        queue.add(noise(2), REPORT, max_waiting=1)
    assert not queue.add(noise(1), REPORT, max_waiting=1).is_new
    assert files(folder) == {f"{sha256}.png"}
    queue.decide(sha256, "7", "somebody")
    assert queue.add(noise(2), REPORT, max_waiting=1)


def test_of_a_picture_that_is_sent_again_and_again_the_last_ids_are_kept(queue, monkeypatch):
    monkeypatch.setattr(rows, "MAX_REQUEST_IDS", 4)
    for number in range(5):
        report = REPORT._replace(request_ids=(f"f-{number}", f"a-{number}"), suggested=str(number // 3))
        item, _ = queue.add(noise(1), report)
    assert item[3:6] == (("f-3", "a-3", "f-4", "a-4"), "0", 5)


def test_a_picture_that_another_process_added_keeps_its_file_where_this_one_fails(queue, folder):
    sha256 = add(queue, 1)
    with pytest.raises(UserError):
        queue.add(noise(1), REPORT._replace(suggested=object()))
    assert files(folder) == {f"{sha256}.png"}


def test_only_its_owner_may_read_the_folder(folder):
    add(Queue(folder / "new"), 1)
    assert (folder / "new").stat().st_mode & 0o777 == 0o700


def test_no_digit_agrees_with_an_answer_without_a_digit(queue):
    blank = {"predicted": None, "probability": None, "accepted": False}
    for seed, suggested in enumerate((NO_DIGIT, "7", None)):
        add(queue, seed, suggested=suggested, **blank)
    assert sorted(item.disagrees for item in queue.items()) == [False, True, True]


def test_the_identity_of_a_picture_is_the_digest_of_its_stored_pixels():
    picture = encode_png(np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(20, 30))
    kept = stored(picture)
    assert kept.sha256 == identity(picture) == pixel_digest(kept.png).hex()

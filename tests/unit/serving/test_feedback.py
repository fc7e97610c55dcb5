"""POST /v1/feedback of a running server: what it takes, refuses and keeps. 4 s in all."""

import base64
import json
import sqlite3
import subprocess
from contextlib import closing
from io import BytesIO
from pathlib import Path

import pytest
import requests
from PIL import ExifTags, Image

from digits.feedback.queue import Queue
from digits.serving.feedback import retention
from tests import full_disk
from tests.feedback import REPORT, folder_in_memory, noise
from tests.imports import ROOT
from tests.serving import running, settings, with_feedback, write_constant


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The folder of a local copy that predicts 7, with a probability of 91 %."""
    return write_constant(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def queue_folder():
    with folder_in_memory() as folder:
        yield folder


@pytest.fixture(scope="module")
def address(served, queue_folder):
    with running(with_feedback(served, queue_folder, per_minute=10_000, per_day=10_000)) as found:
        yield found


@pytest.fixture
def queue(queue_folder):
    found = Queue(queue_folder)
    yield found
    found.remove_all()


def send(address: str, picture: bytes, headers: dict[str, str] | None = None, **options: str) -> requests.Response:
    url = f"{address}/v1/feedback"
    options = {"consent": "true", **options}
    return requests.post(url, params=options, files={"file": picture}, headers=headers, timeout=30)


def age(folder: Path) -> None:
    """Let all pictures have been received years ago."""
    with closing(sqlite3.connect(folder / "queue.db")) as database, database:
        database.execute("UPDATE pictures SET received = '2020-01-01T00:00:00Z'")


def metric(address: str, name: str) -> float:
    lines = requests.get(f"{address}/metrics", timeout=30).text.splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def test_a_picture_waits_with_the_services_own_answer(address, queue):
    answered = send(address, noise(1), label="1", answer="answer-1", headers={"X-Request-ID": "feedback-1"})
    assert answered.status_code == 201
    (item,) = queue.items()
    body = answered.json()
    assert body["kept_until"] > item.received[:10]
    assert {**body, "kept_until": None} == {
        "request_id": "feedback-1",
        "sha256": item.sha256,
        "duplicate": False,
        "kept_until": None,
    }
    assert item.request_ids == ("feedback-1", "answer-1")
    assert (item.suggested, item.predicted, item.probability, item.accepted, item.version) == ("1", 7, 0.91, True, "3")


def test_json_is_taken_too_and_a_label_need_not_be_given(address, queue):
    body = {"image": base64.b64encode(noise(1)).decode(), "consent": True}
    answered = requests.post(f"{address}/v1/feedback", json=body, timeout=30)
    assert answered.status_code == 201
    assert queue.items()[0].suggested is None


def test_equal_pixels_are_known_in_another_format_without_what_else_the_file_has(address, queue, queue_folder):
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "a secret place"
    image, first, second = Image.open(BytesIO(noise(1))), BytesIO(), BytesIO()
    image.save(first, "PNG", exif=exif)
    image.save(second, "BMP")
    answers = [send(address, file.getvalue(), label="7") for file in (first, second)]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert [answer.json()["duplicate"] for answer in answers] == [False, True]
    assert len({answer.json()["sha256"] for answer in answers}) == 1
    assert queue.items()[0].reports == 2
    kept = b"".join(path.read_bytes() for path in queue_folder.rglob("*") if path.is_file())
    assert b"a secret place" not in kept


def test_a_decision_to_drop_it_changes_no_last_day_and_what_is_labelled_has_none(address, queue):
    first = send(address, noise(1)).json()
    for label, until in (("drop", first["kept_until"]), ("7", None)):
        queue.decide(first["sha256"], label, "somebody")
        assert send(address, noise(1)).json()["kept_until"] == until


def test_a_locked_queue_is_a_503(address, queue, queue_folder, monkeypatch):
    send(address, noise(1))
    connect = sqlite3.connect
    with closing(connect(queue_folder / "queue.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("sqlite3.connect", lambda *names, **options: connect(*names, **options | {"timeout": 0.01}))
        refused = send(address, noise(2))
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
    assert refused.json()["detail"] == "the queue of feedback is locked; ask again in 10 s"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"consent": "false"}, "consent is not given: send consent=true where"),
        ({"label": "10"}, "label: Input should be '0', '1'"),
        ({"label": "7' OR 1=1 --"}, "label: Input should be"),
        ({"answer": "../../etc/passwd"}, "answer: String should match pattern"),
        ({"answer": "a" * 65}, "answer: String should match pattern"),
        ({"answer": "a\n"}, "answer: String should match pattern"),
        ({"label": "7" * 50_000}, "label: Input should be"),
        ({"predicted": "7"}, "predicted: there is no such option"),
    ],
)
def test_wrong_options_are_refused_and_nothing_is_kept(address, queue, options, words):
    answered = send(address, noise(1), **options)
    assert answered.status_code == 422
    assert answered.json()["detail"].startswith(words)
    assert len(answered.content) < 500
    assert queue.items() == []


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (b"no picture", "not a picture (10 bytes)"),
        (noise(1)[:-50], "damaged: "),
        (noise(1, side=1001), "1001 x 1001 pixels, at most 1,000 on a side are kept; cut out the digit"),
    ],
)
def test_wrong_pictures_are_refused_and_nothing_is_kept(address, queue, picture, words):
    answered = send(address, picture)
    assert (answered.status_code, answered.json()["detail"][: len(words)]) == (422, words)
    assert queue.items() == []


def test_the_model_says_whether_feedback_is_taken_and_where_it_is_not_it_is_refused(served, address, queue_folder):
    on = requests.get(f"{address}/v1/model", timeout=30).json()["feedback"]
    assert on == {"enabled": True, "keep_days": 90, "max_side": 1000}
    for chosen in (settings(served), with_feedback(served, queue_folder, keep_days=0)):
        with running(chosen) as closed:
            off = requests.get(f"{closed}/v1/model", timeout=30).json()["feedback"]
            assert off == {"enabled": False, "keep_days": 0, "max_side": 1000}
            answered = send(closed, noise(1))
            assert (answered.status_code, answered.json()["detail"][:33]) == (403, "this server takes no feedback: `k")


def test_a_client_is_bounded_over_two_servers_and_known_by_its_address_behind_a_proxy(served):
    with folder_in_memory() as folder:
        bounded = with_feedback(served, folder, trusted_proxies=("127.0.0.1",), per_minute=2)
        with running(bounded) as first, running(bounded) as second:
            ann, ben = {"X-Forwarded-For": "203.0.113.1"}, {"X-Forwarded-For": "203.0.113.2"}
            forged = {"X-Forwarded-For": "198.51.100.7, 203.0.113.1"}
            assert [send(one, noise(1), ann).status_code for one in (first, second)] == [201, 200]
            refused = send(first, noise(2), forged)
            assert refused.status_code == send(second, noise(2), ann).status_code == 429
            assert 0 < int(refused.headers["Retry-After"]) <= 60
            assert "there is more feedback than is taken; ask again in" in refused.json()["detail"]
            assert send(first, noise(2), ben).status_code == 201


def test_without_a_trusted_proxy_nobody_can_choose_an_address(served):
    with folder_in_memory() as folder, running(with_feedback(served, folder, per_minute=1)) as address:
        found = [send(address, noise(1), {"X-Forwarded-For": f"203.0.113.{one}"}).status_code for one in range(2)]
        assert found == [201, 429]


def test_a_full_queue_takes_only_what_it_has_and_the_metrics_say_so(served):
    with folder_in_memory() as folder, running(with_feedback(served, folder, max_waiting=1)) as address:
        before = metric(address, 'digits_feedback_total{result="queue_full"}')
        assert send(address, noise(1)).status_code == 201
        refused = send(address, noise(2))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3600")
        assert send(address, noise(1)).status_code == 200
        assert metric(address, 'digits_feedback_total{result="queue_full"}') == before + 1
        assert metric(address, "digits_feedback_waiting") == 1


def test_old_feedback_is_removed_and_an_error_ends_nothing(served, caplog):
    with folder_in_memory() as folder:
        Queue(folder).add(noise(1), REPORT)
        assert retention.expire(with_feedback(served, folder)) == 0
        assert retention.expire(settings(served)) == 0
        assert Queue(folder).counts()["waiting"] == 1
        (folder / "queue.db").write_bytes(b"damaged" * 1000)
        assert retention.expire(with_feedback(served, folder)) == 0
        assert "old feedback can't be removed" in caplog.text


def test_old_feedback_is_removed_at_the_start_and_once_an_hour(served, monkeypatch):
    waited = []

    def wait(seconds: float) -> None:
        waited.append((seconds, Queue(folder).counts()["waiting"]))
        Queue(folder).add(noise(len(waited)), REPORT)
        age(folder)
        if len(waited) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(retention.time, "sleep", wait)
    with folder_in_memory() as folder:
        Queue(folder).add(noise(0), REPORT)
        age(folder)
        with pytest.raises(KeyboardInterrupt):
            retention.run(with_feedback(served, folder))
    assert waited == [(3600, 0), (3600, 0)]


def test_on_a_full_disk_feedback_is_refused_and_predictions_go_on(tmp_path):
    done = subprocess.run(full_disk.command(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=120)
    if done.returncode == full_disk.CANNOT_MOUNT or "unshare" in done.stderr:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: found[name][0] for name in ("before", "full", "predict", "after")} == {
        "before": 201,
        "full": 507,
        "predict": 200,
        "after": 201,
    }
    assert found["full"][1]["detail"] == "the server's disk is full, and nothing is kept of this feedback"
    assert [name for name in found["added"] if not name.startswith("queue.db-")] == []
    assert 'digits_feedback_total{result="disk_full"} 1.0' in found["metrics"]

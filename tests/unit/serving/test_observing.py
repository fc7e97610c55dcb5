"""What observers get of answers, and the thread that works for it. Some milliseconds each."""

import threading

import numpy as np
import pytest
import requests

from digits.data.pictures import encode_png
from digits.prediction.batches import Prediction
from digits.reading import Page
from digits.serving import metrics
from digits.serving.observing import Background
from digits.serving.service import PredictedPicture, Service
from tests.serving import running, settings, write_constant

ANSWER = PredictedPicture(Prediction("", 7, 0.9, True), np.zeros((28, 28), np.uint8))


@pytest.fixture
def background():
    found = Background(max_waiting=2, max_bytes=10)
    yield found
    found.close()


def dropped():
    return metrics.DROPPED._value.get()


def test_observers_get_what_was_sent_with_its_answer_and_the_id_of_the_request(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(Service, "observe", lambda self, *given: calls.append(given))
    picture = encode_png(np.eye(28, dtype=np.uint8) * 255)
    with running(settings(write_constant(tmp_path / "served"))) as address:
        answer = requests.post(
            f"{address}/v1/predict", files={"file": picture}, headers={"X-Request-ID": "mine-1"}, timeout=10
        )
    ((model, request_id, pictures, predicted, min_probability),) = calls
    assert answer.headers["x-request-id"] == request_id == "mine-1"
    assert (pictures, min_probability) == ([picture], 0.0)
    assert (predicted[0].prediction.label, model.version) == (7, "3")
    assert predicted[0].digit.shape == (28, 28)


def test_what_an_observer_raises_changes_no_answer_and_keeps_no_other_from_being_called(tmp_path):
    service, calls, pages = Service(settings(write_constant(tmp_path / "served"))), [], []
    service.observers = [lambda *_: 1 / 0, lambda model, seen: calls.append((model, seen))]
    service.observe(service.model, "a-1", [b"png"], [ANSWER])
    service.page_observers = [lambda *_: 1 / 0, lambda *given: pages.append(given)]
    service.observe_page(service.model, "a-1", Page(28, 28, [], []), 0.5)
    service.close()
    assert pages == [(service.model, Page(28, 28, [], []), 0.5)]
    ((model, (seen,)),) = calls
    assert model is service.model
    assert (seen.request_id, seen.picture, seen.prediction, seen.digit) == ("a-1", b"png", *ANSWER)


def test_the_thread_goes_on_after_an_error_and_ends_what_waits_before_it_closes(background):
    done = []
    assert background.submit(lambda: 1 / 0)
    assert background.submit(lambda: done.append(threading.current_thread().name))
    background.close()
    assert done == ["observe"]


def test_what_does_not_fit_is_dropped_and_counted(background):
    before, release, begun = dropped(), threading.Event(), threading.Event()
    assert background.submit(lambda: (begun.set(), release.wait(5)), [b"12345"])
    assert begun.wait(5)
    assert not background.submit(print, [b"123456"])  # eleven bytes in all
    assert background.submit(bool) and background.submit(bool)
    assert not background.submit(print, [b"1", b"2"])  # a third call that waits
    assert dropped() - before == 3
    release.set()


def test_a_call_that_has_ended_makes_room(background):
    for _ in range(3):
        done = threading.Event()
        assert background.submit(lambda: None, [b"1234567890"])
        assert background.submit(done.set)  # by then the call before it has given its bytes back
        assert done.wait(5)

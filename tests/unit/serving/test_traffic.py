"""What is counted of answers: every answer, and image statistics of a sample. Some 20 ms each."""

import asyncio
import sqlite3
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import requests

from digits.data.pictures import encode_png
from digits.prediction.batches import Prediction
from digits.serving import local_copy, metrics
from digits.serving.drift import counts, measurement, traffic
from digits.serving.drift import reference as drift_reference
from digits.serving.drift.counts import Bin, TrafficStore
from digits.serving.drift.traffic import Traffic
from digits.serving.observing import Background, Observation
from digits.serving.service import ServedModel
from tests.served_drift import PARAMS, served_sha256
from tests.serving import running, settings, write_constant

INK = {"edges": [0.05, 0.2], "counts": [0, 5, 80, 5, 0]}


def drawn(width: int) -> bytes:
    """A vertical bar of so many columns."""
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4:24, 14 : 14 + width] = 255
    return encode_png(pixels)


def observation(picture: bytes, label: int | None = 7, probability: float | None = 0.97, **more) -> Observation:
    answer = Prediction("", label, probability, **{"accepted": True, **more})
    return Observation("a-1", picture, answer, np.full((28, 28), 255 * (label is not None), np.uint8))


def dropped() -> float:
    return metrics.DROPPED._value.get()


@pytest.fixture
def served(tmp_path):
    """The folder of a server whose reference has the histogram of `ink`."""
    folder = write_constant(tmp_path / "served")
    sha256 = local_copy.read(folder).description["sha256"]
    reference = {"version": "3", "sha256": sha256, "pictures": {"ink": INK}, "predictions": {}, "missing": []}
    drift_reference.write(folder, reference)
    return folder


@pytest.fixture
def model(served):
    return ServedModel(local_copy.read(served))


def counted(folder, model, observations, **drift):
    """What a service that answered these has counted."""
    chosen = settings(folder)
    limits = chosen.limits.drift.model_copy(update=drift)
    chosen = type(chosen)(folder, chosen.limits.model_copy(update={"drift": limits}))
    background = Background()
    observer = Traffic(chosen, background)
    for some in observations:
        observer(model, some)
    observer.flush()
    background.close(60)
    return TrafficStore(folder).read(served_sha256(folder), 0)


def test_every_answer_is_counted_by_label_probability_and_outcome(served, model):
    blank = observation(b"", None, None, accepted=False, reason="blank")
    unreadable = observation(b"", None, None, accepted=None, error="is no picture")
    refused = observation(drawn(3), 1, 0.31, accepted=False, reason="probability is below")
    found = counted(served, model, [[observation(drawn(3)), refused], [observation(drawn(3)), blank, unreadable]])
    assert found["label"] == {"7": 2, "1": 1}
    assert found["probability"] == {str(drift_reference.probability_bin(0.97)): 2, "2": 1}
    assert found["outcome"] == {"accepted": 2, "refused": 1, "blank": 1, "unreadable": 1}


def test_an_answer_of_which_the_request_demands_more_than_the_model_has_no_outcome(served, model):
    strict = observation(drawn(3), accepted=False)._replace(min_probability=0.999)
    digit = SimpleNamespace(label=1, probability=0.9, reason="its probability is too low")
    background = Background()
    observer = Traffic(settings(served), background)
    observer(model, [observation(drawn(3)), strict])
    for demanded in (0.0, 0.95):
        observer.count_page(model, SimpleNamespace(digits=[digit]), demanded)
    observer.flush()
    background.close(60)
    found = TrafficStore(served).read(model.sha256, 0)
    assert (found["label"], found["outcome"]) == ({"7": 2}, {"accepted": 1})
    assert (found["page label"], found["page outcome"]) == ({"1": 2}, {"refused": 1})
    assert measurement.measure(found, ("3", model.sha256), None, PARAMS, 0).answered == 2


def test_a_damaged_reference_loses_no_answer_and_is_logged_once(served, model, caplog):
    reference = drift_reference.read(served, model.sha256)
    drift_reference.write(served, reference | {"pictures": {"ink": {}}})
    background = Background()
    observer = Traffic(settings(served), background)
    for _ in range(2):
        observer(model, [observation(drawn(3))])
        observer.flush()
    background.close(60)
    assert TrafficStore(served).read(model.sha256, 0)["outcome"] == {"accepted": 2}
    assert [one.message for one in caplog.records] == ["image statistics can't be computed: KeyError('edges')"]


def test_the_last_counts_wait_for_no_other_work(served, model):
    background, release = Background(), threading.Event()
    background.submit(lambda: release.wait(10))
    observer = Traffic(settings(served), background)
    observer(model, [observation(drawn(3))])
    asyncio.run(observer.close())
    assert TrafficStore(served).read(model.sha256, 0)["outcome"] == {"accepted": 1}
    release.set()
    background.close(60)


def test_an_error_of_one_write_does_not_end_the_next(served, model, monkeypatch, caplog):
    observer, written = Traffic(settings(served), Background()), []
    monkeypatch.setattr(traffic, "FLUSH_SECONDS", 0.001)
    monkeypatch.setattr(observer, "flush", lambda: written.append(1) or 1 / 0)
    with pytest.raises(TimeoutError):
        asyncio.run(asyncio.wait_for(observer.run(), 0.2))
    assert len(written) > 1 and "what is served can't be counted" in caplog.text


@pytest.mark.parametrize(("probability", "name"), [(0.2, "0% to 20%"), (0.21, "20% to 30%"), (1.0, "99.9% to 100%")])
def test_a_probability_is_in_the_bin_that_names_it(probability, name):
    assert drift_reference.probability_bins()[drift_reference.probability_bin(probability)] == name


def test_a_sample_of_the_pictures_is_counted_in_the_bins_of_the_reference(served, model):
    found = counted(served, model, [[observation(drawn(width)) for width in (2, 2, 20, 20)]], pictures_per_second=3)
    assert found["ink"] == {"2": 2, "4": 1}  # between the edges, and above: a bar of 20 columns is full of ink
    assert found["outcome"] == {"accepted": 4}


def test_a_large_picture_ends_the_sample_but_one_is_always_taken(served, model, monkeypatch):
    monkeypatch.setattr(traffic, "MAX_PIXELS", 28 * 28 - 1)
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)
    before = dropped()
    found = counted(served, model, [[observation(drawn(2))] for _ in range(9)], pictures_per_second=3)
    assert found["ink"] == {"2": 1}
    assert dropped() - before == 2  # of the three that were chosen


def test_without_a_reference_the_answers_are_counted_alone(served, model):
    (served / drift_reference.NAME).unlink()
    found = counted(served, model, [[observation(drawn(2))]])
    assert found.keys() == {"label", "probability", "outcome"}


def test_a_drawing_that_is_not_finished_is_left_out_and_the_rest_is_written_when_the_service_ends(served):
    with running(settings(served)) as address:
        for draft in ("true", "false", "true"):
            files = {"file": drawn(3)}
            assert requests.post(f"{address}/v1/predict?draft={draft}", files=files, timeout=10).status_code == 200
    assert TrafficStore(served).read(served_sha256(served), 0)["outcome"] == {"accepted": 1}


def test_the_database_has_counts_by_hour_and_nothing_of_a_picture(served, model):
    counted(served, model, [[observation(drawn(3))]])
    with sqlite3.connect(served / counts.NAME) as database:
        rows = database.execute("SELECT * FROM counts").fetchall()
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()
    assert {statistic for _, _, statistic, _, _ in rows} == {"label", "probability", "outcome", "ink"}
    assert all(hour == int(time.time() // 3600) and len(name) <= 10 and count == 1 for hour, _, _, name, count in rows)
    assert tables == 1


def test_several_processes_add_to_one_count_and_old_ones_expire(tmp_path):
    one, other = TrafficStore(tmp_path), TrafficStore(tmp_path)
    key = Bin("3", "label", "7")
    for store, hours in ((one, 0), (other, 0), (one, -2), (other, -24 * 400)):
        store.add({key: 2}, time.time() + 3600 * hours)
    now = time.time()
    assert one.read("3", now) == {"label": {"7": 4}}
    assert one.read("3", now - 2 * 3600) == {"label": {"7": 6}}
    assert one.read("4", 0) == {}
    other.expire(90)
    assert one.read("3", 0) == {"label": {"7": 6}}


def test_a_database_that_cant_be_written_is_logged_once_and_breaks_no_answer(served, model, caplog):
    (served / counts.NAME).mkdir()
    background = Background()
    observer = Traffic(settings(served), background)
    for _ in range(2):
        observer(model, [observation(drawn(3))])
        observer.flush()
    background.close(60)
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    assert "can't be counted" in caplog.text

"""The challenger beside the champion: what is compared and kept, and what users see of it, nothing. Some 0.1 s each."""

import json
import logging
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from digits.data.pictures import encode_png
from digits.feedback.stored_pictures import stored
from digits.files import digest, read_json
from digits.params import Challenger
from digits.prediction import shadow_log as answers
from digits.serving import local_copy, metrics
from digits.serving.observing import Background
from digits.serving.service import Service, predict_pictures
from digits.serving.shadow import Shadow
from tests import linear_model
from tests.serving import running, settings, write_constant
from tests.waiting import wait_until

DIGIT = encode_png(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12))))
BLANK = encode_png(np.full((28, 28), 255, np.uint8))


def write_challenger(folder: Path, label: int, version: str = "4") -> Path:
    """A challenger in the local copy, which predicts one label for every digit; returns its ONNX file."""
    path = linear_model.write_constant(folder / "challenger.onnx", label)
    described = read_json(folder / local_copy.CHAMPION) | {"version": version, "sha256": digest(path, "sha256")}
    local_copy.write(folder, path, described, local_copy.CHALLENGER)
    path.unlink()
    return local_copy.read(folder, local_copy.CHALLENGER).onnx_file


def chosen(folder: Path, share: float = 1.0):
    return settings(folder, challenger=Challenger(version=4, share=share))


def kept(folder: Path) -> list[answers.ShadowPredictions]:
    champion, challenger = (local_copy.read(folder, name) for name in (local_copy.CHAMPION, local_copy.CHALLENGER))
    return answers.read([folder / answers.FILE], champion.description["sha256"], challenger.description["sha256"])


def predict(address: str, *pictures: bytes, query: str = "") -> dict:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    body = b"".join(part + picture + b"\r\n" for picture in pictures) + b"--b--\r\n"
    head = {"Content-Type": "multipart/form-data; boundary=b", "X-Request-ID": "mine-1"}
    with urllib.request.urlopen(urllib.request.Request(f"{address}/v1/predict{query}", body, head)) as response:
        return json.load(response)


@pytest.fixture
def folder(tmp_path):
    return write_constant(tmp_path / "served", 3, "1")


def test_both_answers_are_kept_and_users_see_the_champions(folder):
    write_challenger(folder, 7)
    counted = metrics.SHADOW.labels("label")._value.get()
    with running(chosen(folder)) as address:
        found = predict(address, DIGIT, BLANK, b"no picture")
    assert found["model"]["version"] == "1"
    assert [one["label"] for one in found["predictions"]] == [3, None, None]
    (one,) = kept(folder)  # the blank one has nothing to compare
    assert (one.request_id, one.sha256) == ("mine-1", stored(DIGIT).sha256)
    assert (one.champion.label, one.challenger.label) == (3, 7)
    assert (one.champion.accepted, one.challenger.accepted) == (True, True)
    assert one.champion.probability == found["predictions"][0]["probability"]
    assert metrics.SHADOW.labels("label")._value.get() - counted == 1


def test_the_challenger_is_asked_for_the_probability_that_the_request_asks_for(folder):
    write_challenger(folder, 7)
    with running(chosen(folder)) as address:
        assert not predict(address, DIGIT, query="?min_probability=0.99")["predictions"][0]["accepted"]
    assert [(one.champion.accepted, one.challenger.accepted) for one in kept(folder)] == [(False, False)]


def test_a_share_of_the_pictures_is_answered(folder, monkeypatch):
    write_challenger(folder, 7)
    drawn = iter([0.29, 0.31, 0.0])
    monkeypatch.setattr("digits.serving.shadow.random.random", lambda: next(drawn))
    with running(chosen(folder, 0.3)) as address:
        predict(address, DIGIT, DIGIT, DIGIT)
    assert len(kept(folder)) == 2


def test_a_challenger_that_is_the_champions_file_compares_nothing(folder):
    write_challenger(folder, 3)
    with running(chosen(folder)) as address:
        predict(address, DIGIT)
    assert not (folder / answers.FILE).exists()


def test_a_copy_of_another_version_than_the_parameter_names_is_not_used(folder):
    write_challenger(folder, 7, version="5")
    with running(chosen(folder)) as address:
        predict(address, DIGIT)
    assert not (folder / answers.FILE).exists()


@pytest.mark.parametrize("harm", ["damaged", "gone", "no database"])
def test_what_fails_beside_the_champion_reaches_no_user_and_is_logged_once(folder, caplog, harm):
    path = write_challenger(folder, 7)
    if harm == "damaged":
        path.write_bytes(b"damaged")
    elif harm == "gone":
        path.unlink()
    else:
        (folder / answers.FILE).write_bytes(b"no database" * 100)
    with running(chosen(folder)) as address:
        for _ in range(3):
            assert predict(address, DIGIT)["predictions"][0]["label"] == 3
    logged = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert ["the challenger does not answer" in record.message for record in logged] == [True]


def test_what_does_not_fit_is_dropped(folder):
    background = Background(max_waiting=0)
    service, dropped = Service(chosen(folder)), metrics.DROPPED._value.get()
    service.observers = [Shadow(chosen(folder), background)]
    service.observe(service.model, "r", [DIGIT], predict_pictures((service.model, 0.0), [DIGIT]))
    service.close()
    assert metrics.DROPPED._value.get() - dropped == 1


def test_a_new_challenger_is_loaded_when_its_copy_changes(folder):
    write_challenger(folder, 7)
    with running(chosen(folder)) as address:
        predict(address, DIGIT)
        wait_until(lambda: (folder / answers.FILE).exists() and kept(folder))
        write_challenger(folder, 8)
        predict(address, DIGIT)
    assert [one.challenger.label for one in kept(folder)] == [8]


def test_without_a_challenger_nothing_is_observed(folder, monkeypatch):
    write_challenger(folder, 7)
    made = []
    monkeypatch.setattr("digits.serving.app.Shadow", lambda *arguments: made.append(arguments))
    with running(settings(folder)) as address:
        predict(address, DIGIT)
    assert made == []


def test_the_clean_up_of_old_copies_keeps_the_challengers_file(folder):
    path = write_challenger(folder, 7)
    for label in (0, 1, 2, 4, 5):
        write_constant(folder, label, str(label))
    assert path.exists()
    assert local_copy.read(folder, local_copy.CHALLENGER).is_intact()
    assert len(list(folder.glob("*.onnx"))) <= local_copy.KEPT + 2

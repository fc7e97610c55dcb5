"""What a model accepts, chosen on 200 digits that a constant network reads. One second, most of it for imports."""

import numpy as np
import pytest

from digits.data.dataset import Digits
from digits.errors import UserError
from digits.evaluation import choice, parts
from digits.evaluation.choice import Choice
from digits.model.classifier import Classifier
from digits.params import Evaluate
from tests.linear_model import write

PARAMS = Evaluate(
    max_error_when_accepted=0.1,
    certificate_confidence=0.9,
    max_digits_refused=0.005,
    corrupted_digits=1,
    page_difficulties=[1],
    pages_per_difficulty=1,
    worst_mistakes=1,
)
HASHES = np.array([f"{number:02x}" * 32 for number in range(200)], "S64")  # 102, 52 and 46 of the three parts
IMAGES = np.zeros((200, 28, 28), np.uint8)


def choose(network, labels: np.ndarray, path, images: np.ndarray = IMAGES) -> Choice:
    return choice.choose(network, Digits(images[: len(labels)], labels), HASHES[: len(labels)], images, PARAMS, path)


def test_a_network_that_is_always_right_has_all_it_accepts_certified(constant_model, tmp_path):
    chosen, certificate = choose(constant_model(3), np.full(200, 3), tmp_path / "a.onnx")
    assert (certificate.digits, certificate.accepted, certificate.errors, certificate.met) == (46, 46, 0, True)
    assert certificate.certified_error == 0.1  # 22 without an error certify it
    assert 0 < chosen.temperature < 1  # it is right more often than it says
    assert chosen.max_score == pytest.approx(np.log(0.5))
    assert chosen.min_probability == certificate.threshold == 0
    assert Classifier(tmp_path / "a.onnx").acceptance.texts() == chosen.texts()


def test_the_temperature_is_that_of_the_share_that_is_right(constant_model, tmp_path):
    """Right in 26 of 102 digits, and in the quarter of an error that is added, which count for nine labels alike."""
    labels = np.where(np.arange(200) % 4, 2, 3)
    temperature = choose(constant_model(3), labels, tmp_path / "a.onnx").acceptance.temperature
    share = Classifier(tmp_path / "a.onnx").predict(IMAGES[:1]).probabilities.max()
    assert parts.divide(HASHES)["temperature"].sum() == 102
    assert share == pytest.approx(26 / 102.25, abs=0.003)
    assert temperature > 1


def test_the_bound_of_the_score_is_that_of_its_own_part_and_what_is_beyond_it_is_not_accepted(tmp_path):
    """Ink in a corner, which half of the digits of the last part have, raises the score."""
    weights, bias, images = np.zeros((28 * 28, 11)), np.zeros(11), IMAGES.copy()
    weights[0, 10], bias[3] = 0.02, 3
    images[np.flatnonzero(parts.divide(HASHES)["threshold"])[::2], 0, 0] = 255
    network = write(tmp_path / "network.onnx", weights, bias)
    chosen, certificate = choose(network, np.full(200, 3), tmp_path / "a.onnx", images)
    assert (certificate.digits, certificate.accepted, certificate.errors) == (46, 23, 0)
    assert chosen.max_score == Classifier(network).predict(IMAGES[:1]).score[0]


def test_what_is_more_probably_no_digit_is_refused_whatever_the_validation_digits_score(tmp_path):
    weights, bias = np.zeros((28 * 28, 11)), np.zeros(11)
    bias[10] = 6
    network = write(tmp_path / "network.onnx", weights, bias)
    assert Classifier(network).predict(IMAGES[:1]).score[0] > 0
    assert choose(network, np.full(200, 3), tmp_path / "a.onnx").acceptance.max_score == 0


def test_where_nothing_is_certified_all_probabilities_are_accepted(constant_model, tmp_path):
    chosen, certificate = choose(constant_model(3), np.full(200, 2), tmp_path / "a.onnx")
    assert (certificate.certified_error, certificate.met, chosen.min_probability) == (1, False, 0)


def test_too_few_digits_are_named_and_nothing_is_written(constant_model, tmp_path):
    with pytest.raises(
        UserError, match=r"has 66 digits, which leave 0 for a part of it .* raise ingest\.validation_fr"
    ):
        choose(constant_model(3), np.full(66, 3), tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_an_error_leaves_the_file_that_is_there(constant_model, tmp_path, monkeypatch):
    path = tmp_path / "a.onnx"
    path.write_bytes(b"before")
    monkeypatch.setattr(choice.certificate, "certify", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        choose(constant_model(3), np.full(200, 3), path)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.glob(".*")] == []

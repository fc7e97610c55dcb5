"""What a model file accepts: set in its constants and metadata alone, and read back as it was set."""

import math

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.special import log_softmax

from digits.errors import UserError
from digits.model import acceptance
from digits.model.acceptance import Acceptance
from digits.model.classifier import Classifier

CHOSEN = Acceptance(temperature=1.7, min_probability=0.873, max_score=-0.6)
IMAGES = np.zeros((3, 28, 28), np.uint8)


def test_constants_and_metadata_are_those_chosen_and_nothing_else_changes(constant_model, tmp_path):
    network, path = constant_model(3), tmp_path / "new" / "a.onnx"
    acceptance.apply(network, CHOSEN, path)
    before, after = onnx.load(network), onnx.load(path)
    found = {one.name: numpy_helper.to_array(one) for one in after.graph.initializer if one.name in CHOSEN.texts()}
    assert found == {
        "inverse_temperature": np.float32(1 / 1.7),
        "min_probability": np.float32(0.873),
        "max_score": np.float32(-0.6),
    }
    assert {one.key: one.value for one in after.metadata_props} == {
        "digits_contract": "2",
        "inverse_temperature": "0.5882353",
        "min_probability": "0.873",
        "max_score": "-0.6",
    }
    for model in (before, after):
        acceptance.set_constants(model, Acceptance())
    assert before == after
    assert Classifier(path).acceptance == pytest.approx(CHOSEN, rel=1e-6)
    assert Classifier(network).acceptance == (1, 0, math.inf)


def test_the_same_acceptance_gives_the_same_bytes(constant_model, tmp_path):
    network, path = constant_model(3), tmp_path / "a.onnx"
    acceptance.apply(network, Acceptance(), path)
    assert path.read_bytes() == network.read_bytes()
    acceptance.apply(network, CHOSEN, path)
    acceptance.apply(path, Acceptance(), path)
    assert path.read_bytes() == network.read_bytes()


def test_the_temperature_divides_the_logits_and_leaves_the_score(constant_model, tmp_path):
    acceptance.apply(constant_model(3), CHOSEN, tmp_path / "a.onnx")
    plain, scaled = (Classifier(path).predict(IMAGES) for path in (constant_model(3), tmp_path / "a.onnx"))
    assert np.allclose(scaled.logits, plain.logits / 1.7)
    assert np.allclose(np.log(scaled.probabilities), log_softmax(scaled.logits, axis=1), atol=1e-5)
    assert np.array_equal(scaled.score, plain.score)
    assert plain.score == pytest.approx(math.log(0.5), abs=1e-6)


@pytest.mark.parametrize(
    ("chosen", "accepted"),
    [
        (Acceptance(1, 0.90, -0.69), True),
        (Acceptance(1, 0.92, -0.69), False),
        (Acceptance(1, 0.90, -0.70), False),
        (Acceptance(2, 0.90, -0.69), False),  # the calibrated probability is lower
    ],
)
def test_accepted_is_by_both_bounds(constant_model, chosen, accepted):
    assert (Classifier(constant_model(3, chosen)).predict(IMAGES).accepted == accepted).all()


def test_a_value_at_its_bound_is_accepted(constant_model):
    plain = Classifier(constant_model(3)).predict(IMAGES)
    bounds = Acceptance(1, float(plain.probabilities.max()), float(plain.score[0]))
    assert Classifier(constant_model(3, bounds)).predict(IMAGES).accepted.all()


@pytest.mark.parametrize("wrong", [Acceptance(0), Acceptance(math.nan), Acceptance(1, 1.1), Acceptance(1, 0, math.nan)])
def test_an_acceptance_without_a_meaning_is_not_written(constant_model, tmp_path, wrong):
    with pytest.raises(ValueError, match="expected temperature > 0"):
        acceptance.apply(constant_model(3), wrong, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


def test_a_file_that_is_no_network_of_this_version_is_named(constant_model, tmp_path):
    with pytest.raises(UserError, match=r"none\.onnx can't be read as an ONNX model: .*`dvc repro` writes it"):
        acceptance.apply(tmp_path / "none.onnx", CHOSEN, tmp_path / "a.onnx")
    with pytest.raises(UserError, match=r"always_3\.onnx has not the digits_contract 2: `dvc repro`"):
        acceptance.apply(constant_model(3, None), CHOSEN, tmp_path / "a.onnx")

"""Occlusion sensitivity: exact on a linear model, of any number of digits; it depends on the weights."""

import math

import numpy as np
import pytest

from digits.data.dataset import Digits
from digits.model.classifier import Classifier
from digits.model.saliency import occlusion
from tests import linear_model


@pytest.fixture
def ink_of_3(tmp_path):
    """A model of contract 1 whose logit of 3 is the value of pixel (10, 10) / 100; all others are 0."""
    weights = np.zeros((28, 28, 11))
    weights[10, 10, 3] = 0.01
    return Classifier(linear_model.write(tmp_path / "a.onnx", weights.reshape(784, 11), np.zeros(11), None))


def test_the_log_odds_fall_where_the_ink_of_a_class_is_and_nowhere_else(ink_of_3):
    image = np.zeros((28, 28), np.uint8)
    image[10, 10] = image[20:24, 5:20] = 200  # the second stroke changes no logit
    for_3, for_5 = occlusion(ink_of_3, np.stack([image, image]), np.array([3, 5]))
    assert for_3.dtype == np.float32
    assert for_3[10, 10] == pytest.approx(2, abs=1e-5)  # all of its four patches cover the pixel
    assert for_3[10, 12] == for_3[8, 10] == pytest.approx(1, abs=1e-5)  # two of four
    assert for_3[12, 12] == pytest.approx(0.5, abs=1e-5)
    assert for_5[10, 10] == pytest.approx(math.log(9) - math.log(math.exp(2) + 8), abs=1e-5)
    for found in (for_3, for_5):
        assert np.argwhere(found).min(axis=0).tolist() == [8, 8]
        assert np.argwhere(found).max(axis=0).tolist() == [13, 13]


def test_a_digit_without_ink_has_a_map_of_zeros_and_no_digit_has_none(ink_of_3):
    blank = np.zeros((1, 28, 28), np.uint8)
    assert not occlusion(ink_of_3, blank, np.array([3])).any()
    assert occlusion(ink_of_3, blank[:0], np.array([], int)).shape == (0, 28, 28)


def test_every_pixel_is_covered(tmp_path):
    model = linear_model.write(tmp_path / "a.onnx", np.full((784, 11), 0.01) * (np.arange(11) == 3), np.zeros(11))
    assert (occlusion(Classifier(model), np.full((1, 28, 28), 9, np.uint8), np.array([3])) > 0).all()


def test_a_map_depends_on_the_weights(tmp_path, mnist_digits):
    """The model parameter randomization test of Adebayo et al. 2018, https://arxiv.org/abs/1810.03292.

    Two models that learned from different digits agree on new ones, and neither with random weights. Costs 0.4 s.
    """
    random = np.random.default_rng(0).normal(0, 0.01, (784, 11))
    paths = [
        *[linear_model.train(_every_tenth(mnist_digits, start), tmp_path / f"{start}.onnx") for start in (0, 3)],
        linear_model.write(tmp_path / "random.onnx", random, np.zeros(11)),
    ]
    images, labels = (one[5::125] for one in mnist_digits)
    maps = [occlusion(Classifier(path), images, labels)[images > 0] for path in paths]
    agreement = np.corrcoef(maps)
    assert agreement[0, 1] > 0.6
    assert np.abs(agreement[:2, 2]).max() < 0.2


def _every_tenth(digits: Digits, start: int) -> Digits:
    return Digits(*(one[start::10] for one in digits))

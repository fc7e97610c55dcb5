"""Figures: large enough, the same bytes each time, and no error with extreme content."""

import numpy as np
import pytest

from digits.data import pictures
from digits.data.dataset import Digits
from digits.visualization import figures

HISTORY = [{"loss": 2.0 / n, "accuracy": 1 - 0.5 / n, "val_loss": 1.0 / n, "val_accuracy": 1.0} for n in (1, 2, 3)]


@pytest.fixture
def draw(mnist_digits):
    few = Digits(images=mnist_digits.images[:30], labels=mnist_digits.labels[:30])  # of a single label
    matrix = np.diag([100] * 10) + np.eye(10, k=1, dtype=int)
    return {
        "samples": lambda path: figures.samples(mnist_digits, 5000, path),
        "samples of one label": lambda path: figures.samples(few, 3, path),
        "learning_curves": lambda path: figures.learning_curves(HISTORY, path),
        "confusion_matrix": lambda path: figures.confusion_matrix(matrix, path),
    }


@pytest.mark.parametrize(
    "name",
    ["samples", "samples of one label", "learning_curves", "confusion_matrix"],
)
def test_a_figure_is_drawn_the_same_each_time(draw, tmp_path, name):
    one, two = tmp_path / "one.png", tmp_path / "two.png"
    draw[name](one)
    draw[name](two)
    assert one.read_bytes() == two.read_bytes()
    pixels = pictures.decode(one.read_bytes()).pixels
    assert min(pixels.shape) >= 150
    assert np.ptp(pixels) > 100

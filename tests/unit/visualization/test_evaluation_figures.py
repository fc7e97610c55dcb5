"""Figures of the evaluation: the same bytes each time, other bytes for other content, and no error in extreme cases."""

import numpy as np
import pytest

from digits.data import pictures
from digits.visualization import evaluation_figures

ONE = np.ones(1)
MANY = np.linspace(0.1, 1, 10)


def reliability(accuracy: np.ndarray, path) -> bytes:
    interval = np.maximum(accuracy - 0.1, 0), np.minimum(accuracy + 0.1, 1)
    counts = np.arange(1, len(accuracy) + 1) ** 4
    evaluation_figures.reliability(MANY[-len(accuracy) :], accuracy, *interval, *interval, counts, path)
    return path.read_bytes()


def risk_coverage(error: np.ndarray, path) -> bytes:
    evaluation_figures.risk_coverage(MANY[-len(error) :], error, 0.01, (0.5, 0.001), 0.9, path)
    return path.read_bytes()


@pytest.mark.parametrize("draw", [reliability, risk_coverage])
def test_a_figure_shows_its_content_the_same_each_time(draw, tmp_path):
    found = [draw(values, tmp_path / "a.png") for values in (MANY, MANY, 1 - MANY, ONE, 0 * ONE)]
    assert found[0] == found[1]
    assert len(set(found)) == 4
    for content in found:
        pixels = pictures.decode(content).pixels
        assert min(pixels.shape) >= 150
        assert np.ptp(pixels) > 100

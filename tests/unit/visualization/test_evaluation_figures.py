"""Figures of the evaluation: the same bytes each time, other bytes for other content, and no error in extreme cases."""

import numpy as np
import pytest
from PIL import Image

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


def mistakes(values: np.ndarray, path) -> bytes:
    """A mistake for each value below 1, at most two, with the value as saliency."""
    values = values[values < 1][:2]
    rows = np.arange(len(values))
    images = np.full((len(rows), 28, 28), 200, np.uint8)
    saliency = np.ones(images.shape) * values[:, None, None]
    evaluation_figures.mistakes(images, rows, np.eye(10)[9 - rows], rows, saliency, path)
    return path.read_bytes()


@pytest.mark.parametrize("draw", [reliability, risk_coverage, mistakes])
def test_a_figure_shows_its_content_the_same_each_time(draw, tmp_path):
    found = [draw(values, tmp_path / "a.png") for values in (MANY, MANY, 1 - MANY, ONE, 0 * ONE)]
    assert found[0] == found[1]
    assert len(set(found)) == 4
    for content in found:
        pixels = pictures.decode(content).pixels
        assert min(pixels.shape) >= 150
        assert np.ptp(pixels) > 100


def test_a_mistake_is_coloured_by_its_saliency(tmp_path):
    mistakes(np.full(1, -5), tmp_path / "blue.png")
    mistakes(np.full(1, 0.9), tmp_path / "pale red.png")
    blue, red = (np.asarray(Image.open(tmp_path / f"{name}.png").convert("RGB"), int) for name in ("blue", "pale red"))
    assert (blue == [81, 135, 190]).all(axis=2).any()  # ink of 200 / 255 on white
    assert not (red[..., 2] > red[..., 0] + 60).any()

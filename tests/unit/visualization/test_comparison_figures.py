"""Figures of two models: the same bytes each time, other bytes for other content, and no error in extreme cases."""

import numpy as np
import pytest

from digits.data import pictures
from digits.visualization import comparison_figures
from digits.visualization.comparison_figures import Reliability, RiskCoverage

MANY = np.linspace(0.1, 1, 10)


def risk_coverage(values: np.ndarray) -> bytes:
    curve = RiskCoverage(MANY[-len(values) :], values, (0.5, 0.001))
    return comparison_figures.risk_coverage(curve, RiskCoverage(MANY, MANY / 10, (0.9, 0.02)))


def reliability(values: np.ndarray) -> bytes:
    bins = Reliability(MANY[-len(values) :], values, np.maximum(values - 0.1, 0), np.minimum(values + 0.1, 1))
    return comparison_figures.reliability(bins, Reliability(MANY, MANY, MANY - 0.1, MANY))


@pytest.mark.parametrize("draw", [risk_coverage, reliability])
def test_a_figure_shows_its_content_the_same_each_time(draw):
    found = [draw(values) for values in (MANY, MANY, 1 - MANY, np.zeros(1))]
    assert found[0] == found[1]
    assert len(set(found)) == 3
    assert all(np.ptp(pictures.decode(one).pixels) > 100 for one in found)

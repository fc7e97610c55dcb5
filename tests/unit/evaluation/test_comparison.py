"""Paired comparisons against values computed by hand or published."""

import math

import numpy as np
import pytest

from digits.evaluation import comparison, metrics


def test_the_losses_of_digits_by_hand():
    probabilities = np.array([[0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [0.2, 0.6, 0.2]], np.float32)
    losses = metrics.digit_losses(probabilities, np.array([0, 2, 0]))
    assert losses == pytest.approx([math.log(2), 0, math.log(5)], abs=1e-7)
    assert losses.mean() == pytest.approx(metrics.score(probabilities, np.array([0, 2, 0])).log_loss, abs=1e-7)
    certain = metrics.digit_losses(np.array([[1.0, 0.0]], np.float32), np.array([1]))
    assert certain == pytest.approx([-math.log(np.finfo(np.float32).tiny)])


def test_students_interval_by_hand():
    """Differences 1, 2, 3: mean 2, standard error 1 / sqrt(3), and t of 2 degrees of freedom at 95 % is 4.3027."""
    found = comparison.loss_difference(np.array([1.0, 2.0, 3.0]), np.zeros(3))
    assert (found.mean, found.confidence, found.digits) == (2.0, 0.95, 3)
    assert (found.low, found.high) == pytest.approx((2 - 4.3027 / 3**0.5, 2 + 4.3027 / 3**0.5), abs=1e-4)
    narrower = comparison.loss_difference(np.array([1.0, 2.0, 3.0]), np.zeros(3), confidence=0.5)
    assert found.low < narrower.low < narrower.high < found.high
    equal = comparison.loss_difference(np.ones(3), np.ones(3))
    assert (equal.mean, equal.low, equal.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("only_first", "only_second", "chance"),
    [(0, 0, 1.0), (5, 0, 1 / 32), (4, 1, 6 / 32), (1, 4, 31 / 32), (0, 5, 1.0), (8, 2, 56 / 1024)],
)
def test_mcnemars_exact_test_by_hand(only_first, only_second, chance):
    """The tail of a binomial distribution of n = only_first + only_second, p = 1/2, from only_first on."""
    first = np.array([True] * only_first + [False] * only_second + [True, False])
    second = np.array([False] * only_first + [True] * only_second + [True, False])
    assert comparison.mcnemar(first, second) == pytest.approx(chance)

"""Paired comparisons against values computed by hand or published."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

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


def pairs(only_first: int, only_second: int, digits: int) -> tuple[np.ndarray, np.ndarray]:
    """Of which digits something is true, of each model."""
    rows = np.arange(digits)
    return rows < only_first, (rows >= only_first) & (rows < only_first + only_second)


@pytest.mark.parametrize(
    ("first", "second"), [(0, 5), (0, 6), (1, 7), (1, 8), (4, 12), (4, 13), (10, 22), (10, 23), (3, 3)]
)
def test_a_difference_of_rates_is_shown_where_mcnemars_test_shows_it(first, second):
    value, (low, high) = comparison.rate_difference(*pairs(first, second, 40))
    assert low < value == (second - first) / 40 < high
    assert (low > 0) == (stats.binomtest(second, first + second).pvalue < 0.05)
    opposite = comparison.rate_difference(*pairs(second, first, 40))[1]
    assert (-opposite.high, -opposite.low) == pytest.approx((low, high), abs=1e-6)


def test_without_a_differing_digit_the_interval_is_that_of_their_share():
    """Clopper and Pearson's bound for none of 100: 1 - 0.025 ** (1 / 100)."""
    assert comparison.rate_difference(*pairs(0, 0, 100))[1].high == pytest.approx(1 - 0.025**0.01, rel=0.03)


def test_the_interval_of_two_shares_is_newcombes():
    """His example of 56 of 70 and 48 of 80, method 10: 0.0524 to 0.3339."""
    value, interval = comparison.share_difference(np.arange(80) < 48, np.arange(70) < 56)
    assert (value, *interval) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert comparison.share_difference(np.ones(0, bool), np.ones(3, bool)) == (0.0, (-1.0, 1.0))


def test_the_groups_are_tested_and_adjusted_by_hand():
    """The second alone reads the ten of a, p = 2 / 1024, and the eight of b, p = 2 / 256. Holm: 3 p, 2 p, 1."""
    groups = pd.DataFrame({"class": pd.Categorical([*"a" * 10, *"b" * 8, "c"], categories=[*"abcd"])})
    second = np.ones(19, bool)
    found = comparison.by_group(groups, np.arange(19) == 18, second)
    assert found["group"].tolist() == ["a", "b", "c"]
    assert found[["pictures", "only_first", "only_second"]].to_numpy().tolist() == [[10, 0, 10], [8, 0, 8], [1, 0, 0]]
    assert found[["first", "second"]].to_numpy().tolist() == [[0, 1], [0, 1], [1, 1]]
    assert found["chance"].tolist() == pytest.approx([2 / 1024, 2 / 256, 1])
    assert found["adjusted"].tolist() == pytest.approx([6 / 1024, 4 / 256, 1])

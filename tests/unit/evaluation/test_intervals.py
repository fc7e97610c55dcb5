"""Intervals: published values, and how often the bootstrap covers the truth. A second in all."""

import numpy as np
import pytest

from digits.evaluation.intervals import Interval, bootstrap, wilson


def test_wilson_gives_the_published_interval():
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3: 81 of 263, 15 of 148, 0 of 20, 1 of 29
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_a_share_is_in_its_interval():
    assert all(wilson(count, n).low <= count / n <= wilson(count, n).high for n in range(1, 40) for count in (0, n))


def test_nothing_is_known_of_a_share_of_none():
    assert wilson(0, 0) == (0, 1)


def test_the_bootstrap_of_a_mean_is_about_that_of_the_normal_distribution():
    values = np.random.default_rng(1).normal(3, 2, 400)
    half = 1.96 * values.std(ddof=1) / 20
    assert bootstrap(np.mean, values) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.05)


def test_the_same_values_give_the_same_interval():
    values = np.random.default_rng(1).random(50)
    assert bootstrap(np.mean, values) == bootstrap(np.mean, values.copy())


def test_two_values_of_a_digit_stay_together():
    first = np.random.default_rng(1).random(100)
    low, high = bootstrap(lambda one, two, axis: (one - two).mean(axis=axis), first, first - 0.25)
    assert (low, high) == pytest.approx((0.25, 0.25))


def test_equal_values_have_an_interval_without_width():
    assert bootstrap(np.mean, np.full(5, 0.5)) == Interval(0.5, 0.5)

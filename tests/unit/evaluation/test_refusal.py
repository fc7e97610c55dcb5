"""Refusal: curves, areas and bounds by hand. Three seconds, most of it for imports."""

import numpy as np
import pytest

from digits.evaluation import refusal

# Of two labels; sorted by confidence: right, wrong, right with the same confidence, right
PROBABILITIES = np.array([[0.1, 0.9], [0.2, 0.8], [0.8, 0.2], [0.4, 0.6]])
LABELS = np.array([1, 0, 0, 1])


def test_the_curve_has_a_point_for_each_confidence():
    curve = refusal.risk_coverage(PROBABILITIES, LABELS)
    assert curve.thresholds.tolist() == [0.9, 0.8, 0.6]
    assert curve.coverage.tolist() == [0.25, 0.75, 1]
    assert curve.error == pytest.approx([0, 1 / 3, 1 / 4])
    assert curve.area == pytest.approx((0 + 1 / 3 + 1 / 3 + 1 / 4) / 4)


def test_the_area_is_zero_without_an_error_and_one_with_errors_alone():
    right = PROBABILITIES.argmax(axis=1)
    assert (refusal.risk_coverage(PROBABILITIES, right).area, refusal.risk_coverage(PROBABILITIES, 1 - right).area) == (
        0,
        1,
    )


def test_the_auroc_counts_pairs():
    value, interval = refusal.auroc(np.array([0.0, 1, 2, 3]), np.array([2.0, 4, 5]))
    assert value == pytest.approx((2.5 + 4 + 4) / 12)
    assert 0 < interval.low < value < interval.high <= 1


def test_the_interval_of_the_auroc_is_that_of_the_known_distribution():
    """95 of 100 intervals, more or less, have the AUROC of two normal distributions one deviation apart, 0.760."""
    random = np.random.default_rng(0)
    found = [refusal.auroc(random.normal(0, 1, 300), random.normal(1, 1, 60))[1] for _ in range(100)]
    assert 89 <= sum(low <= 0.7602 <= high for low, high in found) <= 99


def test_scores_that_do_not_overlap_leave_an_interval():
    digits, others = np.arange(50.0), np.arange(100.0, 120)
    assert refusal.auroc(digits, others) == (1, pytest.approx((0.8389, 1), abs=1e-4))  # Wilson's of 20 of 20
    assert refusal.auroc(others, digits) == (0, pytest.approx((0, 0.1611), abs=1e-4))
    assert refusal.auroc(np.zeros(9), np.zeros(9)) == (0.5, (0, 1))


def test_the_bound_of_the_score_loses_no_more_than_it_may():
    random = np.random.default_rng(0)
    lost = [(random.random(200) > refusal.max_score(random.random(200), 0.05)).mean() for _ in range(300)]
    assert 0.04 < np.mean(lost) < 0.052
    assert refusal.max_score(np.arange(199.0)[::-1], 0.01) == 197  # the 198th of 199
    assert refusal.max_score(np.arange(84.0), 0.01) == 83  # too few for 1 %

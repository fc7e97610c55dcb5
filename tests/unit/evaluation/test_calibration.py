"""Calibration: hand-computed errors, and temperatures recovered from labels that were drawn. Two seconds in all."""

import numpy as np
import pytest
from scipy.special import softmax

from digits.evaluation import calibration

# Confidence, and whether the top label is right: of two labels, 1 is the top one
BY_HAND = np.array([(0.90, 1), (0.90, 0), (0.61, 1), (0.65, 1)])


def two_labels(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.column_stack([1 - rows[:, 0], rows[:, 0]]), rows[:, 1].astype(int)


def drawn(n: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    """Logits of ten labels, and labels drawn with the probabilities softmax(logits / temperature)."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (n, 10))
    logits[np.arange(n), random.integers(0, 10, n)] += 5
    chances = softmax(logits / temperature, axis=1).cumsum(axis=1)
    return logits, (random.random((n, 1)) > chances).sum(axis=1).clip(0, 9)


def test_the_ece_is_the_mean_of_the_bins_gaps():
    # Three bins of 15: (0.6, 0.667] with gap 1 - 0.63, (0.867, 0.933] with 0.9 - 0.5
    assert calibration.ece(*two_labels(BY_HAND)) == pytest.approx((2 * (1 - 0.63) + 2 * (0.9 - 0.5)) / 4)


def test_a_bin_has_its_upper_edge_and_a_certain_digit():
    rows = np.array([(0.8, 1), (0.8000001, 0)])
    assert calibration.ece(*two_labels(rows)) == pytest.approx((0.2 + 0.8) / 2, abs=1e-6)
    assert calibration.ece(*two_labels(np.array([(1.0, 1)]))) == 0


def test_the_reliability_table_has_the_bins_with_digits():
    table = calibration.reliability(*two_labels(BY_HAND))
    assert table.confidence == pytest.approx([0.63, 0.9])
    assert (table.accuracy.tolist(), table.digits.tolist()) == ([1, 0.5], [2, 2])
    assert table.low == pytest.approx([0.3424, 0.0945], abs=1e-4)  # Wilson's of 2 of 2 and of 1 of 2
    assert table.ideal_low.tolist() == [0, 0.5] and table.ideal_high.tolist() == [1, 1]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_the_labels_were_drawn_with_is_found(temperature):
    logits, labels = drawn(20_000, temperature)
    assert calibration.fit_temperature(logits.astype(np.float32), labels) == pytest.approx(temperature, rel=0.03)


def test_a_label_without_digits_takes_no_part():
    logits, labels = drawn(2_000, 2.0)
    rows = labels != 3
    assert calibration.fit_temperature(logits[rows], labels[rows]) == pytest.approx(2.0, rel=0.1)


def test_few_digits_without_an_error_give_no_certainty():
    logits, _ = drawn(84, 1.0)
    probabilities = softmax(logits / calibration.fit_temperature(logits, logits.argmax(axis=1)), axis=1)
    assert 0.9 < probabilities.max(axis=1).mean() < 0.9999
    assert calibration.fit_temperature(logits[:1], logits[:1].argmax(axis=1)) > 0.1


def test_the_ideal_range_has_the_ece_of_calibrated_digits_alone():
    logits, labels = drawn(3_000, 1.0)
    calibrated, overconfident = softmax(logits, axis=1), softmax(logits / 0.7, axis=1)
    low, high = calibration.ideal_ece(calibrated)
    assert low < calibration.ece(calibrated, labels) < high
    assert calibration.ece(overconfident, labels) > calibration.ideal_ece(overconfident).high
    assert high < calibration.ideal_ece(calibrated[:300]).high


def test_the_interval_of_the_ece_has_the_true_error():
    """An interval of percentiles would begin above it: each resample adds its own chance to that of the sample."""
    logits, labels = drawn(1_000, 1.0)
    many, _ = drawn(50_000, 1.0)
    chances, overconfident = softmax(many, axis=1), softmax(many / 0.9, axis=1)
    top = overconfident.argmax(axis=1)[:, None]
    gaps = np.take_along_axis(chances, top, axis=1) - np.take_along_axis(overconfident, top, axis=1)
    low, high = calibration.ece_interval(softmax(logits / 0.9, axis=1), labels)
    assert low < -gaps.mean() < high


def test_the_difference_of_two_eces_is_one_of_pairs():
    logits, labels = drawn(1_000, 1.0)
    calibrated, overconfident = softmax(logits, axis=1), softmax(logits / 0.7, axis=1)
    worse = calibration.ece_difference(calibrated, overconfident, labels)
    assert 0 < worse.low < calibration.ece(overconfident, labels) - calibration.ece(calibrated, labels) < worse.high
    better = calibration.ece_difference(overconfident, calibrated, labels)
    assert (-better.high, -better.low) == pytest.approx(tuple(worse))
    assert calibration.ece_difference(calibrated, calibrated, labels) == (0, 0)

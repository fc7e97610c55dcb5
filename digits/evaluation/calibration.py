"""Whether a probability means what it says: the temperature that makes it so, and how far it is from that.

The top label is the one with the highest probability, and this probability is the confidence of the prediction.
"""

from typing import NamedTuple

import numpy as np

from digits.arrays import Floats, Ints
from digits.evaluation.intervals import CONFIDENCE, RESAMPLES, ROWS_AT_ONCE, Interval, bootstrap, wilson

BINS = 15  # of equal width, as in Guo et al. 2017
# How many digits the temperature takes to be misread in addition to those that are: docs/explanation/evaluation.md
PSEUDO_ERRORS = 0.25


def fit_temperature(logits: Floats, labels: Ints) -> float:
    """The temperature T > 0 with the lowest log loss of softmax(logits / T) (Guo et al. 2017, arXiv 1706.04599).

    Takes (n, k) logits and (n,) integer labels 0 to k - 1. Without an error among few digits the lowest log loss is
    that of T = 0, a certainty that they do not support. So every digit also counts as its second most probable label,
    by PSEUDO_ERRORS / n: the smoothed targets of Platt (1999).
    """
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.calibration import CalibratedClassifierCV

    count, classes = logits.shape

    class Network(ClassifierMixin, BaseEstimator):
        """The trained network as scikit-learn sees it: its features are its logits."""

        classes_ = np.arange(classes)

        def fit(self, logits: Floats, labels: Ints, sample_weight: Floats | None = None) -> "Network":
            return self

        def decision_function(self, logits: Floats) -> np.ndarray:
            return logits

    second = np.argsort(logits, axis=1)[:, -2]
    constant = np.zeros((classes, classes))  # scikit-learn wants each label once; equal logits favour no temperature
    rows = np.concatenate([logits, logits, constant]).astype(np.float64)
    targets = np.concatenate([labels, second, np.arange(classes)])
    weights = np.repeat([1.0, PSEUDO_ERRORS / count, 1.0], [count, count, classes])
    everything = [(np.arange(len(rows)), np.arange(len(rows)))]
    calibrated = CalibratedClassifierCV(Network(), method="temperature", cv=everything)
    calibrated.fit(rows, targets, sample_weight=weights)
    return 1 / float(calibrated.calibrated_classifiers_[0].calibrators[0].beta_)


def ece(probabilities: Floats, labels: Ints) -> float:
    """Expected calibration error of the top label, 0 to 1 (Guo et al. 2017).

    The mean over n digits of |accuracy - mean confidence| of the bin of (i / BINS, (i + 1) / BINS] that has their
    confidence. Takes (n, k) probabilities and (n,) integer labels.
    """
    return float(_ece(*_gaps(probabilities, labels), axis=-1))


def ece_interval(probabilities: Floats, labels: Ints) -> Interval:
    """Interval of `ece`, by the basic bootstrap.

    A resample has the chance of two samples in it, so that its ECE is too high: the basic bootstrap corrects for that,
    where an interval of percentiles would be too high as well. docs/reference/metrics.md has the figures.
    """
    low, high = bootstrap(_ece, *_gaps(probabilities, labels), method="basic")
    return Interval(max(0.0, low), max(0.0, high))


def ece_difference(first: Floats, second: Floats, labels: Ints) -> Interval:
    """Interval of `ece` of the `second` (n, k) probabilities less that of the `first`, on the same digits.

    By the basic bootstrap, as in `ece_interval`.
    """

    def difference(bins_1: Ints, gaps_1: Floats, bins_2: Ints, gaps_2: Floats, axis: int) -> Floats:
        return _ece(bins_2, gaps_2, axis) - _ece(bins_1, gaps_1, axis)

    return bootstrap(difference, *_gaps(first, labels), *_gaps(second, labels), method="basic")


def ideal_ece(probabilities: Floats) -> Interval:
    """What 95 % of samples of n digits would show as `ece` if the (n, k) probabilities were perfectly calibrated.

    Found by drawing whether each top label is right, RESAMPLES times, seeded.
    """
    random, confidence = np.random.default_rng(0), probabilities.max(axis=1)
    bin_of = _bin(confidence)
    drawn = []
    for _ in range(RESAMPLES // ROWS_AT_ONCE):
        right = random.random((ROWS_AT_ONCE, len(confidence)), np.float32) < confidence
        drawn.append(_ece(np.broadcast_to(bin_of, right.shape), right - confidence, axis=-1))
    tail = (1 - CONFIDENCE) / 2
    return Interval(*np.quantile(np.concatenate(drawn), [tail, 1 - tail]).tolist())


class Reliability(NamedTuple):
    """A reliability diagram: arrays of a value a bin that has digits, all 0 to 1 but the number of `digits`.

    `low` to `high` is Wilson's interval of the accuracy, `ideal_low` to `ideal_high` what 95 % of the samples show of a
    model whose accuracy is its confidence.
    """

    confidence: Floats
    accuracy: Floats
    low: Floats
    high: Floats
    ideal_low: Floats
    ideal_high: Floats
    digits: Ints


def reliability(probabilities: Floats, labels: Ints) -> Reliability:
    """Mean confidence and accuracy of (n, k) probabilities with (n,) integer labels, by bin of the confidence."""
    from scipy import stats

    confidence = probabilities.max(axis=1)
    bin_of, right = _bin(confidence), probabilities.argmax(axis=1) == labels
    found, digits = np.unique(bin_of, return_counts=True)
    mean = np.minimum(np.bincount(bin_of, confidence)[found] / digits, 1)
    count = np.bincount(bin_of, right)[found].astype(int)
    low, high = zip(*(wilson(*one) for one in zip(count, digits, strict=True)), strict=True)
    ideal_low, ideal_high = (bound / digits for bound in stats.binom.interval(CONFIDENCE, digits, mean))
    return Reliability(mean, count / digits, np.array(low), np.array(high), ideal_low, ideal_high, digits)


def _bin(confidence: Floats) -> Ints:
    bin_of: Ints = np.digitize(confidence, np.linspace(0, 1, BINS + 1)[1:-1], right=True)
    return bin_of


def _gaps(probabilities: Floats, labels: Ints) -> tuple[Ints, Floats]:
    """The bin of each digit, and 1 where its top label is right, else 0, less the confidence."""
    confidence = probabilities.max(axis=1)
    return _bin(confidence), (probabilities.argmax(axis=1) == labels) - confidence


def _ece(bin_of: Ints, gaps: Floats, axis: int) -> Floats:
    """The ECE of each sample: (..., n) bins and gaps along the last axis, whatever `axis` says."""
    samples, bins = int(np.prod(gaps.shape[:-1])), int(bin_of.max()) + 1
    cells = bin_of.reshape(samples, -1) + bins * np.arange(samples)[:, None]
    sums = np.bincount(cells.ravel(), gaps.ravel(), bins * samples).reshape(*gaps.shape[:-1], bins)
    mean: Floats = np.abs(sums).sum(axis=-1) / gaps.shape[-1]
    return mean

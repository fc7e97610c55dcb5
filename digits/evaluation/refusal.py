"""How well a score tells what to refuse: by its ranking, by its bound, and by what is left at each threshold."""

from typing import NamedTuple

import numpy as np

from digits.arrays import Floats, Ints
from digits.evaluation.intervals import CONFIDENCE, Interval, wilson


def max_score(scores: Floats, loss: float) -> float:
    """The bound of the outlier score beyond which at most `loss` of further digits like these are refused on average.

    Takes the (n,) scores of digits, n >= 1, higher for what is less like a digit. It is the ceil((n + 1)(1 - loss))-th
    smallest of them, as in split conformal prediction (Lei et al. 2018); the largest where n is too small for that.
    """
    rank = min(len(scores), int(np.ceil((len(scores) + 1) * (1 - loss))))
    return float(np.sort(scores)[rank - 1])


def auroc(digits: Floats, others: Floats) -> tuple[float, Interval]:
    """Probability, 0 to 1, that the score of what is no digit is above that of a digit, and its interval.

    Takes (n,) and (m,) outlier scores, n and m >= 2; equal ones count half. The interval is that of Brunner and
    Munzel (2000), whose variance is that of DeLong et al. (1988). It has no width where the scores do not overlap: then
    it is Wilson's of as many pairs, all in one order, as can be formed without using a score twice.
    """
    from statsmodels.stats.nonparametric import rank_compare_2indep

    lowest, highest = others.min() > digits.max(), others.max() < digits.min()
    if lowest or highest:
        pairs = min(len(digits), len(others))
        return float(lowest), wilson(pairs if lowest else 0, pairs)
    if np.ptp(digits) == np.ptp(others) == 0:  # all are equal
        return 0.5, Interval(0.0, 1.0)
    found = rank_compare_2indep(others, digits)
    low, high = np.clip(found.conf_int(alpha=1 - CONFIDENCE), 0, 1).tolist()
    return float(found.prob1), Interval(low, high)


class RiskCoverage(NamedTuple):
    """Of the digits whose confidence is at least each of the (m,) thresholds, highest first: their share, `coverage`,
    and the share of them that is misread, `error`; `area` is that under the curve (AURC).
    """

    thresholds: Floats
    coverage: Floats
    error: Floats
    area: float


def risk_coverage(probabilities: Floats, labels: Ints) -> RiskCoverage:
    """The risk-coverage curve of (n, k) probabilities with (n,) integer labels, and its area (Geifman & El-Yaniv 2017).

    The area is the mean over the digits of the error among those with at least their confidence; 0 is best.
    """
    wrong = probabilities.argmax(axis=1) != labels
    thresholds, group, digits = np.unique(-probabilities.max(axis=1), return_inverse=True, return_counts=True)
    accepted = digits.cumsum()
    error = np.bincount(group, wrong).cumsum() / accepted
    return RiskCoverage(-thresholds, accepted / len(labels), error, float((error * digits).sum() / len(labels)))

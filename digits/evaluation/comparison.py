"""Two models compared on the same digits, pair by pair."""

from typing import NamedTuple

import numpy as np
from scipy import stats

SHOWN_CONFIDENCE = 0.95  # of an interval that decides nothing


class Difference(NamedTuple):
    """How much lower, in nats, the second model's mean log loss is; `low` to `high` is its confidence interval."""

    mean: float
    low: float
    high: float
    confidence: float
    digits: int

    def __str__(self) -> str:
        return f"{self.mean:.4f}, {self.confidence:.0%} interval {self.low:.4f} to {self.high:.4f}"


def loss_difference(first: np.ndarray, second: np.ndarray, confidence: float = 0.0) -> Difference:
    """Compare the (n,) losses of two models on the same digits, n >= 2, by Student's t interval of the difference.

    `confidence` 0 to below 1; for 0, the interval is that of SHOWN_CONFIDENCE.
    """
    confidence, paired = confidence or SHOWN_CONFIDENCE, first - second
    if np.ptp(paired) == 0:  # Student's t divides by the deviation
        return Difference(paired[0], paired[0], paired[0], confidence, len(paired))
    interval = stats.ttest_1samp(paired, 0).confidence_interval(confidence)
    return Difference(float(paired.mean()), float(interval.low), float(interval.high), confidence, len(paired))


def mcnemar(first_right: np.ndarray, second_right: np.ndarray) -> float:
    """Probability, 0 to 1, that two equally good models differ so much by chance, the second being the worse one.

    Takes which of the same n digits each model classifies correctly, (n,) bool. One-sided exact test of McNemar (1947):
    of the digits that only one classifies correctly, each is equally likely to be the first's. 1 where there is none.
    """
    only_first, only_second = int((first_right & ~second_right).sum()), int((second_right & ~first_right).sum())
    if only_first + only_second == 0:
        return 1.0
    return float(stats.binomtest(only_first, only_first + only_second, alternative="greater").pvalue)

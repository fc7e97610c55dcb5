"""Confidence intervals: closed ones of shares, bootstrapped ones of everything else."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

CONFIDENCE = 0.95
RESAMPLES = 1000
ROWS_AT_ONCE = 50  # resamples that are in memory at a time


class Interval(NamedTuple):
    """The lowest and highest value that a metric plausibly has."""

    low: float
    high: float


def wilson(count: int, n: int) -> Interval:
    """Of the share that `count` of `n` estimate, 0 to 1, by Wilson (1927); 0 to 1 where n is 0."""
    from statsmodels.stats.proportion import proportion_confint

    if n == 0:
        return Interval(0.0, 1.0)
    low, high = proportion_confint(count, n, alpha=1 - CONFIDENCE, method="wilson")
    share = count / n  # rounding must not leave it outside
    return Interval(min(float(low), share), max(float(high), share))


def bootstrap(
    statistic: Callable[..., np.ndarray],
    *arrays: np.ndarray,
    method: Literal["percentile", "basic"] = "percentile",
) -> Interval:
    """Of a statistic of n >= 2 digits, by RESAMPLES samples of n digits drawn with replacement (Efron 1979), seeded.

    `statistic(*arrays, axis)` takes one or several (..., n) arrays and reduces the axis, as `np.mean` does; the i-th
    values of all arrays belong to the same digit.
    """
    from scipy import stats

    if all(np.ptp(array) == 0 for array in arrays):  # each resample is the same
        value = float(statistic(*arrays, axis=-1))
        return Interval(value, value)
    found = stats.bootstrap(
        arrays,
        statistic,
        paired=len(arrays) > 1,
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=ROWS_AT_ONCE,
        confidence_level=CONFIDENCE,
        method=method,
        rng=np.random.default_rng(0),
    )
    return Interval(float(found.confidence_interval.low), float(found.confidence_interval.high))

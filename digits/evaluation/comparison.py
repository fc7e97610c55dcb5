"""Two models compared on the same digits, pair by pair."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import stats

from digits.arrays import Bools, Floats
from digits.evaluation.intervals import CONFIDENCE, Interval

if TYPE_CHECKING:
    import pandas as pd


class Difference(NamedTuple):
    """How much lower, in nats, the second model's mean log loss is; `low` to `high` is its confidence interval."""

    mean: float
    low: float
    high: float
    confidence: float
    digits: int

    def __str__(self) -> str:
        return f"{self.mean:.4f}, {self.confidence:.0%} interval {self.low:.4f} to {self.high:.4f}"


def loss_difference(first: Floats, second: Floats, confidence: float = 0.0) -> Difference:
    """Compare the (n,) losses of two models on the same digits, n >= 2, by Student's t interval of the difference.

    `confidence` 0 to below 1; for 0, the interval is that of CONFIDENCE.
    """
    confidence, paired = confidence or CONFIDENCE, first - second
    if np.ptp(paired) == 0:  # Student's t divides by the deviation
        return Difference(paired[0], paired[0], paired[0], confidence, len(paired))
    interval = stats.ttest_1samp(paired, 0).confidence_interval(confidence)
    return Difference(float(paired.mean()), float(interval.low), float(interval.high), confidence, len(paired))


def mcnemar(first_right: Bools, second_right: Bools) -> float:
    """Probability, 0 to 1, that two equally good models differ so much by chance, the second being the worse one.

    Takes which of the same n digits each model classifies correctly, (n,) bool. One-sided exact test of McNemar (1947):
    of the digits that only one classifies correctly, each is equally likely to be the first's. 1 where there is none.
    """
    return _mcnemar(*_read_by_one(first_right, second_right), "greater")


def rate_difference(first: Bools, second: Bools) -> tuple[float, Interval]:
    """How much more often, -1 to 1, something is true of the second model, on the same n >= 1 digits, with interval.

    Takes (n,) bool each. The 95 % interval excludes zero where McNemar's exact test, two-sided, has p < 0.05. It is
    that of Fay and Lumbard (2021), "Confidence intervals for difference in proportions for matched pairs compatible
    with exact McNemar's or sign tests".
    """
    only_first, only_second, digits = *_read_by_one(first, second), len(first)
    low = _lowest_difference(only_first, only_second, digits)
    high = -_lowest_difference(only_second, only_first, digits)
    return (only_second - only_first) / digits, Interval(low, high)


def _lowest_difference(only_first: int, only_second: int, digits: int) -> float:
    """The lower end: a quantile of the product of two confidence distributions (melding), each Clopper and Pearson's.

    One is that of the share of digits on which the models differ, one that of the second's share of these.
    """
    differing = only_first + only_second
    share = _beta(only_second, only_first + 1, 4000)[:, None]
    fewest, most = (_beta(differing + one, digits - differing + 1 - one, 100) for one in (0, 1))
    difference = (2 * share - 1) * np.where(share > 0.5, fewest, most)
    tail = (1 - CONFIDENCE) / 2
    low = float(np.quantile(difference, tail))
    above_zero = _mcnemar(only_second, only_first, "greater") < tail  # the finite levels may miss that by a little
    return max(low, np.finfo(float).tiny) if above_zero else min(low, 0.0)


def _beta(a: int, b: int, levels: int) -> Floats:
    """(levels,) equally probable values of a beta distribution, rising; for a = 0 all are 0, for b = 0 all are 1."""
    if a == 0 or b == 0:
        return np.full(levels, float(b == 0))
    rising: Floats = stats.beta.ppf((np.arange(levels) + 0.5) / levels, a, b)
    return rising


def _mcnemar(only_first: int, only_second: int, alternative: str) -> float:
    differing = only_first + only_second
    return float(stats.binomtest(only_first, differing, alternative=alternative).pvalue) if differing else 1.0


def _read_by_one(first: Bools, second: Bools) -> tuple[int, int]:
    return int((first & ~second).sum()), int((second & ~first).sum())


def share_difference(first: Bools, second: Bools) -> tuple[float, Interval]:
    """How much larger the share of True, 0 to 1, is of the second's (m,) bool than of the first's (n,), with interval.

    The two may be of different digits: the interval is Newcombe's (1998) for independent samples, so it is too wide
    where digits are in both. Without any, a share is 0 and nothing is known of the difference: -1 to 1.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    counts = [(int(one.sum()), len(one)) for one in (second, first)]
    if not all(n for _, n in counts):
        return 0.0, Interval(-1.0, 1.0)
    low, high = confint_proportions_2indep(*counts[0], *counts[1], compare="diff", method="newcomb")
    return float(second.mean() - first.mean()), Interval(float(low), float(high))


def by_group(groups: "pd.DataFrame", first_right: Bools, second_right: Bools) -> "pd.DataFrame":
    """One row for each group that has pictures, of the n rows of `slices.group`, with McNemar's exact test in each.

    Takes which digits each model classifies correctly, (n,) bool. Columns: `slice`, `group`, `pictures`, `first` and
    `second`, the accuracies, 0 to 1, `only_first` and `only_second`, the digits that one alone classifies correctly,
    `chance`, the two-sided p-value, and `adjusted`, the same by Holm (1979), since among many groups some differ by
    chance.
    """
    import pandas as pd
    from statsmodels.stats.multitest import multipletests

    found = []
    for name, column in groups.items():
        for group in column.cat.remove_unused_categories().cat.categories:
            rows = (column == group).to_numpy()
            first, second = first_right[rows], second_right[rows]
            alone = _read_by_one(first, second)
            chance = _mcnemar(*alone, "two-sided")
            found.append((name, group, len(first), first.mean(), second.mean(), *alone, chance))
    columns = ["slice", "group", "pictures", "first", "second", "only_first", "only_second", "chance"]
    table = pd.DataFrame(found, columns=columns)
    return table.assign(adjusted=multipletests(table["chance"], method="holm")[1])

"""Figures of two models, a row each: both values with their 95 % intervals, the difference and a verdict."""

from typing import Any, NamedTuple

import numpy as np

from digits.arrays import Ints
from digits.evaluation import calibration, comparison, metrics, summary
from digits.evaluation.intervals import Interval, bootstrap
from digits.model.classifier import Predictions
from digits.visualization.formats import ABSENT, words

BETTER, WORSE, NONE = "better", "worse", "no difference shown"
NOT_COMPARED = ABSENT  # for want of a value, or of an interval as that of a bound
# Figures that are measured here: their names in metrics/evaluate.json, whether they are shares, and in words
MEASURED = {
    "accuracy": (True, "accuracy"),
    "log_loss": (False, "log loss"),
    "brier": (False, "Brier score"),
    "ece": (True, "calibration error"),
    "coverage": (True, "coverage"),
    "error_when_accepted": (True, "error when accepted"),
}
# Figures of metrics/evaluate.json that are not measured again, but for those of each kind of what is no digit
RECORDED = {
    "corruption_error.mean": "mean corruption error",
    "font_accuracy": "accuracy on printed digits",
    "acceptance.certified_error": "certified error",
}
HIGHER_IS_BETTER = ("accuracy", "coverage", "font_accuracy", "refused.")


class Estimate(NamedTuple):
    """A figure and its interval; None where it has none."""

    value: float
    interval: Interval | None


class Row(NamedTuple):
    """A figure of both models, None where one lacks it, the second's less the first's, and the second's verdict.

    `is_share` says that its values are from 0 to 1. A figure that was not measured here has no `difference`.
    """

    name: str
    is_share: bool
    first: Estimate | None
    second: Estimate | None
    difference: Estimate | None
    verdict: str


def measured(first: Predictions, second: Predictions, labels: Ints) -> list[Row]:
    """What two models show on the same n >= 2 digits with these (n,) labels.

    The difference is one of pairs: of accuracy and coverage by McNemar's exact test, of log loss and Brier score by
    Student's t, of the calibration error by the bootstrap. The accepted digits are not the same for both, so that the
    interval of the error among them is Newcombe's.
    """
    figures = [_figures(one, labels) for one in (first, second)]
    before, after = first.probabilities, second.probabilities
    right_before, right_after = (one.argmax(axis=1) == labels for one in (before, after))
    differences = {
        "accuracy": Estimate(*comparison.rate_difference(right_before, right_after)),
        "log_loss": _mean_difference(metrics.digit_losses(before, labels), metrics.digit_losses(after, labels)),
        "brier": _mean_difference(metrics.digit_briers(before, labels), metrics.digit_briers(after, labels)),
        "ece": Estimate(figures[1]["ece"] - figures[0]["ece"], calibration.ece_difference(before, after, labels)),
        "coverage": Estimate(*comparison.rate_difference(first.accepted, second.accepted)),
        "error_when_accepted": Estimate(
            *comparison.share_difference(~right_before[first.accepted], ~right_after[second.accepted])
        ),
    }
    return [
        Row(
            name,
            is_share,
            _estimate(figures[0], key),
            _estimate(figures[1], key),
            differences[key],
            _verdict(key, differences[key]),
        )
        for key, (is_share, name) in MEASURED.items()
    ]


def recorded(first: dict[str, Any], second: dict[str, Any]) -> list[Row]:
    """Figures of two `Model.evaluation`; they differ if their intervals do not overlap."""
    kinds = [key for key in first | second if key.startswith("refused.") and not key.endswith(("_low", "_high"))]
    names = RECORDED | {key: "refused: " + words(key.removeprefix("refused.")) for key in kinds}
    estimates = {key: (_estimate(first, key), _estimate(second, key)) for key in names}
    return [Row(names[key], True, *both, None, _recorded_verdict(key, *both)) for key, both in estimates.items()]


def _figures(found: Predictions, labels: Ints) -> summary.Metrics:
    """The values of MEASURED and the ends of their intervals, by the methods of metrics/evaluate.json."""
    probabilities = found.probabilities
    right = probabilities.argmax(axis=1) == labels
    losses, briers = metrics.digit_losses(probabilities, labels), metrics.digit_briers(probabilities, labels)
    ece, interval = calibration.ece(probabilities, labels), calibration.ece_interval(probabilities, labels)
    return {
        **summary.rate("accuracy", right),
        **summary.with_interval("log_loss", float(losses.mean()), bootstrap(np.mean, losses)),
        **summary.with_interval("brier", float(briers.mean()), bootstrap(np.mean, briers)),
        **summary.with_interval("ece", ece, interval),
        **summary.rate("coverage", found.accepted),
        **summary.rate("error_when_accepted", ~right[found.accepted]),
    }


def _estimate(figures: dict[str, Any], key: str) -> Estimate | None:
    if key not in figures:
        return None
    interval = Interval(figures[f"{key}_low"], figures[f"{key}_high"]) if f"{key}_low" in figures else None
    return Estimate(figures[key], interval)


def _mean_difference(first: np.ndarray, second: np.ndarray) -> Estimate:
    found = comparison.loss_difference(second, first)
    return Estimate(float(found.mean), Interval(float(found.low), float(found.high)))


def _verdict(key: str, difference: Estimate) -> str:
    low, high = difference.interval or (0, 0)
    if low <= 0 <= high:
        return NONE
    return BETTER if (low > 0) == key.startswith(HIGHER_IS_BETTER) else WORSE


def _recorded_verdict(key: str, first: Estimate | None, second: Estimate | None) -> str:
    """By the gap between the two intervals, if there is one."""
    if first is None or second is None or first.interval is None or second.interval is None:
        return NOT_COMPARED
    gap = Interval(second.interval.low - first.interval.high, second.interval.high - first.interval.low)
    return _verdict(key, Estimate(second.value - first.value, gap))

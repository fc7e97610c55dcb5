"""The sections of metrics/evaluate.json: each rate with its 95 % interval; docs/reference/metrics.md defines them."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from digits.arrays import Bools, Ints, Pixels
from digits.data.canonical import canonical
from digits.data.dataset import Digits
from digits.data.training_tables import NonDigits
from digits.evaluation import calibration, corruptions, fonts, intervals, metrics, refusal
from digits.evaluation.choice import Choice
from digits.evaluation.intervals import Interval, wilson
from digits.model.classifier import Classifier, Predictions

Metrics = dict[str, float]


def with_interval(name: str, value: float, interval: Interval) -> Metrics:
    """A metric and the ends of its interval, by their names."""
    return {name: value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def without_intervals(section: Metrics) -> Metrics:
    """The metrics of a section, without the ends of their intervals."""
    return {name: value for name, value in section.items() if not name.endswith(("_low", "_high"))}


def rate(name: str, rows: Bools) -> Metrics:
    """The share of (n,) bool that is True, with Wilson's interval; for n = 0 it is 0, with the interval 0 to 1."""
    return with_interval(name, float(rows.mean()) if len(rows) else 0.0, wilson(int(rows.sum()), len(rows)))


def split_scores(found: Predictions, labels: Ints, sources: np.ndarray) -> dict[str, Any]:
    """`accuracy`, `log_loss` and `brier` of a whole split, and the first two of each source."""
    scores, by_source = metrics.score(found.probabilities, labels), {}
    right = found.probabilities.argmax(axis=1) == labels
    for name, values in metrics.score_groups(found.probabilities, labels, sources).items():
        by_source[name] = {**values, **rate("accuracy", right[sources == name])}
    losses = intervals.bootstrap(np.mean, metrics.digit_losses(found.probabilities, labels))
    briers = intervals.bootstrap(np.mean, metrics.digit_briers(found.probabilities, labels))
    return {
        "pictures": len(labels),
        **rate("accuracy", right),
        **with_interval("log_loss", scores.log_loss, losses),
        **with_interval("brier", scores.brier, briers),
        "classes": asdict(scores)["classes"],
        "sources": by_source,
    }


def confidence(found: Predictions, labels: Ints) -> Metrics:
    """`ece` of the test digits, and the range that a perfectly calibrated model would show."""
    ideal = calibration.ideal_ece(found.probabilities)
    return {
        **with_interval(
            "ece",
            calibration.ece(found.probabilities, labels),
            calibration.ece_interval(found.probabilities, labels),
        ),
        "ece_if_calibrated_low": ideal.low,
        "ece_if_calibrated_high": ideal.high,
    }


def accepted(found: Predictions, labels: Ints) -> Metrics:
    """`coverage`, the share of the test digits that is accepted, `error_when_accepted`, and the area `aurc`."""
    wrong = found.probabilities.argmax(axis=1) != labels
    return {
        **rate("coverage", found.accepted),
        **rate("error_when_accepted", wrong[found.accepted]),
        "aurc": refusal.risk_coverage(found.probabilities, labels).area,
    }


def acceptance(choice: Choice) -> Metrics:
    """What was chosen and certified on the validation split; `met` is 1 where that is what was asked for."""
    chosen, certified = choice
    return {
        "temperature": chosen.temperature,
        "min_probability": chosen.min_probability,
        "max_score": chosen.max_score,
        "certified_error": certified.certified_error,
        "certified_at": certified.confidence,
        "certificate_digits": certified.digits,
        "certificate_accepted": certified.accepted,
        "certificate_errors": certified.errors,
        "max_error_when_accepted": certified.max_error,
        "met": int(certified.met),
    }


def non_digits(digits: Predictions, found: Predictions, others: NonDigits) -> dict[str, Metrics]:
    """By kind of what is no digit: `auroc` of the outlier score against the test digits, and the share `refused`.

    `found` is of the pictures in `others`. A blank one is refused before the network sees it, so it counts as refused,
    and has no score.
    """
    blank = ~others.images.any(axis=(1, 2))
    areas: dict[str, tuple[float, Interval]] = {}
    refused: Metrics = {}
    for kind in dict.fromkeys(others.kinds.tolist()):
        rows = others.kinds == kind
        scored = found.score[rows & ~blank]
        if len(scored) >= 2:
            areas[kind] = refusal.auroc(digits.score, scored)
        refused |= rate(kind, (~found.accepted | blank)[rows])
    areas["worst"] = min(areas.values())
    auroc: Metrics = {}
    for kind, area in areas.items():
        auroc |= with_interval(kind, *area)
    return {"auroc": auroc, "refused": refused}


def robustness(classifier: Classifier, digits: Digits, count: int) -> dict[str, Any]:
    """`corruption_error` of `count` test digits, drawn with a fixed seed, and `font_accuracy`."""

    def predict(images: Pixels) -> Ints:
        labels: Ints = classifier.predict(images).probabilities.argmax(axis=1)
        return labels

    rows = np.random.default_rng(0).permutation(len(digits.labels))[:count]
    printed = fonts.printed_digits()
    return {
        "corruption_error": _corruption_error(predict, digits.images[rows], digits.labels[rows]),
        **rate("font_accuracy", predict(canonical(printed.pictures)) == printed.labels),
    }


def _corruption_error(predict: Callable[[Pixels], Ints], images: Pixels, labels: Ints) -> Metrics:
    """The share of corrupted digits that is misread, by corruption over its strengths, and their `mean`."""
    shares = corruptions.misread_shares(predict, images, labels, seed=0)
    errors = corruptions.corruption_error(shares)
    shares["mean"] = np.mean([*shares.values()], axis=0)
    found: Metrics = {}
    for name, error in errors.items():
        found |= with_interval(name, error, intervals.bootstrap(np.mean, shares[name]))
    return found

"""Metrics of a classifier: from arrays of probabilities and labels alone."""

from dataclasses import dataclass

import numpy as np

from digits.arrays import Floats, Ints


@dataclass(frozen=True)
class ClassScore:
    """One label's metrics, 0 to 1, and its number of pictures."""

    precision: float
    recall: float
    f1: float
    pictures: int


@dataclass(frozen=True)
class Scores:
    """`accuracy` 0 to 1; `log_loss` in nats, the mean of -ln(probability of the true label); one entry a label.

    `brier` 0 to 2: the mean of the squared differences, summed over all labels, from 1 for the true label and 0 for
    the others (Brier 1950, scikit-learn's `brier_score_loss` without its half).
    """

    accuracy: float
    log_loss: float
    brier: float
    classes: dict[str, ClassScore]


def score(probabilities: Floats, labels: Ints) -> Scores:
    """Score (n, k) probabilities, rows that sum to 1 in float32's precision, against (n,) integer labels 0 to k - 1.

    The precision of a label that is never predicted is 0, and so is the recall of one that never occurs.
    """
    from sklearn import metrics

    classes = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    exact = _normalized(probabilities)
    by_class = metrics.precision_recall_fscore_support(labels, predicted, labels=classes, zero_division=0)
    return Scores(
        accuracy=accuracy(probabilities, labels),
        log_loss=float(metrics.log_loss(labels, exact, labels=classes)),
        brier=float(metrics.brier_score_loss(labels, exact, labels=classes, scale_by_half=False)),
        classes={
            str(label): ClassScore(precision=float(precision), recall=float(recall), f1=float(f1), pictures=int(count))
            for label, precision, recall, f1, count in zip(classes, *by_class, strict=True)
        },
    )


def score_groups(probabilities: Floats, labels: Ints, groups: np.ndarray) -> dict[str, dict[str, float]]:
    """`pictures`, `accuracy` and `log_loss` of each of the (n,) str groups, by its name, of what `score` takes."""
    found = {}
    for name in np.unique(groups).tolist():
        rows = groups == name
        scores = score(probabilities[rows], labels[rows])
        found[name] = {"pictures": int(rows.sum()), "accuracy": scores.accuracy, "log_loss": scores.log_loss}
    return found


def digit_losses(probabilities: Floats, labels: Ints) -> Floats:
    """(n,) float64, nats: -ln of each digit's probability of its true label; their mean is the log loss.

    Takes (n, k) probabilities and (n,) integer labels. A probability of 0 counts as float32's smallest number.
    """
    truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    total = probabilities.sum(axis=1, dtype=np.float64)
    losses: Floats = -np.log(np.maximum(truth / total, np.finfo(np.float32).tiny))
    return losses


def digit_briers(probabilities: Floats, labels: Ints) -> Floats:
    """(n,) float64, 0 to 2: each digit's share of the Brier score, which is their mean; arguments as `digit_losses`."""
    briers: Floats = ((_normalized(probabilities) - np.eye(probabilities.shape[1])[labels]) ** 2).sum(axis=1)
    return briers


def _normalized(probabilities: Floats) -> Floats:
    """(n, k) float64: rows that sum to 1 in its precision."""
    rows: Floats = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    return rows


def accuracy(probabilities: Floats, labels: Ints) -> float:
    """Share, 0 to 1, of the rows of (n, k) probabilities whose largest value is that of the (n,) label."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def confusion_matrix(probabilities: Floats, labels: Ints) -> Ints:
    """Counts, (k, k) int64, of (n, k) probabilities: the true label by row, the predicted one by column."""
    from sklearn import metrics

    classes = np.arange(probabilities.shape[1])
    counts: Ints = metrics.confusion_matrix(labels, probabilities.argmax(axis=1), labels=classes)
    return counts


def worst_mistakes(probabilities: Floats, labels: Ints, limit: int) -> np.ndarray:
    """Rows whose predicted label is wrong, (m,) int64, the lowest probability of the true label first; m <= `limit`."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    truth = probabilities[wrong, labels[wrong]]
    return wrong[np.argsort(truth, kind="stable")][:limit]

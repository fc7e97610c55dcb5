"""What a classifier's probabilities are worth, from arrays alone."""

from dataclasses import asdict, dataclass

import numpy as np


@dataclass(frozen=True)
class ClassScore:
    """One label's figures, 0 to 1, and how many pictures bear it."""

    precision: float
    recall: float
    f1: float
    pictures: int


@dataclass(frozen=True)
class Scores:
    """`accuracy` 0 to 1; `log_loss` in nats, the mean of -ln(probability of the true label); one entry a label."""

    accuracy: float
    log_loss: float
    classes: dict[str, ClassScore]

    def to_dict(self) -> dict:
        return asdict(self)


def score(probabilities: np.ndarray, labels: np.ndarray) -> Scores:
    """Score (n, k) probabilities, rows that sum to 1 within float32's reach, against (n,) labels 0 to k - 1.

    A label that is never predicted has precision 0; one that never occurs has recall 0.
    """
    from sklearn import metrics

    known = np.arange(probabilities.shape[1])
    predicted = probabilities.argmax(axis=1)
    exact = probabilities / probabilities.sum(axis=1, keepdims=True, dtype=np.float64)
    by_class = metrics.precision_recall_fscore_support(labels, predicted, labels=known, zero_division=0)
    return Scores(
        accuracy=accuracy(probabilities, labels),
        log_loss=float(metrics.log_loss(labels, exact, labels=known)),
        classes={
            str(label): ClassScore(precision=float(precision), recall=float(recall), f1=float(f1), pictures=int(count))
            for label, precision, recall, f1, count in zip(known, *by_class, strict=True)
        },
    )


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of (n, k) probabilities whose largest stands at the row's label, 0 to 1."""
    return float(np.mean(probabilities.argmax(axis=1) == labels))


def confusion_matrix(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(k, k) int64 counts: row the true label, column the predicted one."""
    from sklearn import metrics

    known = np.arange(probabilities.shape[1])
    return metrics.confusion_matrix(labels, probabilities.argmax(axis=1), labels=known)


def worst_mistakes(probabilities: np.ndarray, labels: np.ndarray, most: int) -> np.ndarray:
    """Rows whose predicted label is wrong, the least probability of the true label first; at most `most`."""
    wrong = np.flatnonzero(probabilities.argmax(axis=1) != labels)
    truth = probabilities[wrong, labels[wrong]]
    return wrong[np.argsort(truth, kind="stable")][:most]

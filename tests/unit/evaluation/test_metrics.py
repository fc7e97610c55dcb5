"""Metrics, compared with values computed by hand."""

import math
from dataclasses import asdict

import numpy as np
import pytest

from digits.evaluation import metrics

# Four pictures, three labels; the third is misclassified as 0, with the lowest probability of its true label.
PROBABILITIES = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.5, 0.4, 0.1]], np.float32)
LABELS = np.array([0, 1, 1, 0])


def test_accuracy_and_log_loss():
    result = metrics.score(PROBABILITIES, LABELS)
    assert result.accuracy == 3 / 4
    assert result.log_loss == pytest.approx(-(math.log(0.8) + math.log(0.7) + math.log(0.3) + math.log(0.5)) / 4)


def test_the_brier_score_sums_over_all_labels():
    by_hand = [0.2**2 + 2 * 0.1**2, 0.2**2 + 0.3**2 + 0.1**2, 0.6**2 + 0.7**2 + 0.1**2, 0.5**2 + 0.4**2 + 0.1**2]
    assert metrics.digit_briers(PROBABILITIES, LABELS) == pytest.approx(by_hand)
    assert metrics.score(PROBABILITIES, LABELS).brier == pytest.approx(np.mean(by_hand))


def test_scores_by_class():
    classes = metrics.score(PROBABILITIES, LABELS).classes
    zero, one, two = classes["0"], classes["1"], classes["2"]
    assert (zero.precision, zero.recall, zero.pictures) == (pytest.approx(2 / 3), 1.0, 2)
    assert zero.f1 == pytest.approx(2 * (2 / 3) / (2 / 3 + 1))
    assert (one.precision, one.recall, one.f1, one.pictures) == (1.0, 0.5, pytest.approx(2 / 3), 2)
    assert (two.precision, two.recall, two.f1, two.pictures) == (0.0, 0.0, 0.0, 0)  # never true, never predicted


def test_rows_of_the_confusion_matrix_are_the_truth():
    assert metrics.confusion_matrix(PROBABILITIES, LABELS).tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_each_group_is_scored_by_itself():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]])
    found = metrics.score_groups(probabilities, np.array([0, 1, 1, 0]), np.array(["b", "a", "b", "b"]))
    assert list(found) == ["a", "b"]
    assert found["a"] == {"pictures": 1, "accuracy": 0.0, "log_loss": pytest.approx(-np.log(0.4))}
    log_loss = -np.log([0.9, 0.8, 0.5]).mean()
    assert found["b"] == {"pictures": 3, "accuracy": 1.0, "log_loss": pytest.approx(log_loss)}


def test_the_worst_mistake_comes_first():
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.99, 0.01], [0.7, 0.3]])
    labels = np.array([0, 1, 1, 1])
    assert metrics.worst_mistakes(probabilities, labels, limit=10).tolist() == [2, 3, 1]
    assert metrics.worst_mistakes(probabilities, labels, limit=1).tolist() == [2]


def test_no_mistake_is_no_row():
    assert metrics.worst_mistakes(np.array([[0.9, 0.1]]), np.array([0]), limit=5).tolist() == []


def test_the_scores_are_python_numbers():
    content = asdict(metrics.score(PROBABILITIES, LABELS))
    assert type(content["accuracy"]) is float
    assert type(content["classes"]["1"]["pictures"]) is int

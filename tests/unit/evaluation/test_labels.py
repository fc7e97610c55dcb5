"""Confident learning finds labels that are wrong, and ranks them."""

import numpy as np
import pytest

from digits.evaluation import labels


@pytest.fixture
def planted() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """1,000 labels, probabilities that are right about nearly all, and the rows of 20 labels that were changed."""
    random = np.random.default_rng(0)
    true = np.repeat(np.arange(10), 100)
    logits = random.normal(size=(1000, 10)) + 8 * np.eye(10)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    wrong = random.choice(1000, 20, replace=False)
    given = true.copy()
    given[wrong] = (given[wrong] + random.integers(1, 10, 20)) % 10
    return given, probabilities, wrong


def test_planted_labels_are_found_and_their_own_suggested(planted):
    given, probabilities, wrong = planted
    found = labels.find_issues(given, probabilities)
    assert np.isin(wrong, found.rows).sum() >= 18
    assert np.isin(found.rows, wrong).mean() >= 0.8
    right = np.isin(found.rows, wrong)
    assert (found.suggested[right] == found.rows[right] // 100).mean() >= 0.9
    assert (found.suggested != given[found.rows]).all()


def test_the_least_probable_label_is_first(planted):
    given, probabilities, _ = planted
    found = labels.find_issues(given, probabilities)
    assert (np.diff(found.probability_given) >= 0).all()
    np.testing.assert_array_equal(found.probability_given, probabilities[found.rows, given[found.rows]])
    np.testing.assert_array_equal(found.probability_suggested, probabilities[found.rows, found.suggested])


def test_right_labels_have_no_issue():
    true = np.repeat(np.arange(10), 5)
    found = labels.find_issues(true, np.eye(10)[true] * 0.9 + 0.01)
    assert [len(column) for column in found] == [0, 0, 0, 0]


def test_a_label_that_is_the_most_probable_is_no_issue():
    """One digit is read as another class, and its label is more probable than that of a digit that is hard to read."""
    true = np.repeat(np.arange(10), 10)
    probabilities = np.full((100, 10), 0.5 / 9) + (0.5 - 0.5 / 9) * np.eye(10)[true]
    probabilities[35] = np.full(10, 0.05 / 8)
    probabilities[35, [3, 5]] = 0.4, 0.55
    probabilities[77] = np.full(10, 0.7 / 9)
    probabilities[77, 7] = 0.3
    assert labels.find_issues(true, probabilities).rows.tolist() == []
    probabilities[77, 7] = 0.5
    assert labels.find_issues(true, probabilities).rows.tolist() == [35]

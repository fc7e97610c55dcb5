"""Folds: every label in each, near duplicates in one; a second."""

import numpy as np
import pytest

from digits.data.dataset import Digits
from digits.errors import UserError
from digits.labels import folds
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").ingest


@pytest.fixture(scope="module")
def digits(mnist_digits) -> Digits:
    """300 real digits, 30 of each label, and a dimmed copy of each."""
    rows = np.concatenate([np.flatnonzero(mnist_digits.labels == label)[:30] for label in range(10)])
    images, labels = mnist_digits.images[rows], mnist_digits.labels[rows]
    return Digits(np.concatenate([images, images // 2]), np.concatenate([labels, labels]))


def test_each_fold_has_its_share_of_every_label_and_near_duplicates_share_one(digits):
    fold = folds.assign(digits, 5, PARAMS, seed=0)
    assert (fold[:300] == fold[300:]).all()
    counts = np.array([np.bincount(digits.labels[fold == number], minlength=10) for number in range(5)])
    assert (counts == 12).all()


def test_the_seed_decides(digits):
    first, again, other = (folds.assign(digits, 5, PARAMS, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_label_with_too_few_digits_is_named(digits):
    rest = np.concatenate([np.flatnonzero(digits.labels != 4), np.flatnonzero(digits.labels == 4)[:3]])
    with pytest.raises(UserError, match="data/processed has 3 distinct digits with the label 4, and each of 5 folds"):
        folds.assign(Digits(digits.images[rest], digits.labels[rest]), 5, PARAMS, seed=0)

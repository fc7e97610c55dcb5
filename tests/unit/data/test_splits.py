"""Stratified assignment to splits."""

import numpy as np
import pytest

from digits.data.splits import stratified
from digits.errors import UserError


def test_each_label_gives_the_same_share():
    labels = np.repeat(np.arange(10), [10, 20, 30, 40, 50, 60, 70, 80, 90, 100])
    held_out = stratified(labels, 0.1, seed=3, name="x")
    assert np.bincount(labels[held_out]).tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


def test_the_seed_decides():
    labels = np.repeat(np.arange(10), 20)
    one, same, other = (stratified(labels, 0.2, seed=seed, name="x") for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_too_few_pictures_name_the_label_and_the_parameter():
    with pytest.raises(
        UserError, match=r"label 0 has 1 picture, preprocess\.validation_fraction needs at least 2 of each label"
    ):
        stratified(np.arange(10), 0.1, seed=0, name="preprocess.validation_fraction")

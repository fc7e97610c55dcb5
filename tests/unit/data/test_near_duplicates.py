"""Candidate pairs of near duplicates; tests/unit/validation/test_duplicates.py tests the whole search."""

import numpy as np

from digits.data import near_duplicates


def test_candidates_are_all_pairs_of_equal_keys_in_slices_of_any_size():
    keys = np.array([5, 7, 5, 5, 9, 7, 5])
    test = np.array([False, False, True, True, True, True, False])
    for size in (1, 2, 3, 100):
        slices = near_duplicates._candidates(keys, test, np.flatnonzero(~test), size)
        pairs = np.concatenate([np.stack(part, axis=1) for part in slices])
        assert sorted(map(tuple, pairs.tolist())) == [(0, 2), (0, 3), (1, 5), (6, 2), (6, 3)]
    for trains, tests in near_duplicates._candidates(keys[:2], test[:2], np.array([0, 1])):
        assert len(trains) == len(tests) == 0


def test_each_of_many_similar_pictures_is_compared_with_a_few_only():
    test = np.arange(3000) % 2 == 0
    pairs = list(near_duplicates._candidates(np.zeros(3000, int), test, np.flatnonzero(~test)))
    assert sum(len(trains) for trains, _ in pairs) == 1500 * near_duplicates.MAX_CANDIDATES

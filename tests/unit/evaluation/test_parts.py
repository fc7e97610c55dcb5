"""The parts of the validation split: disjoint, of their shares, and a function of each picture's hash. No time."""

import hashlib

import numpy as np
import pytest

from digits.evaluation import parts

HASHES = np.array([hashlib.sha256(bytes([*divmod(number, 256)])).hexdigest() for number in range(20_000)], "S64")


def test_every_digit_is_in_one_part_and_the_parts_have_their_shares():
    found = parts.divide(HASHES)
    assert np.sum(list(found.values()), axis=0).tolist() == [1] * len(HASHES)
    assert {name: rows.mean() for name, rows in found.items()} == pytest.approx(parts.SHARES, abs=0.01)


def test_the_digits_around_it_move_no_digit():
    found, some = parts.divide(HASHES), slice(5_000, None, 7)
    for name, rows in parts.divide(HASHES[some]).items():
        assert (rows == found[name][some]).all()


def test_no_digit_is_in_no_part():
    assert [len(rows) for rows in parts.divide(HASHES[:0]).values()] == [0, 0, 0]

"""Sorted rows that arrive in batches, cut where groups end; and what is done with such pieces, without Spark."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from digits.data import near_duplicates
from digits.spark import groups, sorted_rows
from tests.unit.data.test_near_duplicates import noisy, partition, thumbnails


def batches_of(table: pa.Table, sizes: list[int]) -> list[pa.RecordBatch]:
    """The table's rows in batches of these sizes, over and over; 0 is an empty batch."""
    found, start = [], 0
    while start < table.num_rows:
        size = sizes[len(found) % len(sizes)]
        found += table.slice(start, size).combine_chunks().to_batches() or [
            pa.RecordBatch.from_pylist([], table.schema)
        ]
        start += size
    return found


@pytest.mark.parametrize("at_once", [1, 3, 10, 1000])
def test_a_piece_has_whole_groups(at_once):
    random = np.random.default_rng(at_once)
    for _ in range(30):
        count = int(random.integers(1, 60))
        keys = np.sort(random.integers(0, 9, (count, 2)).view("i8,i8"), axis=0).view(np.int64).reshape(-1, 2)
        table = pa.table({"one": keys[:, 0], "other": keys[:, 1], "row": np.arange(count)})
        pieces: list[list[int]] = [[]]
        for rows, ends in sorted_rows.parts(
            batches_of(table, [0, *random.integers(1, 9, 3).tolist()]), ["one", "other"], at_once
        ):
            pieces[-1] += rows["row"].to_pylist()
            pieces += [[]] if ends else []
        assert pieces.pop() == []
        assert [row for piece in pieces for row in piece] == list(range(count))
        assert all(len(piece) >= at_once for piece in pieces[:-1])
        for before, after in pairwise(pieces):
            assert keys[before[-1]].tolist() != keys[after[0]].tolist()


def test_no_rows_are_no_piece():
    empty = pa.table({"one": np.zeros(0, np.int64)}).to_batches()
    assert list(sorted_rows.parts(empty, ["one"], 5)) == []


@pytest.mark.parametrize("at_once", [1, 50, 50_000])
def test_near_pairs_of_buckets_connect_what_the_buckets_connect(mnist_digits, monkeypatch, at_once):
    """Of any batches and pieces; equal hashes of two columns are two buckets."""
    monkeypatch.setattr(groups, "ROWS_AT_ONCE", at_once)
    of = noisy(thumbnails(mnist_digits.images[::500]), 40, strongest=9)
    random = np.random.default_rng(0)
    keys = np.sort(random.integers(0, 3, (len(of), 2)).view("i8,i8"), axis=0).view(np.int64).reshape(-1, 2)
    columns = {"column": keys[:, 0].astype(np.int32), "hash": keys[:, 1], "number": 1000 + np.arange(len(of))}
    table = pa.table({**columns, "thumbnail": [one.tobytes() for one in of]})
    pairs = pa.Table.from_batches(groups._pairs_of_buckets(batches_of(table, [17, 1, 60]), max_distance=0.06))
    one, other = (pairs[name].to_numpy() - 1000 for name in ("one", "other"))
    assert np.array_equal(keys[one], keys[other])
    expected = np.zeros(len(of), int)
    for number in np.unique(keys @ [3, 1]):
        rows = np.flatnonzero(keys @ [3, 1] == number)
        expected[rows] = 1000 * number + near_duplicates.group(of[rows], 0.06)
    linked = groups._components(np.concatenate([one, np.arange(len(of))]), np.concatenate([other, np.arange(len(of))]))
    assert linked["first"].to_pylist() == list(range(len(of)))
    assert partition(linked["linked"].to_numpy()) == partition(expected)
    assert 10 < len(partition(expected)) < len(of)

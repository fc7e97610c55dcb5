"""The shuffle buffer: each row once, whole batches, a bounded size, and a mixture of all labels."""

from collections import Counter
from itertools import pairwise, permutations

import numpy as np
import pytest

from digits.data.dataset import Digits
from digits.model.shuffling import ShuffleBuffer, shuffled, spread
from tests.numbered import numbered, numbers


def in_chunks(digits: Digits, size: int):
    for first in range(0, len(digits.labels), size):
        yield Digits(*(column[first : first + size] for column in digits))


def run(rows=1000, chunk=70, capacity=300, batch=20, seed=0, part=slice(None), at_once=100) -> list[int]:
    """The numbers of the rows, in the order in which they come."""
    chunks, random = in_chunks(numbered(rows), chunk), np.random.default_rng(seed)
    found = shuffled(chunks, ShuffleBuffer(capacity), batch, random, part, at_once)
    return [number for digits in found for number in numbers(digits.images)]


@pytest.mark.parametrize(
    ("rows", "chunk", "capacity", "batch"),
    [(1000, 70, 300, 20), (995, 70, 90, 20), (95, 100, 95, 20), (505, 7, 500, 1)],
)
def test_each_row_comes_once_but_for_those_that_fill_no_batch(rows, chunk, capacity, batch):
    found = run(rows, chunk, capacity, batch)
    assert len(found) == rows // batch * batch
    assert len(set(found)) == len(found) and set(found) <= set(range(rows))
    assert found != sorted(found)


def test_the_labels_stay_with_their_pictures():
    for digits in shuffled(in_chunks(numbered(1000), 70), ShuffleBuffer(300), 20, np.random.default_rng(0), at_once=40):
        assert [number % 10 for number in numbers(digits.images)] == digits.labels.tolist()


def test_the_seed_determines_the_order():
    assert run(seed=3) == run(seed=3) != run(seed=4)


def test_the_parts_of_all_processes_are_the_batches_of_one():
    whole = np.array(run()).reshape(-1, 20)
    parts = [np.array(run(part=slice(5 * process, 5 * process + 5))).reshape(-1, 5) for process in range(4)]
    assert np.array_equal(np.concatenate(parts, axis=1), whole)


def test_no_more_is_read_than_the_buffer_holds():
    read, given, capacity = 0, 0, 300

    def chunks():
        nonlocal read
        for chunk in in_chunks(numbered(5000), 70):
            read += 70
            yield chunk

    most = 0
    for digits in shuffled(chunks(), ShuffleBuffer(capacity), 20, np.random.default_rng(0), at_once=40):
        most = max(most, read - given)
        given += len(digits.labels)
    assert capacity < most <= capacity + 70  # the chunk that waits for its place


def test_more_than_the_buffer_holds_is_refused():
    buffer = ShuffleBuffer(30)
    buffer.add(numbered(20))
    with pytest.raises(ValueError):
        buffer.add(numbered(11))


def test_every_order_of_a_full_buffer_is_as_likely():
    orders = Counter(tuple(run(rows=4, chunk=2, capacity=4, batch=1, seed=seed)) for seed in range(2400))
    assert orders == pytest.approx(dict.fromkeys(permutations(range(4)), 100), abs=50)  # five standard deviations


def test_pictures_sorted_by_label_are_mixed():
    digits = Digits(numbered(10_000).images, np.repeat(np.arange(10), 1000))
    random = np.random.default_rng(0)
    order = spread([*in_chunks(digits, 20)], 50, random)
    counts = [
        np.bincount(found.labels, minlength=10)
        for found in shuffled(order, ShuffleBuffer(1000), 200, random, at_once=200)
    ]
    assert len(counts) == 50
    assert np.min(counts) >= 5 and np.max(counts) <= 40  # 20 on average


def test_neighbours_are_spread_over_the_sequence():
    items = [*range(103)]
    order = spread(items, 10, np.random.default_rng(0))
    assert sorted(order) == items and order != items
    for first, _ in pairwise(range(0, 100, 10)):
        tens = sorted(number * 10 // 103 for number in order[first : first + 10])
        assert len(set(tens)) >= 9
    assert spread(items, 10, np.random.default_rng(1)) != order
    assert (
        sorted(spread(items, 0, np.random.default_rng(1)))
        == sorted(spread(items, 1000, np.random.default_rng(1)))
        == items
    )

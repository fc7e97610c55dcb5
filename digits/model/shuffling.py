"""Rows in a random order: all at once, or through a buffer of a given size, from chunks one after another."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np

from digits.arrays import Ints
from digits.data.dataset import Digits
from digits.data.stacks import DIGIT_SIZE

Item = TypeVar("Item")


def epoch_rows(seed: int, epoch: int, rows: int) -> Ints:
    """(rows,) int: the rows of training data that memory holds, in an epoch's order, in any number of processes."""
    return np.random.default_rng((seed, epoch, 1)).permutation(rows)


def spread(items: Sequence[Item], at_once: int, random: np.random.Generator) -> list[Item]:
    """The items in a random order in which any `at_once` neighbours come from all parts of the sequence.

    The sequence is cut into `at_once` parts of equal length, and one item after another is drawn from each part in
    turn. Pictures are often sorted by their label: a buffer of few chunks then still holds most labels.
    """
    parts = [random.permutation(part) for part in np.array_split(np.arange(len(items)), max(1, at_once))]
    rounds = (np.array([part[turn] for part in parts if turn < len(part)]) for turn in range(max(map(len, parts))))
    return [items[number] for turn in rounds for number in random.permutation(turn)]


class ShuffleBuffer:
    """Up to `capacity` pictures in memory: any number is added, any number is taken at random."""

    def __init__(self, capacity: int) -> None:
        self.images = np.empty((capacity, DIGIT_SIZE, DIGIT_SIZE), np.uint8)
        self.labels = np.empty(capacity, np.int64)
        self.size = 0

    @property
    def free(self) -> int:
        return len(self.labels) - self.size

    def add(self, digits: Digits) -> None:
        """Add digits, at most `free` of them."""
        end = self.size + len(digits.labels)
        self.images[self.size : end], self.labels[self.size : end] = digits
        self.size = end

    def take(self, count: int, random: np.random.Generator, chosen: np.ndarray | slice = slice(None)) -> Digits:
        """Remove `count` digits, drawn at random; returns those that `chosen` selects of them."""
        drawn = random.choice(self.size, count, replace=False)
        taken = Digits(self.images[drawn[chosen]], self.labels[drawn[chosen]])
        self.size -= count
        last = np.arange(self.size, self.size + count)
        free, kept = np.sort(drawn[drawn < self.size]), np.setdiff1d(last, drawn, assume_unique=True)
        self.images[free], self.labels[free] = self.images[kept], self.labels[kept]
        return taken


def shuffled(
    chunks: Iterable[Digits],
    buffer: ShuffleBuffer,
    batch: int,
    random: np.random.Generator,
    part: slice = slice(None),
    at_once: int = 1000,
) -> Iterator[Digits]:
    """Whole batches of the chunks' rows in a random order, several in each result: some `at_once` rows.

    `part` selects the rows of each batch that are yielded. Each row is in at most one batch: the rows that fill no
    batch at the end are dropped. The buffer holds a batch and a chunk at least.
    """

    def take(batches: int) -> Digits:
        rows = np.arange(batches * batch).reshape(batches, batch)[:, part]
        return buffer.take(batches * batch, random, rows.ravel())

    usual = max(1, min(at_once, len(buffer.labels) // 8) // batch)  # most of the buffer stays in it
    for digits in chunks:
        while buffer.free < len(digits.labels):
            yield take(min(usual, buffer.size // batch))
        buffer.add(digits)
    while buffer.size >= batch:
        yield take(min(usual, buffer.size // batch))

"""Pages to compose, as orders that processes can take."""

from typing import NamedTuple

import numpy as np

from digits.data.composed_pages import ComposedPage, compose, compose_grid
from digits.data.dataset import Digits

PAGE_DIGITS = 150  # digits that a page is composed from, more than it shows
PAGE_WORKLOAD = 500  # small pictures that take as long as a page


class PageOrder(NamedTuple):
    """A page of lines or, with `size`, of a grid with so many rows and columns, of which the share `empty` is empty.

    It is composed from `digits`, (n, 28, 28) uint8 canonical images and their labels; the same order gives the same.
    """

    difficulty: int
    seed: int
    digits: Digits
    for_training: bool
    size: tuple[int, int] | None = None
    empty: float = 0

    def compose(self) -> ComposedPage:
        images, labels = self.digits
        chosen = self.difficulty, self.seed, images, labels, self.for_training
        if self.size is None:
            return compose(*chosen)
        rows, columns = self.size
        return compose_grid(rows, columns, self.empty, *chosen)


def some_digits(digits: Digits, random: np.random.Generator) -> Digits:
    """At most PAGE_DIGITS of the digits, at random."""
    rows = some_rows(len(digits.labels), random)
    return Digits(digits.images[rows], digits.labels[rows])


def some_rows(digits: int, random: np.random.Generator) -> np.ndarray:
    """(k,) at most PAGE_DIGITS rows of so many digits, at random, in random order."""
    return random.choice(digits, min(PAGE_DIGITS, digits), replace=False)

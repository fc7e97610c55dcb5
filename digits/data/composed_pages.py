"""Pages with many digits, composed at random from canonical digits and print, with the truth about each digit.

The reading of pages is measured on them. The same arguments give the same page; no picture is read from a file.
"""

from typing import NamedTuple

import numpy as np

from digits.arrays import Ints, Numbers, Pixels
from digits.data.composed_clutter import add_clutter, add_ruled_paper
from digits.data.composed_difficulty import DIFFICULTIES
from digits.data.composed_layout import Layout, PageSource
from digits.data.composed_photo import drawn, photographed, placed_sheet
from digits.data.composed_sheets import sheet_of_columns, sheet_of_grid, sheet_of_lines

# On pages for training, so that few pages show many ways to touch: of neighbouring pairs, and of the narrower digit
TRAINING_TOUCHING, TRAINING_OVERLAP = 0.4, 0.3
COLUMNS_SHARE = 0.25  # of pages, with columns of numbers in place of lines


class GridCells(NamedTuple):
    """A grid's size, and `cell`, (n,) int: of each digit the number of its cell, row by row from 0."""

    rows: int
    columns: int
    cell: Ints

    def table(self, labels: Ints) -> list[list[int | None]]:
        """The cells' labels, row by row, None for an empty one, of the page's (n,) labels."""
        known = dict(zip(self.cell.tolist(), labels.tolist(), strict=True))
        return [[known.get(row * self.columns + column) for column in range(self.columns)] for row in range(self.rows)]


class ComposedPage(NamedTuple):
    """`pixels` (height, width, 3) uint8 RGB, and of its n digits what is true, in reading order.

    `boxes` (n, 4) int: left, top, right, bottom of the visible ink in pixels, right and bottom exclusive;
    `labels` (n,) int from 0 to 9; `line`, `position` in the line and `group` in the line, (n,) int, all from 0.
    """

    pixels: Pixels
    boxes: Numbers
    labels: Ints
    line: Ints
    position: Ints
    group: Ints
    grid: GridCells | None

    def lines(self) -> list[str]:
        """Each line's digits, with a space between two groups: "3415 78"."""
        texts: list[str] = []
        for number in np.unique(self.line):
            rows = np.flatnonzero(self.line == number)
            groups = np.split(self.labels[rows], np.flatnonzero(np.diff(self.group[rows])) + 1)
            texts.append(" ".join("".join(map(str, group)) for group in groups))
        return texts


def compose(difficulty: int, seed: int, digits: Pixels, labels: Ints, for_training: bool = False) -> ComposedPage:
    """A page of lines or columns, of (n, 28, 28) uint8 canonical digits with (n,) labels, and of printed digits.

    `difficulty` is from 1, a clean scan, to 5, a bad photograph. Pages for training and others share no font.
    """
    source, width, height = _source("page", difficulty, seed, digits, labels, for_training)
    sheet_of = sheet_of_columns if source.happens(COLUMNS_SHARE) else sheet_of_lines
    layout = sheet_of(source, width, height)
    if source.happens(source.difficulty.ruled):
        add_ruled_paper(source, layout, width, height)
    add_clutter(source, layout, width, height)
    return _page(source, layout, width, height)


def compose_grid(
    rows: int,
    columns: int,
    empty: float,
    difficulty: int,
    seed: int,
    digits: Pixels,
    labels: Ints,
    for_training: bool = False,
) -> ComposedPage:
    """A ruled grid as of a newspaper's puzzle; `empty` is the share of its cells without a digit, 0 to below 1."""
    source, width, height = _source("grid", difficulty, seed, digits, labels, for_training)
    layout, cells = sheet_of_grid(source, width, height, rows, columns, empty)
    add_clutter(source, layout, width, height, around_rules=True)
    return _page(source, layout, width, height)._replace(grid=GridCells(rows, columns, cells))


def _source(
    kind: str, difficulty: int, seed: int, digits: Pixels, labels: Ints, for_training: bool
) -> tuple[PageSource, int, int]:
    """What the page is composed from, and the width and height of its picture in pixels."""
    random = np.random.default_rng([seed, difficulty, for_training, *kind.encode()])
    levels = DIFFICULTIES[difficulty]
    if for_training:
        touching, overlap = max(TRAINING_TOUCHING, levels.touching), max(TRAINING_OVERLAP, levels.overlap)
        levels = levels._replace(touching=touching, overlap=overlap)
    white = 255 if levels.paper_tint == 0 else random.uniform(225, 252)
    red, green, blue = (float(white * (1 - random.uniform(0, levels.paper_tint))) for _ in range(3))
    source = PageSource(random, levels, digits, labels, for_training, (red, green, blue))
    return source, int(random.integers(*levels.width)), int(random.integers(*levels.height))


def _page(source: PageSource, layout: Layout, width: int, height: int) -> ComposedPage:
    """The layout photographed, with the truth about its digits."""
    blur = source.random.uniform(0, 1) * source.difficulty.blur
    picture, boxes = drawn(source, placed_sheet(source, width, height), layout, blur)
    labels, line, group = (
        np.array([getattr(glyph, name) for glyph in layout.digits], int) for name in ("label", "line", "group")
    )
    position = np.arange(len(line)) - np.searchsorted(line, line)
    return ComposedPage(photographed(source, picture, blur), boxes, labels, line, position, group, None)

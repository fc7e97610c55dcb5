"""Digits cut from composed pages as the reader cuts them, and what it cuts that is none: to train the network on."""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Bools, Ints, Numbers
from digits.data.composed_difficulty import DIFFICULTIES
from digits.data.composed_pages import ComposedPage
from digits.data.dataset import NO_DIGIT, Digits
from digits.data.page_orders import PageOrder, some_rows
from digits.params import Preprocess
from digits.reading import scores
from digits.reading.candidates import Candidate, images
from digits.reading.cells import read_cells
from digits.reading.finding import find
from digits.reading.grids import find_grid
from digits.reading.picture import upright_grey
from digits.reading.separation import separate, wholes

PAGE_CUTS = 40  # a page for each so many cuts: many pages, each of another paper, pen and light
MAX_OF_PAGE = 150  # digits, and as many that are none, of one page: some have thousands of the latter
GRID_SHARE = 1 / 3  # of the pages: cells are cut in another way than lines
GRID_SIDE = (2, 11)  # rows and columns of a grid, the second exclusive
MAX_EMPTY = 0.6  # share of a grid's cells
SMALL_HEIGHTS = (20, 50)  # pixels of a grid's digits: a puzzle fills a small part of a photograph
MAX_BLUR = 0.07  # of that height: holes of 6 and 8 are almost closed
SAME = 0.8  # IoU: a candidate is a cut of that digit
UNSURE = 0.6  # the probability that each part is a digit: rather than not, and less than what is not cut
OTHER = 0.4  # IoU: a candidate with less of every digit is none
Read = Callable[[np.ndarray], Digits]  # the training digits at (k,) ascending rows
BAR = 0.35  # width by height: a narrower piece of a digit looks like a 1, and is not taught as no digit


def count_pages(params: Preprocess, digits: int) -> int:
    """The pages that are composed for so many training digits."""
    return min(params.max_pages, math.ceil(max(params.page_digits, params.page_non_digits) * digits / PAGE_CUTS))


def orders(params: Preprocess, digits: int, read: Read) -> Iterator[PageOrder]:
    """The pages to compose from so many training digits; the difficulties in turn.

    The digits of all pages, at most PAGE_DIGITS for each, are read together, and are in memory at once.
    """
    pages = [_choose(params, number, digits) for number in range(count_pages(params, digits))]
    if not pages:
        return
    wanted = np.unique(np.concatenate([page.rows for page in pages]))
    images, labels = read(wanted)
    for page in pages:
        places = np.searchsorted(wanted, page.rows)
        chosen = Digits(images[places], labels[places])
        yield PageOrder(page.difficulty, page.seed, chosen, True, page.size, page.empty)


class _Page(NamedTuple):
    """What is drawn of a page before its digits are read: as in PageOrder, and (k,) rows of the training split."""

    difficulty: int
    seed: int
    rows: Ints
    size: tuple[int, int] | None
    empty: float


def _choose(params: Preprocess, number: int, digits: int) -> _Page:
    random = np.random.default_rng([params.drawing_seed, number])
    size = tuple(random.integers(*GRID_SIDE, 2).tolist()) if random.random() < GRID_SHARE else None
    rows, empty = some_rows(digits, random), random.uniform(0, MAX_EMPTY)
    return _Page(1 + number % len(DIFFICULTIES), int(random.integers(2**32)), rows, size, empty)


def cut_page(order: PageOrder) -> Digits:
    """The cuts of a page with their labels, or NO_DIGIT, in random order; the same order gives the same."""
    page, random = order.compose(), np.random.default_rng(order.seed)
    return (cut_cells if page.grid else cut_lines)(page, random)


def sample(pages: Iterable[Digits], params: Preprocess) -> Iterator[Digits]:
    """Of the cuts of each page as many digits and others as `params` asks for, less what earlier pages lacked."""
    shares = np.array([params.page_digits, params.page_non_digits])
    due = np.zeros(2)
    for cuts in pages:
        due += PAGE_CUTS * shares / shares.max()
        is_other = cuts.labels == NO_DIGIT
        rows = [np.flatnonzero(of)[: round(count)] for of, count in zip((~is_other, is_other), due, strict=True)]
        due -= [*map(len, rows)]
        yield Digits._make(column[np.concatenate(rows)] for column in cuts)


def cut_lines(page: ComposedPage, random: np.random.Generator) -> Digits:
    """Of the candidates that the reader has where it is sure of no part; unclear ones are left out."""
    found = find(upright_grey(page.pixels).grey)
    candidates: list[Candidate] = []
    for line in found.lines:
        parts = wholes(found, line)
        candidates += separate(found, line, parts, np.full(len(parts), UNSURE)).candidates
    boxes = np.array([candidate.box for candidate in candidates], int).reshape(-1, 4)
    overlap = scores.iou(boxes, page.boxes)
    best = overlap.max(axis=1)
    labels = np.where(best >= SAME, page.labels[overlap.argmax(axis=1)], NO_DIGIT)
    rows = _sample(labels, (best >= SAME) | ((best < OTHER) & _is_wide(boxes)), random)
    return _not_blank(images([candidates[row] for row in rows]), labels[rows])


def cut_cells(page: ComposedPage, random: np.random.Generator) -> Digits:
    """Of the cells of a page with a grid; nothing where the reader does not find it, or no cell has a digit."""
    grid = page.grid
    assert grid is not None
    crossings = find_grid(page.pixels.min(axis=2), (grid.rows, grid.columns))
    if crossings is None or not len(page.labels):
        return Digits(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64))
    page, factor = _smaller(page, random)
    cells = read_cells(upright_grey(page.pixels).grey, (crossings + 0.5) * factor - 0.5)
    same_cell = (cells.places @ np.array([grid.columns, 1]))[:, None] == grid.cell
    overlap = np.where(same_cell, scores.iou(cells.boxes, page.boxes), 0).max(axis=1)
    filled = same_cell.any(axis=1)
    labels = np.where(filled, page.labels[same_cell.argmax(axis=1)], NO_DIGIT)
    rows = _sample(labels, np.where(filled, overlap >= OTHER, _is_wide(cells.boxes)), random)
    return _not_blank(cells.digits[rows], labels[rows])


def _smaller(page: ComposedPage, random: np.random.Generator) -> tuple[ComposedPage, float]:
    """The page blurred and as photographed from further away, with digits of a height from SMALL_HEIGHTS; its scale."""
    height = random.uniform(*SMALL_HEIGHTS)
    factor = min(1.0, height / float(np.median(page.boxes[:, 3] - page.boxes[:, 1])))
    pixels = cv2.resize(page.pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.01, MAX_BLUR) * height)
    return page._replace(pixels=np.asarray(pixels, np.uint8), boxes=page.boxes * factor), factor


def _is_wide(boxes: Numbers) -> Bools:
    """(n,) bool: which of (n, 4) boxes are not as narrow as a 1."""
    width, height = (boxes[:, 2:] - boxes[:, :2]).T
    is_wide: Bools = width > BAR * height
    return is_wide


def _sample(labels: Ints, clear: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Random rows that are clear: at most MAX_OF_PAGE digits, and as many that are none, of (n,) labels."""
    rows = random.permutation(np.flatnonzero(clear))
    is_digit = labels[rows] != NO_DIGIT
    return np.concatenate([rows[is_digit][:MAX_OF_PAGE], rows[~is_digit][:MAX_OF_PAGE]])


def _not_blank(cuts: np.ndarray, labels: Ints) -> Digits:
    inked = cuts.any(axis=(1, 2))
    return Digits(cuts[inked], labels[inked])

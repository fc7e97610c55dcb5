"""Pictures with many digits and their truth: composed pages and grids, postal codes, photographs."""

import csv
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from digits.data.composed_pages import compose, compose_grid
from digits.data.dataset import Digits
from digits.errors import UserError

DIFFICULTIES = (1, 2, 3, 4, 5)
GRID_SIZES = ((9, 9), (4, 6), (6, 4), (3, 8))  # rows, columns
EMPTY = 0.4  # of the cells of a composed grid
OVERLAPS = (0.0, 0.1, 0.2, 0.3)
CODES = 40  # for each overlap
CODE_DIGITS = 5
CODE_SCALE = 3  # of a postal code's digits, whose ink is then 60 pixels tall
MARGIN = 40  # pixels around a postal code
SUDOKU_HEADER = 2  # lines of a file of truth: camera, size


Grid = list[list[int | None]]  # rows of cells, None where one is empty


class Sample(NamedTuple):
    """A picture and what stands in it: its lines, and where known the digits' boxes; or the cells of its grid."""

    name: str
    pixels: np.ndarray  # (h, w, 3) uint8 RGB, upright
    lines: list[str]  # of digits only, from the top
    boxes: np.ndarray | None = None  # (n, 4) int: left, top, right, bottom of the digits of all lines, exclusive
    grid: Grid | None = None


class PageSet(NamedTuple):
    """Pictures of a kind: their name in a table, their layout, tesseract's page modes to try, and how to get them."""

    name: str
    layout: str
    modes: tuple[int, ...]
    samples: Callable[[], Iterator[Sample]]


def page_sets(digits: Digits, pages: int, data: Path) -> Iterator[PageSet]:
    """All sets: `pages` composed ones for each difficulty, of `digits`, and the photographs of a folder."""
    for one in DIFFICULTIES:
        yield PageSet(f"pages, difficulty {one}", "page", (6, 11), partial(composed, digits, one, pages))
    for share in OVERLAPS:
        yield PageSet(f"postal codes, {share:.0%} overlap", "line", (7,), partial(postal_codes, digits, share, CODES))
    yield PageSet("photographs of strings", "page", (6, 7, 11), partial(photographs, data / "pictures"))
    for one in DIFFICULTIES:
        yield PageSet(f"grids, difficulty {one}", "grid", (6, 11), partial(composed_grids, digits, one, pages))
    yield PageSet("photographs of sudokus", "grid", (6, 11), partial(sudokus, data / "sudoku"))


def composed(digits: Digits, difficulty: int, count: int) -> Iterator[Sample]:
    """Pages with seeds from 0."""
    for seed in range(count):
        page = compose(difficulty, seed, *digits)
        yield Sample(f"{seed:03d}", page.pixels, [line.replace(" ", "") for line in page.lines()], page.boxes)


def composed_grids(digits: Digits, difficulty: int, count: int) -> Iterator[Sample]:
    """Grids of several sizes, with empty cells; seeds from 0."""
    for seed in range(count):
        page = compose_grid(*GRID_SIZES[seed % len(GRID_SIZES)], EMPTY, difficulty, seed, *digits)
        yield Sample(f"{seed:03d}", page.pixels, [], page.boxes, page.grid.table(page.labels))


def grid_size(sample: Sample) -> tuple[int, int] | None:
    """The rows and columns of the grid in the truth."""
    return (len(sample.grid), len(sample.grid[0])) if sample.grid else None


def postal_codes(digits: Digits, overlap: float, count: int) -> Iterator[Sample]:
    """Codes of five digits, dark on white; neighbours overlap by `overlap`, 0 to 1, of the narrower one's width."""
    random = np.random.default_rng(0)
    for number in range(count):
        rows = random.choice(len(digits.labels), CODE_DIGITS, replace=False)
        ink = paste([_enlarged(digits.images[row], CODE_SCALE) for row in rows], overlap)
        page = cv2.copyMakeBorder(255 - ink, *[MARGIN] * 4, cv2.BORDER_CONSTANT, value=255)
        yield Sample(f"{number:03d}", cv2.cvtColor(page, cv2.COLOR_GRAY2RGB), ["".join(map(str, digits.labels[rows]))])


def large_photograph(digits: Digits) -> bytes:
    """A JPEG of 4,000 x 3,000 pixels: five lines of ten digits on noisy paper, darker to the right."""
    random = np.random.default_rng(0)
    paper = random.normal(np.linspace(220, 150, 4000), 6, (3000, 4000)).astype(np.float32)
    for number in range(5):
        rows = random.choice(len(digits.labels), 10, replace=False)
        ink = paste([_enlarged(digits.images[row], 10) for row in rows], -0.6)
        top, left = 300 + 500 * number, 300
        paper[top : top + ink.shape[0], left : left + ink.shape[1]] *= 1 - 0.7 / 255 * ink
    return cv2.imencode(".jpg", cv2.cvtColor(paper.clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR))[1].tobytes()


def paste(inks: list[np.ndarray], overlap: float) -> np.ndarray:
    """A line, (h, width) uint8, of digits (h, w_i) uint8, light on 0; the lighter pixel remains, a gap is negative."""
    widths = [ink.shape[1] for ink in inks]
    steps = [one - round(overlap * min(one, following)) for one, following in pairwise(widths)]
    lefts = np.cumsum([0, *steps])
    line = np.zeros((inks[0].shape[0], max(lefts + widths)), np.uint8)
    for left, ink in zip(lefts, inks, strict=True):
        place = line[:, left : left + ink.shape[1]]
        np.maximum(place, ink, out=place)
    return line


def _enlarged(digit: np.ndarray, scale: int) -> np.ndarray:
    """(28 * scale, w): a (28, 28) digit cut to the columns of its ink, and enlarged."""
    columns = np.flatnonzero(digit.any(axis=0))
    cut = digit[:, columns[0] : columns[-1] + 1]
    return cv2.resize(cut, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)


def photographs(folder: Path) -> Iterator[Sample]:
    """The pictures `many-digits/…` of `folder/sources.csv`, whose column `label` has the lines, separated by spaces."""
    with (folder / "sources.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["file"].startswith("many-digits/"):
                yield Sample(Path(row["file"]).stem, _decoded(folder / row["file"]), row["label"].split())


def sudokus(folder: Path) -> Iterator[Sample]:
    """The photographs `*.jpg`; the file `.dat` of the same name has the rows of digits, 0 for an empty cell.

    Wicht and Hennebert 2014, https://github.com/wichtounet/sudoku_dataset.
    """
    paths = sorted(folder.glob("*.jpg"))
    if not paths:
        raise UserError(f"{folder} has no *.jpg: it should have photographs of sudokus, and a .dat file for each")
    for path in paths:
        rows = path.with_suffix(".dat").read_text(encoding="utf-8").splitlines()[SUDOKU_HEADER:]
        grid = [[int(digit) or None for digit in row.split()] for row in rows if row.strip()]
        yield Sample(path.stem, _decoded(path), [], grid=grid)


def _decoded(path: Path) -> np.ndarray:
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise UserError(f"{path} can't be decoded as a picture")
    return pixels

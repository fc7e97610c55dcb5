"""Grids read by an engine that knows none: it fills the cells of our grid, from the whole page or one by one."""

from collections.abc import Callable

import cv2
import numpy as np

from benchmarks.ocr import Reading
from benchmarks.page_sets import Grid, Sample, grid_size
from digits.reading.grids import find_grid

CELL = 64  # pixels of the side of a cell that is cut out
CELL_BORDER = 0.1  # of a cell's side at each edge, which the rules may cover

Fill = Callable[[Sample], Grid | None]


def from_page(read: Callable[[np.ndarray], Reading]) -> Fill:
    """The digits of the whole page, each in its cell."""
    return lambda sample: _filled(sample, lambda sample, crossings: in_cells(read(sample.pixels), crossings))


def cell_by_cell(read: Callable[[list[np.ndarray]], list[int | None]], stretched: bool) -> Fill:
    """Each cell cut out, in perspective; if `stretched` in grey, from black to white."""

    def fill(sample: Sample, crossings: np.ndarray) -> Grid:
        cells = cut(sample.pixels, crossings)
        labels = np.array(read([_stretched(cell) for cell in cells] if stretched else cells), object)
        return labels.reshape(np.subtract(crossings.shape[:2], 1)).tolist()

    return lambda sample: _filled(sample, fill)


def _stretched(cell: np.ndarray) -> np.ndarray:
    grey = cv2.normalize(cv2.cvtColor(cell, cv2.COLOR_RGB2GRAY), None, 0, 255, cv2.NORM_MINMAX)
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _filled(sample: Sample, fill: Callable[[Sample, np.ndarray], Grid]) -> Grid | None:
    """None where our grid is not found."""
    crossings = find_grid(cv2.cvtColor(sample.pixels, cv2.COLOR_RGB2GRAY), grid_size(sample))
    return None if crossings is None else fill(sample, crossings)


def in_cells(found: Reading, crossings: np.ndarray) -> Grid:
    """The label in each cell of a grid: of the digit nearest to its centre, and no further than half its diagonal.

    `crossings` is (rows + 1, columns + 1, 2), x and y in pixels.
    """
    quads = _quads(crossings)
    reach = np.linalg.norm(quads[:, :, 0] - quads[:, :, 2], axis=-1).ravel() / 2
    digits = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    distances = np.linalg.norm(quads.mean(axis=2).reshape(-1, 1, 2) - digits, axis=-1)
    cells = np.full(quads.shape[:2], None)
    for digit in np.argsort(-distances.min(axis=0)):  # the nearest one comes last, and remains
        cell = distances[:, digit].argmin()
        if distances[cell, digit] <= reach[cell]:
            cells.flat[cell] = int(found.labels[digit])
    return cells.tolist()


def cut(pixels: np.ndarray, crossings: np.ndarray) -> list[np.ndarray]:
    """The cells, row by row, without the rules around them: (CELL, CELL, 3) uint8 of (h, w, 3) uint8."""
    low, high = -CELL_BORDER * CELL, (1 + CELL_BORDER) * CELL
    square = np.array([[low, low], [high, low], [high, high], [low, high]], np.float32)
    return [
        cv2.warpPerspective(pixels, cv2.getPerspectiveTransform(quad, square), (CELL, CELL), flags=cv2.INTER_CUBIC)
        for quad in _quads(crossings).astype(np.float32).reshape(-1, 4, 2)
    ]


def _quads(crossings: np.ndarray) -> np.ndarray:
    """(rows, columns, 4, 2): the corners of each cell, clockwise from the upper left."""
    return np.stack([crossings[:-1, :-1], crossings[:-1, 1:], crossings[1:, 1:], crossings[1:, :-1]], axis=2)

"""The digits in the cells of a ruled grid: flattened, without their rules, and converted to canonical digits."""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Bools, Floats, Numbers, Pixels
from digits.data.canonical import canonical

CELL_SIDE = 96  # pixels: the shorter median side of a flattened cell
MARGIN = 20  # pixels around a cell: a digit can reach over its rules
RULE_REACH = 10  # pixels: half of the thickest rule, its blur, and how far off it can be
RULE_EXCESS = 1.3  # of a rule's usual ink: what is darker is a stroke across it
RULE_EDGE = 0.25  # of a rule's strongest ink: its edge
BRIDGE = 4  # pixels above and below a rule in which a stroke across it is seen
CORE = 12  # pixels within a cell: most of a digit's ink is further in
STRONGEST = 0.985  # quantile of a cell's ink: digits cover at least this much of it
# The palest digit, as a fraction of the paper's brightness, and of the grid's dark digits: print of the other side of
# the paper is paler
MIN_INK, DARK_DIGITS, MIN_OF_DARK = 0.08, 0.9, 0.24
PART_INK = 0.33  # of the strongest ink of a cell: what is darker is a part of a digit
SPECK = 0.04  # of the ink of the largest part: a smaller part is dirt
MIN_DIGIT = 21  # pixels: the longer side of the smallest digit
# Blurred strokes are sharpened, then this quantile of the digit's ink is its full ink, and this fraction of it paper
SHARPEN_SIGMA, FULL_INK, PAPER_INK = 4.0, 0.8, 0.2


class Cells(NamedTuple):
    """The n cells of a grid that are not empty, row by row.

    `places` is (n, 2) int, row and column from 0; `boxes` (n, 4) int, the left, top, right and bottom of the digit's
    ink in pixels of the page, right and bottom exclusive; `digits` (n, 28, 28) uint8, canonical digits.
    """

    places: np.ndarray
    boxes: np.ndarray
    digits: np.ndarray


class _Ink(NamedTuple):
    """One cell's ink, 0 to 1; how dark it is, of the paper's brightness; its rows and columns in the flat grid."""

    ink: np.ndarray
    strength: float
    rows: slice
    columns: slice


def read_cells(grey: Pixels, crossings: Floats) -> Cells:
    """The digits of a grid in a (height, width) uint8 picture, with the crossings of `find_grid`."""
    x_edges, y_edges, positions = _flat_positions(crossings)
    ink = _darkness(_flattened(grey, positions), x_edges, y_edges)
    ink = _without_level_rules(ink, x_edges, y_edges)
    ink = np.ascontiguousarray(_without_level_rules(ink.T, y_edges, x_edges).T)
    found = {
        (row, column): _digit_ink(ink, x_edges[column : column + 2], y_edges[row : row + 2])
        for row, column in np.ndindex(len(y_edges) - 1, len(x_edges) - 1)
    }
    inked = {place: one for place, one in found.items() if one is not None}
    dark = np.quantile([one.strength for one in inked.values()], DARK_DIGITS) if inked else 0.0
    kept = {place: one for place, one in inked.items() if one.strength >= MIN_OF_DARK * dark}
    digits = [canonical(np.rint(255 * one.ink[None]).astype(np.uint8), one.ink[None])[0] for one in kept.values()]
    return Cells(
        np.array(list(kept), int).reshape(-1, 2),
        np.array([_box(positions[one.rows, one.columns], grey.shape) for one in kept.values()], int).reshape(-1, 4),
        np.array(digits, np.uint8).reshape(-1, 28, 28),
    )


def _flat_positions(crossings: Floats) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rules' columns and rows in the flat grid, and where each of its pixels is in the page: (height, width, 2)."""
    lengths = [np.linalg.norm(np.diff(crossings, axis=axis), axis=2).mean(axis=1 - axis) for axis in (1, 0)]
    scale = CELL_SIDE / min(np.median(length) for length in lengths)
    x_edges, y_edges = (
        MARGIN + np.concatenate([[0], np.cumsum(np.maximum(CELL_SIDE // 2, np.rint(length * scale)))]).astype(int)
        for length in lengths
    )
    around = crossings
    for axis in (0, 1):  # a ring of cells around the grid continues its outer cells
        first, second, last_but_one, last = (around.take([place], axis) for place in (0, 1, -2, -1))
        around = np.concatenate([2 * first - second, around, 2 * last - last_but_one], axis=axis)
    x, y = (
        np.interp(
            np.arange(edges[-1] + MARGIN),
            [2 * edges[0] - edges[1], *edges, 2 * edges[-1] - edges[-2]],
            np.arange(len(edges) + 2),
        ).astype(np.float32)
        for edges in (x_edges, y_edges)
    )
    columns, rows = np.meshgrid(x, y)
    return x_edges, y_edges, cv2.remap(around.astype(np.float32), columns, rows, cv2.INTER_LINEAR)


def _flattened(grey: Pixels, positions: np.ndarray) -> np.ndarray:
    """The page's pixels at these positions, averaged where the page has more pixels than the flat grid."""
    factor = max(1, int(np.median(np.linalg.norm(np.diff(positions, axis=0), axis=2))))
    pixels: Numbers = grey
    if factor > 1:
        pixels = cv2.resize(grey, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA)
    x, y = np.moveaxis((positions + 0.5) / factor - 0.5, 2, 0)
    return cv2.remap(pixels, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _darkness(flat: np.ndarray, x_edges: np.ndarray, y_edges: np.ndarray) -> np.ndarray:
    """How much darker than the paper of its cell each pixel is: float32, 0 to 1 of the paper's brightness."""
    paper = np.ones_like(flat, np.float32)
    x_ends, y_ends = ([0, *edges[1:-1], side] for edges, side in zip((x_edges, y_edges), flat.shape[::-1], strict=True))
    for row, column in np.ndindex(len(y_edges) - 1, len(x_edges) - 1):
        top, bottom, left, right = *y_edges[row : row + 2], *x_edges[column : column + 2]
        inside = flat[top + RULE_REACH : bottom - RULE_REACH, left + RULE_REACH : right - RULE_REACH]
        paper[y_ends[row] : y_ends[row + 1], x_ends[column] : x_ends[column + 1]] = max(1.0, float(np.median(inside)))
    return np.clip(1 - flat / paper, 0, 1)


def _without_level_rules(ink: np.ndarray, x_edges: np.ndarray, y_edges: np.ndarray) -> np.ndarray:
    """The ink without that of the rules along these rows, cell by cell."""
    rest = ink.copy()
    ends = [0, *x_edges[1:-1], ink.shape[1]]
    for edge in y_edges:
        for left, right in pairwise(ends):
            around = np.s_[edge - RULE_REACH : edge + RULE_REACH + 1, left:right]
            rest[around] = _without_level_rule(rest[around])
    return rest


def _without_level_rule(band: Floats) -> Floats:
    """The (height, width) ink without its median along each row; a stroke above and below the rule is continued."""
    rule = np.median(band, axis=1, keepdims=True)
    rest: Floats = np.clip(band - RULE_EXCESS * rule, 0, None)
    dark = np.flatnonzero(rule > RULE_EDGE * rule.max())
    if not len(dark) or dark[0] == 0 or dark[-1] == len(band) - 1:
        return rest
    above = rest[max(0, dark[0] - BRIDGE) : dark[0]].max(axis=0)
    below = rest[dark[-1] + 1 : dark[-1] + 1 + BRIDGE].max(axis=0)
    rest[dark] = np.maximum(rest[dark], np.minimum(band[dark], np.minimum(above, below)))
    return rest


def _digit_ink(ink: np.ndarray, x_edges: np.ndarray, y_edges: np.ndarray) -> _Ink | None:
    """The ink of one cell's digit, without that of its neighbours and dirt; None where the cell is empty."""
    rows, columns = (slice(edges[0] - MARGIN, edges[1] + MARGIN) for edges in (y_edges, x_edges))
    window = ink[rows, columns]
    inside = np.zeros(window.shape, bool)
    inside[MARGIN + CORE : -MARGIN - CORE, MARGIN + CORE : -MARGIN - CORE] = True
    strength = float(np.quantile(window[inside], STRONGEST))
    if strength < MIN_INK:
        return None
    solid = window > PART_INK * strength
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(solid.astype(np.uint8))
    mass = np.bincount(parts.ravel(), window.ravel(), count)
    kept = np.bincount(parts[inside], window[inside], count) > 0.5 * mass
    kept[0] = False
    kept &= mass >= SPECK * mass.max(where=kept, initial=0)
    if not kept.any():
        return None
    (left, top), (right, bottom) = boxes[kept, :2].min(axis=0), (boxes[kept, :2] + boxes[kept, 2:4]).max(axis=0)
    if max(right - left, bottom - top) < MIN_DIGIT:
        return None
    digit = window * cv2.dilate(kept[parts].astype(np.uint8), np.ones((5, 5), np.uint8))
    box = slice(rows.start + top, rows.start + bottom), slice(columns.start + left, columns.start + right)
    return _Ink(_sharpened(digit, solid & kept[parts]), strength, *box)


def _sharpened(ink: Numbers, solid: Bools) -> Floats:
    """A blurred digit's ink with its gaps opened, 0 to 1: float32, by unsharp masking."""
    sharp = 2 * ink - cv2.GaussianBlur(ink, (0, 0), SHARPEN_SIGMA)
    sharp = np.where(ink > 0, sharp / np.quantile(sharp[solid], FULL_INK), 0)
    opened: Floats = np.clip((sharp - PAPER_INK) / (1 - PAPER_INK), 0, 1).astype(np.float32)
    return opened


def _box(positions: np.ndarray, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Left, top, right and bottom around the (height, width, 2) positions, right and bottom exclusive, in the page."""
    (left, top), (right, bottom) = positions.min(axis=(0, 1)), positions.max(axis=(0, 1))
    height, width = shape
    return max(0, round(left)), max(0, round(top)), min(width, round(right) + 1), min(height, round(bottom) + 1)

"""The largest ruled grid of a page, such as a puzzle or a form: its crossings, each located on the bent paper.

The outlines of the ink's largest connected parts are candidates. What is within one is made upright by its corners,
and the rules are searched there.
"""

from collections.abc import Iterator

import cv2
import numpy as np

from digits.arrays import Numbers, Pixels
from digits.reading.grid_rules import crossings_of, find_rules

SEARCH_SIDE = 1000  # pixels: grids are searched in a copy whose longer side is about this
PAPER_WINDOW = 0.05  # of the longer side: wider than any rule or stroke, so that it contains paper
CONTRAST_WINDOW = 0.08  # of the longer side: ink is darker than its surroundings of this size
# The palest rule: of the paper's brightness, and of the median difference of pixels, which is noise; the larger counts
MIN_INK, MIN_OF_NOISE = 0.015, 1.0
MIN_PICTURE = 8  # pixels of the copy: a lower or narrower picture has no grid
MIN_SIDE = 0.15  # of the picture's longer side: the longer side of the smallest grid
MAX_CANDIDATES = 4  # parts of the ink, the largest first
SPUR_WIDTH = 0.04  # of a part's shorter side: what is narrower and touches the frame is not of the grid
UPRIGHT_SIDE = 720  # pixels: the longer side of the upright grid
MARGIN = 32  # pixels around the upright grid: a bent outline lies outside its four corners
MIN_FILLED = 0.8  # of an outline, by the grid in it: it is the whole grid


def find_grid(grey: Pixels, size: tuple[int, int] | None = None) -> np.ndarray | None:
    """The crossings of the largest grid of dark rules on lighter paper, (rows + 1, columns + 1, 2) float32.

    `grey` is (height, width) uint8. A crossing is its position across and down, in pixels, the centre of the first
    pixel at (0, 0); they are in order from the upper left of a grid turned by less than 45 degrees. `size` is the
    number of rows and of columns that the grid must have, else any with at least two cells will do. None without one.
    """
    factor = max(1, round(max(grey.shape) / SEARCH_SIDE))  # a whole number: OpenCV averages several times as fast
    if min(grey.shape) < MIN_PICTURE * factor:
        return None
    ink = _ink(cv2.resize(grey, None, fx=1 / factor, fy=1 / factor, interpolation=cv2.INTER_AREA))
    largest: np.ndarray | None = None
    area = 0.0
    for corners in _outlines(ink):
        crossings = _crossings(ink, corners, size) if cv2.contourArea(corners) > area else None
        if crossings is not None and (found := cv2.contourArea(crossings[[0, 0, -1, -1], [0, -1, -1, 0]])) > area:
            largest, area = crossings, found
            if area >= MIN_FILLED * cv2.contourArea(corners):
                break
    return None if largest is None else (largest + 0.5) * factor - 0.5


def _ink(grey: Numbers) -> np.ndarray:
    """How much darker than the paper around it each pixel is: float32, from 0; the palest rule has 1."""
    smooth = cv2.GaussianBlur(grey, (3, 3), 0)
    window = _window(grey, PAPER_WINDOW)
    paper = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones(window, np.uint8))  # it keeps the edge of a shadow
    darker = np.clip(1 - smooth / np.maximum(cv2.blur(paper, (5, 5)).astype(np.float32), 1), 0, 1)
    noise = float(np.median(np.abs(np.diff(darker[::5, ::3], axis=1))))
    return darker / max(MIN_INK, MIN_OF_NOISE * noise)


def _window(pixels: np.ndarray, fraction: float) -> tuple[int, int]:
    """A square window, of an odd number of pixels on a side, of this fraction of the longer side."""
    return (2 * int(fraction * max(pixels.shape) / 2) + 1,) * 2


def _outlines(ink: np.ndarray) -> Iterator[np.ndarray]:
    """Corners, (4, 2) float32 from the upper left clockwise, around the largest connected parts of the ink.

    Each part is filled, cells and all, and opened, so that strokes and neighbours that touch the frame fall off. A
    broken frame is not filled: then the part's own corners help.
    """
    mask = (ink > cv2.blur(ink, _window(ink, CONTRAST_WINDOW)) + 1).astype(np.uint8)
    closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    parts = [part for part in contours if max(cv2.boundingRect(part)[2:]) >= MIN_SIDE * max(ink.shape)]
    for part in sorted(parts, key=cv2.contourArea, reverse=True)[:MAX_CANDIDATES]:
        left, top, wide, high = cv2.boundingRect(part)
        filled = np.zeros((high, wide), np.uint8)
        cv2.drawContours(filled, [part], 0, 1, cv2.FILLED, offset=(-left, -top))
        kernel = np.ones((round(SPUR_WIDTH * min(wide, high)) + 1,) * 2, np.uint8)
        opened = cv2.morphologyEx(filled, cv2.MORPH_OPEN, kernel, borderValue=0)
        solid, _ = cv2.findContours(opened, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(left, top))
        for outline in (*sorted(solid, key=cv2.contourArea)[-1:], part):
            hull = cv2.convexHull(outline)
            if len(hull) >= 4:
                yield _clockwise(cv2.approxPolyN(hull, 4).reshape(4, 2).astype(np.float32))


def _clockwise(corners: np.ndarray) -> np.ndarray:
    """The corners from the upper left clockwise, of a grid turned by less than 45 degrees."""
    if cv2.contourArea(corners, oriented=True) < 0:
        corners = corners[::-1]
    edges = np.roll(corners, -1, axis=0) - corners
    return np.roll(corners, -int((edges[:, 0] - np.abs(edges[:, 1])).argmax()), axis=0)


def _crossings(ink: np.ndarray, corners: np.ndarray, size: tuple[int, int] | None) -> np.ndarray | None:
    """The crossings of the rules within these corners, in pixels of `ink`; None where they are no grid of this size."""
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    wide, high = (int(side) for side in np.rint(np.maximum(sides[:2], sides[2:]) * (UPRIGHT_SIDE / sides.max())))
    target = np.array([[0, 0], [wide, 0], [wide, high], [0, high]], np.float32) + MARGIN
    to_upright = cv2.getPerspectiveTransform(corners, target)
    level, upright = find_rules(cv2.warpPerspective(ink, to_upright, (wide + 2 * MARGIN, high + 2 * MARGIN)), MARGIN)
    rows, columns = len(level) - 1, len(upright) - 1
    if min(rows, columns) < 1 or rows * columns < 2 or (size is not None and size != (rows, columns)):
        return None
    points = crossings_of(level, upright)
    return cv2.perspectiveTransform(points.reshape(-1, 1, 2), np.linalg.inv(to_upright)).reshape(points.shape)

"""Straight thin lines through a picture: frames, the boxes of forms, ruled and squared paper. They are no digit's.

A line is erased column by column where the ink is as thin as the line; where it is thicker, a stroke crosses it and
is kept, as staff lines are removed from music (Dalitz et al. 2008, https://doi.org/10.1109/TPAMI.2007.70749).
"""

import cv2
import numpy as np
from scipy import ndimage

from digits.arrays import Bools, Floats, Ints, Numbers

MIN_COVERAGE = 0.8  # of the picture's side, by a line near its edge, as of a frame
MIN_COVERAGE_INSIDE = 0.9  # by another one: the upright stroke of a 4 can be nearly as long as the picture
MAX_TILT = 0.05  # pixels down for each pixel across: 3 degrees
MAX_THICKNESS = 0.05  # of the picture's side: a thicker bar is a stroke
SEARCH_SIDE = 200  # pixels: lines are searched in a copy of about this size
INK = 0.2  # of the strongest: lines are often printed in a pale colour
RIM = 0.1  # of the strongest: the edge of a line, which is erased with it
MAX_PASSES = 4  # a line can hide another one that is close to it
MIN_DIGIT = 0.12  # of the picture's side: what remains is smaller where the lines were the digit
NEAR_EDGE = 0.15  # of the picture's side
MIDDLE = 0.3  # of the picture's side, from either edge
Line = tuple[float, float]  # the row of a nearly level line at the left and at the right end of the picture


def without_lines(ink: Floats) -> Floats:
    """Erase straight lines, nearly level or upright, from (height, width) float32 ink, 0 to 1.

    Unchanged where the lines are strokes of a digit that fills the picture: what remains without them is too small,
    or reaches a border that no line runs along.
    """
    found = None
    rest = ink
    for _ in range(MAX_PASSES):
        level, upright = _level_lines(rest), _without_lone_stroke(_level_lines(rest.T), rest.shape[1])
        if not level and not upright:
            break
        found = found or (level, upright)
        before, rest = rest, _erase(_erase(rest, level).T, upright).T
        if np.array_equal(before, rest):
            break
    return ink if found is None or _are_strokes(rest, *found) else rest


def may_have_lines(ink: Floats) -> Bools:
    """(n,) bool: whether (n, height, width) pictures of at most some 100 pixels a side can have such lines."""
    found = np.zeros(len(ink), bool)
    for turned in (ink, ink.transpose(0, 2, 1)):
        inked = np.pad(turned > INK, ((0, 0), (2, 2), (0, 0)))
        near = np.logical_or.reduce([inked[:, shift : shift + turned.shape[1]] for shift in range(5)])
        found |= (near.sum(axis=2) >= MIN_COVERAGE * turned.shape[2]).any(axis=1)
    return found


def _level_lines(ink: Floats) -> list[Line]:
    """Nearly level rows that are inked over most of the width, where those around them are not."""
    mask, factor = _reduced_mask(ink)
    height, width = mask.shape
    near = cv2.dilate(mask, np.ones((3, 1), np.uint8))  # a drawn line is not quite straight
    most = round(MAX_TILT * width)
    band = cv2.dilate(mask, np.ones((most + 5, 1), np.uint8))  # it holds any line whose middle is in its row
    if band.mean(axis=1).max() < MIN_COVERAGE:
        return []
    coverage, drops = np.zeros(height), np.zeros(height)
    rows, columns = np.arange(height)[:, None], np.arange(width)
    for drop in sorted(range(-most, most + 1, max(1, most // 8)), key=abs):  # from the left to the right side
        tilted = np.clip(rows + np.rint(np.linspace(-drop / 2, drop / 2, width)).astype(int), 0, height - 1)
        found = near[tilted, columns].mean(axis=1)
        better = found > coverage + 1e-6
        coverage[better], drops[better] = found[better], drop
    from_edge = np.minimum(rows[:, 0], height - 1 - rows[:, 0])
    least = np.where(from_edge < NEAR_EDGE * height, MIN_COVERAGE, MIN_COVERAGE_INSIDE)
    peaks, count = ndimage.label((coverage >= least) & (coverage == ndimage.maximum_filter1d(coverage, 5)))
    lines = []
    for peak in range(1, count + 1):
        place = np.flatnonzero(peaks == peak)
        middle = place[len(place) // 2]
        if len(place) <= 2 * _reach(height):
            ends = (middle + 0.5 + sign * drops[middle] / 2 for sign in (-1, 1))
            lines.append(tuple(end * factor for end in ends))
    return lines


def _without_lone_stroke(upright: list[Line], width: int) -> list[Line]:
    """The upright lines, none where a single one runs down the middle: that is the stroke of a 1 or a 4."""
    return [] if len(upright) == 1 and MIDDLE * width < sum(upright[0]) / 2 < (1 - MIDDLE) * width else upright


def _reduced_mask(ink: Floats) -> tuple[np.ndarray, int]:
    """(height, width) uint8: where there is ink, in a copy smaller by the factor; thin lines are kept."""
    factor = -(-max(ink.shape) // SEARCH_SIDE)
    largest = cv2.dilate((ink > INK).astype(np.uint8), np.ones((factor, factor), np.uint8), anchor=(0, 0))
    return np.ascontiguousarray(largest[::factor, ::factor]), factor


def _erase(ink: Floats, lines: list[Line]) -> np.ndarray:
    """The ink without nearly level lines, each where it is about as thin as it mostly is."""
    height, width = ink.shape
    erased = ink.copy()
    for left, right in lines:
        rows = np.clip(np.linspace(left, right, width), 0, height - 1)
        erase_path(erased, np.arange(width), rows, _reach(height), RIM)
    return erased


def erase_path(ink: Numbers, columns: Ints, rows: Numbers, reach: int, rim: float) -> None:
    """Erase from (height, width) ink, in place, a nearly level line through these (k,) columns and rows, in pixels.

    Only where it is about as thin as it mostly is; nothing if that is more than `reach` pixels. Ink above `rim` belongs
    to it.
    """
    height = len(ink)
    offsets = np.arange(-3 * reach, 3 * reach + 1)[:, None]
    rows = np.rint(rows).astype(int) + offsets
    inside = (rows >= 0) & (rows < height)
    inked = inside & (ink[np.clip(rows, 0, height - 1), columns] > rim)
    nearest = np.where(inked, np.abs(offsets), len(offsets)).argmin(axis=0)
    first, last = _run(inked, nearest)
    length = last - first + 1
    met = inked[nearest, np.arange(len(columns))] & (np.abs(offsets[nearest, 0]) <= reach)
    thickness = np.quantile(length[met], 0.25) if met.any() else np.inf  # a stroke may lie along half of it
    if thickness > reach + 1:
        return
    thin = met & (length <= 1.5 * thickness + 1)
    places = np.arange(len(offsets))[:, None]
    erased_rows, erased_columns = np.nonzero(inside & thin & (places >= first - 1) & (places <= last + 1))
    ink[rows[erased_rows, erased_columns], columns[erased_columns]] = 0


def _run(inked: Bools, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """First and last row of the run of (height, width) bool that contains the (width,) place, column by column."""
    height, columns = len(inked), np.arange(inked.shape[1])
    rows = np.arange(height)[:, None]
    above = np.maximum.accumulate(np.where(inked, -1, rows))
    below = np.minimum.accumulate(np.where(inked, height, rows)[::-1])[::-1]
    return above[place, columns] + 1, below[place, columns] - 1


def _are_strokes(rest: Floats, level: list[Line], upright: list[Line]) -> bool:
    """Whether the lines are strokes of the digit, by what remains without them."""
    height, width = rest.shape
    count, _, boxes, _ = cv2.connectedComponentsWithStats((rest > 0.3).astype(np.uint8))
    if count == 1:
        return True
    largest = 1 + boxes[1:, cv2.CC_STAT_AREA].argmax()
    left, top, wide, high = boxes[largest, :4]
    if max(wide, high) < MIN_DIGIT * max(height, width):
        return True
    if max(len(level), len(upright)) > 2:  # ruled or squared paper
        return False
    lined = [
        any(min(line) < NEAR_EDGE * height for line in level),
        any(max(line) > (1 - NEAR_EDGE) * height for line in level),
        any(min(line) < NEAR_EDGE * width for line in upright),
        any(max(line) > (1 - NEAR_EDGE) * width for line in upright),
    ]
    reached = [top <= 1, top + high >= height - 1, left <= 1, left + wide >= width - 1]
    return any(one and not other for one, other in zip(reached, lined, strict=True))


def _reach(side: int) -> int:
    """The thickest line of a picture of this side, in pixels."""
    return max(2, round(MAX_THICKNESS * side))

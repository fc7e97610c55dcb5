"""Lines of writing: which parts of a page stand in one line, also where it slopes, and the lines' order."""

from typing import NamedTuple

import numpy as np
from scipy.sparse.csgraph import connected_components

from digits.arrays import Floats, Ints, Numbers

MAX_GAP = 4.0  # heights between neighbours in a line
MIN_OVERLAP = 0.4  # of the lower one's height: neighbours in a line
MAX_RATIO = 2.5  # between the heights of neighbours
# A part above or below another one is a fragment of the same digit, if it is so much lower and so close to it
FRAGMENT_RATIO, FRAGMENT_GAP = 2.0, 0.2  # times as tall; of the taller one's height
MIN_FRAGMENTED_WIDTH = 0.25  # of its height: a narrower part is a stroke, or a piece of a rule
USUAL_STRENGTH, FAINT = 0.8, 0.45  # quantile of a line's parts; of that: a fainter part is a frame or a rule
# Lines continue one another: pixels that they share across, and that they are off, and times as high, of the lower one
MAX_SHARED, MAX_OFFSET, SAME_SIZE = 0.5, 0.35, 2.0


class TextLine(NamedTuple):
    """`members` are (k,) positions of its boxes, from left to right; `slope` is pixels down for each pixel across."""

    members: Ints
    slope: float
    height: float


def text_lines(boxes: Ints, strengths: Floats, one_line: bool = False) -> list[TextLine]:
    """The lines of (n, 4) boxes, from the top to the bottom of the page, or all of them as one line.

    `strengths` (n,) is how strong their ink is: what is far fainter than its line is no writing, but what it stands in.
    """
    if not len(boxes):
        return []
    group = np.zeros(len(boxes), int) if one_line else _linked(boxes)
    members = [_without_faint(np.flatnonzero(group == one), strengths) for one in np.unique(group)]
    lines = [_fit(boxes, one) for one in members]
    if not one_line:
        lines = _joined(boxes, lines)
    return sorted(lines, key=lambda line: _middle(boxes, line))


def _without_faint(members: Ints, strengths: Floats) -> Ints:
    usual = np.quantile(strengths[members], USUAL_STRENGTH)
    strong: Ints = members[strengths[members] >= FAINT * usual]
    return strong


def _linked(boxes: Ints) -> np.ndarray:
    """(n,) group numbers: each box is linked to the nearest one to its right that stands in the same line."""
    left, top, right, bottom = boxes.T.astype(float)
    height, centre = bottom - top, (top + bottom) / 2
    group = np.arange(len(boxes))
    order = np.argsort(left)
    for place, one in enumerate(order):
        others = order[place + 1 :]
        overlap = np.minimum(bottom[one], bottom[others]) - np.maximum(top[one], top[others])
        lower = np.minimum(height[one], height[others])
        ratio = np.maximum(height[one], height[others]) / lower
        gap = left[others] - right[one]
        near = (overlap >= MIN_OVERLAP * lower) & (gap <= MAX_GAP * np.maximum(height[one], height[others]))
        near &= ratio <= MAX_RATIO
        if near.any():
            candidates = others[near]
            distance = gap[near] + 2 * np.abs(centre[candidates] - centre[one])
            other = candidates[distance.argmin()]
            group[group == group[other]] = group[one]
    _link_fragments(boxes.astype(float), group)
    return group


def _link_fragments(boxes: Ints, group: np.ndarray) -> None:
    """Put each box that is a fragment of another one's digit, above or below it, into its group, in place."""
    left, top, right, bottom = boxes.T
    width, height = right - left, bottom - top
    for fragment in range(len(boxes)):
        across = np.minimum(right[fragment], right) - np.maximum(left[fragment], left)
        gap = np.maximum(top[fragment], top) - np.minimum(bottom[fragment], bottom)
        fits = (height >= FRAGMENT_RATIO * height[fragment]) & (width >= MIN_FRAGMENTED_WIDTH * height)
        fits &= (across >= 0.5 * width[fragment]) & (gap <= FRAGMENT_GAP * height)
        if fits.any():
            group[group == group[fragment]] = group[np.where(fits, gap, np.inf).argmin()]


def _fit(boxes: Ints, members: Ints) -> TextLine:
    members = members[np.argsort(boxes[members, 0])]
    across, down = _centres(boxes, members)
    height = float(np.median(boxes[members, 3] - boxes[members, 1]))
    slope = 0.0
    if np.ptp(across) > 2 * height:
        slope = float(np.polyfit(across, down, 1)[0])
    return TextLine(members, slope, height)


def _middle(boxes: Ints, line: TextLine) -> float:
    """Where the line crosses the left edge of the page."""
    across, down = _centres(boxes, line.members)
    return float(np.median(down - line.slope * across))


def _joined(boxes: Ints, lines: list[TextLine]) -> list[TextLine]:
    """Lines that continue one another across a wide gap, as the columns of a table, as one."""
    lines = _with_usual_slope(lines)
    left, right = (np.array([one(boxes[line.members, side]) for line in lines]) for one, side in ((min, 0), (max, 2)))
    across, down = np.transpose([_centres(boxes, line.members).mean(axis=1) for line in lines])
    height, slope = np.array([line.height for line in lines]), np.array([line.slope for line in lines])
    count = np.array([len(line.members) for line in lines])
    steepness = np.where(count[:, None] >= count, slope[:, None], slope)
    lower = np.minimum(height[:, None], height)
    same = np.minimum(right[:, None], right) <= np.maximum(left[:, None], left) + MAX_SHARED * lower
    same &= np.abs(down[:, None] + steepness * (across - across[:, None]) - down) < MAX_OFFSET * lower
    same &= np.maximum(height[:, None], height) <= SAME_SIZE * lower
    groups = connected_components(same, directed=False)[1]
    members = [[lines[place].members for place in np.flatnonzero(groups == one)] for one in np.unique(groups)]
    return _with_usual_slope([_fit(boxes, np.concatenate(one)) for one in members])


def _with_usual_slope(lines: list[TextLine]) -> list[TextLine]:
    """Lines of one or two parts slope as most others do."""
    slopes = [line.slope for line in lines for _ in line.members if len(line.members) > 2]
    usual = float(np.median(slopes)) if slopes else 0.0
    return [line if len(line.members) > 2 else line._replace(slope=usual) for line in lines]


def _centres(boxes: Numbers, members: Ints) -> Floats:
    """(2, k): across and down, in pixels."""
    centres: Floats = (boxes[members, :2] + boxes[members, 2:]).T / 2
    return centres

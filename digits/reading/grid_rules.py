"""The rules of a grid that is nearly upright: a path along each, which follows the bend of the paper.

Whether a pixel can be a rule's is decided by the paper at both sides of it. The paths are found by dynamic
programming from strip to strip, as seams are (Avidan & Shamir 2007, https://doi.org/10.1145/1276377.1276390).
"""

import cv2
import numpy as np

from digits.arrays import Floats, Numbers

STRIP = 18  # pixels along a rule in one step of its path
MAX_SHIFT = 4  # pixels across a rule from one strip to the next
SHIFT_COST = 0.05  # of a strip that is covered, for each pixel
RIDGE_LENGTH = 9  # pixels along a rule that are averaged
RIDGE_REACHES = (5, 9, 14)  # pixels from the middle of a rule, thin to thick, to the paper at both sides of it
PEAK, DARK_RULE = 0.2, 5.0  # how much a rule's middle counts more than its blurred edges, and how dark the middle is
MIN_COVERAGE = 0.75  # of a rule's length is darker than the paper; of a row of digits it is 0.4 to 0.65
MISSING = 0.2  # of the rules that cross the outer cells may be blurred or smudged there
MIN_SPACING = 10  # pixels between rules


def find_rules(ink: Numbers, margin: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The level rules from the top, and the upright ones from the left, of (height, width) float32 ink.

    The ink is in units of the palest rule's. A level rule is its row in each column, (width,) float; an upright one
    its column in each row, (height,). They cross `margin` pixels within the picture. Each list may be empty.
    """
    ridges = _ridges(ink), _ridges(np.ascontiguousarray(ink.T))
    level, upright = (_paths(one, margin) for one in ridges)
    before = None
    while min(len(level), len(upright)) > 1 and before != (len(level), len(upright)):
        before = len(level), len(upright)
        level = _without_outer(level, upright, ridges[1])
        upright = _without_outer(upright, level, ridges[0])
    return level, upright


def crossings_of(level: list[np.ndarray], upright: list[np.ndarray]) -> np.ndarray:
    """Where the rules of `find_rules` cross: (level, upright, 2) float32, across and down."""
    points = np.zeros((len(level), len(upright), 2), np.float32)
    for place in np.ndindex(points.shape[:2]):
        rows, columns = level[place[0]], upright[place[1]]
        y = rows.mean()
        for _ in range(4):  # the rules are nearly at right angles: each step makes the error many times smaller
            x = np.interp(y, np.arange(len(columns)), columns)
            y = np.interp(x, np.arange(len(rows)), rows)
        points[place] = x, y
    return points


def _ridges(ink: Numbers) -> Floats:
    """Where a nearly level rule can be: (height, width) float32, 0 to 1, darker than the paper above and below it."""
    smooth = cv2.blur(ink, (RIDGE_LENGTH, 1))
    ridge: Numbers = np.zeros_like(ink)
    for reach in RIDGE_REACHES:
        padded = cv2.copyMakeBorder(smooth, reach, reach, 0, 0, cv2.BORDER_REPLICATE)
        ridge = cv2.max(ridge, smooth - cv2.max(padded[: -2 * reach], padded[2 * reach :]))
    likely: Floats = (1 - PEAK) * np.clip(ridge - 0.5, 0, 1) + PEAK * ridge / (ridge + DARK_RULE)
    return likely


def _paths(ridges: np.ndarray, margin: int) -> list[np.ndarray]:
    """The nearly level rules, from the top: the row of each in every column, (width,) float."""
    strips = np.array_split(np.arange(margin, ridges.shape[1] - margin), max(2, ridges.shape[1] // STRIP))
    coverage, rows = _best_paths(np.stack([ridges[:, strip].mean(axis=1) for strip in strips], axis=1))
    kept: list[np.ndarray] = []
    for path in rows[np.argsort(-coverage, kind="stable")[: (coverage >= MIN_COVERAGE).sum()]]:
        if not kept or np.abs(np.array(kept) - path).min() >= MIN_SPACING:
            kept.append(path)
    middles = [strip.mean() for strip in strips]
    return [np.interp(np.arange(ridges.shape[1]), middles, path) for path in sorted(kept, key=np.mean)]


def _best_paths(covered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The best path through each row of the middle of (height, strips): how much of it is covered, and its rows.

    From strip to strip a path moves by at most MAX_SHIFT rows. The sums run from both sides to the middle.
    """
    height, strips = covered.shape
    total, rows = covered[:, strips // 2].copy(), np.zeros((height, strips), int)
    rows[:, strips // 2] = np.arange(height)
    shifts = np.array(sorted(range(-MAX_SHIFT, MAX_SHIFT + 1), key=abs))[:, None]
    reached = np.clip(np.arange(height) + shifts, 0, height - 1)
    for inwards in (range(strips // 2), range(strips - 1, strips // 2, -1)):
        best, came_from = np.zeros(height), {}
        for strip in inwards:
            options = (best + covered[:, strip])[reached] - SHIFT_COST * np.abs(shifts)
            best, came_from[strip] = options.max(axis=0), reached[options.argmax(axis=0), np.arange(height)]
        total += best
        row = np.arange(height)
        for strip in reversed(inwards):
            row = rows[:, strip] = came_from[strip][row]
    return total / strips, rows


def _without_outer(rules: list[np.ndarray], crossing: list[np.ndarray], ridges: np.ndarray) -> list[np.ndarray]:
    """The rules without the first and the last one where the crossing rules do not reach them.

    Such are the line under a headline and the edge of the paper.
    """
    first, last = (
        np.quantile([_covered(path, start.mean(), stop.mean(), ridges) for path in crossing], MISSING) >= MIN_COVERAGE
        for start, stop in (rules[:2], rules[-2:])
    )
    return rules[0 if first else 1 : None if last else -1]


def _covered(path: np.ndarray, start: float, stop: float, ridges: np.ndarray) -> float:
    """How much of a rule is on a ridge, from one column to another."""
    columns = np.arange(round(start), round(stop) + 1)
    rows = np.rint(path[columns]).astype(int) + np.arange(-1, 2)[:, None]
    return float(ridges[np.clip(rows, 0, len(ridges) - 1), columns].max(axis=0).mean())

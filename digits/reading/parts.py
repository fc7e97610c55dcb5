"""The connected parts of a page's ink that can be a digit, or a piece of one."""

from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Bools, Ints, Pixels

MAX_PARTS = 2000  # the longest: a texture has more, and so has a page of small print
MAX_COVERED = 4  # times the picture, by the boxes of all parts, the smallest first: those of hatching overlap
MIN_SIDE = 8  # pixels: the longer side of the smallest part; a digit of 12 pixels may be broken
SOLID = 0.72  # of its box: a part with more ink is a blot, unless it is as narrow as a stroke
NARROW = 0.45  # of its length: so wide a stroke of a 1 can be
FLAT, BAR_INK = 2.5, 0.6  # times as wide as high; of its box: a piece of a rule, a minus sign
# Of the strength of rules, at that quantile; pixels thick; pixels to a rule: what is left of one
PALE, STRONG, THIN, NEAR = 1.3, 0.9, 2.5, 9
SLENDER, SAME_HEIGHT, FAMILY = 4, 1.2, 3  # times as high as wide; times as high as others; so many of them
SAMPLED_ROWS = 200
LEVEL = 0.35  # of the width around a part's end: a level rule is there, not an upright one
CUT_OFF = 3  # times as long as the median of the others
FRAME_INK = 0.45  # of its box: a frame has less


class Parts(NamedTuple):
    """n parts of a page: `labels` (height, width) int32 has each pixel's number, 0 for paper.

    `numbers` (n,) are those of the parts; `boxes` (n, 4) left, top, right and bottom in pixels, the last two exclusive.
    """

    labels: np.ndarray
    numbers: Ints
    boxes: Ints

    def strengths(self, ink: Pixels) -> np.ndarray:
        """(n,) each part's strongest pixel in the (height, width) ink."""
        found = np.zeros(len(self.numbers), np.uint8)
        for place, (number, (left, top, right, bottom)) in enumerate(zip(self.numbers, self.boxes, strict=True)):
            box = np.s_[top:bottom, left:right]
            found[place] = ink[box].max(where=self.labels[box] == number, initial=0)
        return found

    @property
    def heights(self) -> Ints:
        heights: Ints = self.boxes[:, 3] - self.boxes[:, 1]
        return heights

    @property
    def widths(self) -> Ints:
        widths: Ints = self.boxes[:, 2] - self.boxes[:, 0]
        return widths

    def take(self, kept: Bools) -> "Parts":
        return Parts(self.labels, self.numbers[kept], self.boxes[kept])


def find(ink: Pixels, threshold: int, rules: np.ndarray) -> Parts:
    """The parts of (height, width) uint8 ink, without rules, that can be digits.

    They are large enough, and neither blots, bars nor frames around others, nor what is left of `rules`, the (height,
    width) uint8 ink that was erased, nor what is cut off by the picture's border and far larger than what is not.
    """
    mask = (ink > threshold).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    left, top, wide, high, area = stats[1:].T
    boxes = np.stack([left, top, left + wide, top + high], axis=1)
    longer, shorter = np.maximum(wide, high), np.minimum(wide, high)
    blot = (area > SOLID * wide * high) & (shorter > NARROW * longer)
    bar = (wide > FLAT * high) & (area > BAR_INK * wide * high)
    kept = (longer >= MIN_SIDE) & ~blot & ~bar
    kept[np.argsort(-longer * kept, kind="stable")[MAX_PARTS:]] = False
    by_size = np.argsort(wide * high, kind="stable")
    kept[by_size] &= np.cumsum((wide * high * kept)[by_size]) <= MAX_COVERED * mask.size
    parts, area = Parts(labels, np.flatnonzero(kept) + 1, boxes[kept]), area[kept]
    dropped = (
        _are_frames(parts, area)
        | _are_remnants(parts, area, ink, rules)
        | _are_separators(parts, rules)
        | _are_cut_off(parts)
    )
    return parts.take(~dropped)


def _are_remnants(parts: Parts, area: np.ndarray, ink: Pixels, rules: np.ndarray) -> Bools:
    """(n,) bool: which parts are as pale as the rules that they touch, and as thin: boxes, their separators, gaps."""
    found = np.zeros(len(parts.numbers), bool)
    erased = rules[:: len(rules) // SAMPLED_ROWS + 1]
    erased = erased[erased > 0]
    if not erased.size:
        return found
    pale = parts.strengths(ink) <= PALE * np.quantile(erased, STRONG)
    thin = area <= THIN * (parts.heights + parts.widths)
    for one in np.flatnonzero(pale & thin):
        left, top, right, bottom = parts.boxes[one]
        found[one] = rules[max(0, top - NEAR) : bottom + NEAR, max(0, left - NEAR) : right + NEAR].any()
    return found


def _are_separators(parts: Parts, rules: np.ndarray) -> Bools:
    """(n,) bool: which narrow parts stand between two rules, as do others as high: the separators of a form's boxes."""
    found = np.zeros(len(parts.numbers), bool)
    for one in np.flatnonzero(parts.heights > SLENDER * parts.widths):
        left, top, right, bottom = parts.boxes[one]
        across = np.s_[max(0, left - NEAR) : right + NEAR]
        ends = rules[max(0, top - NEAR // 2) : top + 2, across], rules[bottom - 2 : bottom + NEAR // 2, across]
        found[one] = all(end.any(axis=0).mean() >= LEVEL for end in ends)  # a rule of squared paper may run along a 1
    heights = parts.heights[found]
    alike = np.abs(np.log(heights[:, None] / heights)) < np.log(SAME_HEIGHT)
    found[found] = alike.sum(axis=1) >= FAMILY
    return found


def _are_cut_off(parts: Parts) -> Bools:
    """(n,) bool: which parts touch the picture's border, and are far longer than most that do not."""
    height, width = parts.labels.shape
    left, top, right, bottom = parts.boxes.T
    touching = (left <= 1) | (top <= 1) | (right >= width - 1) | (bottom >= height - 1)
    longer = np.maximum(parts.heights, parts.widths)
    if touching.all():
        return np.zeros(len(touching), bool)
    cut_off: Bools = touching & (longer > CUT_OFF * np.median(longer[~touching]))
    return cut_off


def _are_frames(parts: Parts, area: np.ndarray) -> Bools:
    """(n,) bool: which parts are thin and have another one, at least a third as tall, inside: a box around a digit."""
    found = np.zeros(len(area), bool)
    thin = np.flatnonzero(area < FRAME_INK * parts.heights * parts.widths)
    for one in thin:
        left, top, right, bottom = parts.boxes[one]
        inside = (parts.boxes[:, 0] > left) & (parts.boxes[:, 1] > top)
        inside &= (parts.boxes[:, 2] < right) & (parts.boxes[:, 3] < bottom)
        found[one] = (parts.heights[inside] >= (bottom - top) / 3).any()
    return found

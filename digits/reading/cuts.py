"""Cutting a part of ink into pieces: seams from top to bottom that cross as little ink as they can."""

import cv2
import numpy as np

from digits.arrays import Ints, Pixels
from digits.reading.candidates import Candidate

WORKING_HEIGHT = 40  # pixels: of the copy that seams are searched in
BAND = 0.1  # of the height, to each side of a seam's place: as far a slanted seam leans
BLANK_COST, STEP_COST = 0.01, 0.15  # of a pixel without ink, and of a step aside; one of full ink costs 1
OUTSIDE_COST = 100.0
STEPS = np.array([0, -1, 1], np.int8)


def seams(ink: Pixels, apart: float) -> Ints:
    """(k, height) int columns of seams from the top to the bottom of (height, width) ink, about `apart` pixels apart.

    Each is the path that crosses the least ink, in a band of columns around the place of the seam, found by dynamic
    programming. It may step one pixel aside at each row, so that a slanted pair of digits is cut along its slant.
    """
    height, width = ink.shape
    factor = max(1.0, height / WORKING_HEIGHT)
    size = (max(1, round(width / factor)), max(1, round(height / factor)))
    small = cv2.resize(ink, size, interpolation=cv2.INTER_AREA) if factor > 1 else ink
    found = _paths(small.astype(np.float32) / max(1, int(small.max())) + BLANK_COST, apart / factor)
    rows = np.clip(((np.arange(height) + 0.5) / height * size[1]).astype(int), 0, size[1] - 1)
    columns: Ints = np.rint((found[:, rows] + 0.5) * (width / size[0]) - 0.5).astype(int)
    return columns


def _paths(cost: np.ndarray, apart: float) -> np.ndarray:
    """(k, height) columns of the cheapest paths in k bands of (height, width) costs; different from one another."""
    height, width = cost.shape
    reach = max(1, round(BAND * height))
    middles = np.arange(apart, width - apart / 2, max(1.0, apart)).astype(int)
    columns = middles[:, None] + np.arange(-reach, reach + 1)
    outside = (columns < 0) | (columns >= width)
    bands = np.where(outside[:, None], OUTSIDE_COST, cost[:, np.clip(columns, 0, width - 1)].transpose(1, 0, 2))
    total, steps = bands[:, 0].copy(), np.zeros(bands.shape, np.int8)
    ways = np.full((3, *total.shape), np.inf, np.float32)
    for row in range(1, height):
        ways[0], ways[1, :, 1:], ways[2, :, :-1] = total, total[:, :-1] + STEP_COST, total[:, 1:] + STEP_COST
        steps[:, row] = STEPS[ways.argmin(axis=0)]
        total = ways.min(axis=0) + bands[:, row]
    paths = np.zeros((len(middles), height), int)
    bottom, which = total.argmin(axis=1), np.arange(len(middles))
    for row in range(height - 1, -1, -1):
        paths[:, row] = columns[which, bottom]
        bottom = bottom + steps[which, row, bottom]
    different = np.unique(paths, axis=0)
    return different[np.argsort(different.mean(axis=1))]


def pieces(candidate: Candidate, cuts: Ints, widest: float) -> dict[tuple[int, int], Candidate]:
    """The pieces between each two of the (k, height) cuts, the edges being the first and the last; by the pair.

    Without those that are sure to be wider than `widest`, in pixels: so their number grows as that of the cuts.
    """
    height, width = candidate.ink.shape
    borders = np.concatenate([np.full((1, height), -1), cuts, np.full((1, height), width)])
    columns = np.arange(width)
    before = np.stack([columns <= border[:, None] for border in borders])
    found = {}
    for first in range(len(borders) - 1):
        for last in range(first + 1, len(borders)):
            if borders[last].min() - borders[first].max() - 1 > widest:
                break
            inside = np.s_[:, max(0, borders[first].min()) : borders[last].max() + 1]
            ink = candidate.ink[inside] * (before[last][inside] & ~before[first][inside])
            left, top, wide, high = cv2.boundingRect(ink)
            if wide:
                tight = ink[top : top + high, left : left + wide]
                left, top = left + inside[1].start + candidate.box[0], top + candidate.box[1]
                found[first, last] = Candidate((left, top, left + wide, top + high), tight, candidate.slope)
    return found

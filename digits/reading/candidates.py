"""Pictures of what may be one digit: a group of parts, or a piece between two cuts, apart from all other ink."""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Ints, Pixels
from digits.data.canonical import canonical
from digits.reading.page import Box, as_box

SIDE = 40  # pixels: the longer side of the ink in the picture that is converted
MARGIN = 8  # pixels around it
STRONG = 90  # percentile of the ink of a candidate: full ink
LEVEL = 0.03  # pixels down for each across: a line with less slope is level


class Candidate(NamedTuple):
    """`box` is left, top, right, bottom; `ink` (height, width) uint8 of that box, 0 where the ink is not its own.

    `slope` is that of its line, pixels down for each pixel across.
    """

    box: Box
    ink: Pixels
    slope: float

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.box[2] - self.box[0], self.box[3] - self.box[1]


def cut_out(ink: Pixels, labels: Ints, numbers: Ints, box: Ints, slope: float) -> Candidate:
    """The parts of these numbers in (height, width) `labels`, within the box."""
    left, top, right, bottom = as_box(box)
    region = labels[top:bottom, left:right]
    own = (region == numbers[0]) if len(numbers) == 1 else np.isin(region, numbers)
    return Candidate((left, top, right, bottom), ink[top:bottom, left:right] * own, slope)


def images(candidates: Sequence[Candidate]) -> Pixels:
    """(n, 28, 28) uint8 canonical digits of n candidates."""
    side = SIDE + 2 * MARGIN
    stack = np.zeros((len(candidates), side, side), np.uint8)
    for place, candidate in enumerate(candidates):
        scaled = _scaled(candidate.ink)
        high, wide = scaled.shape
        top, left = (side - high) // 2, (side - wide) // 2
        stack[place, top : top + high, left : left + wide] = scaled
        if abs(candidate.slope) > LEVEL:
            turn = cv2.getRotationMatrix2D((side / 2, side / 2), np.degrees(np.arctan(candidate.slope)), 1)
            stack[place] = cv2.warpAffine(stack[place], turn, (side, side))
    return canonical(stack)


def _scaled(ink: Pixels) -> Pixels:
    """(height, width) uint8, at most SIDE pixels: the ink scaled to 255 at its strongest strokes."""
    factor = SIDE / max(ink.shape)
    size = [max(1, round(length * factor)) for length in ink.shape[::-1]]
    counts = cv2.calcHist([ink], [0], None, [256], [0, 256]).ravel()[1:].cumsum()
    strongest = 1 + int(np.searchsorted(counts, STRONG / 100 * counts[-1]))
    brightened = cv2.convertScaleAbs(ink, alpha=255 / min(strongest, 255))
    scaled = cv2.resize(brightened, size, interpolation=cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC)
    return np.asarray(scaled, np.uint8)

"""The ink of a page: how much darker, or lighter, each pixel is than the paper around it, under any light."""

from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Pixels

PAPER_SIDE = 400  # pixels: the paper is computed on a copy of about this size
LARGE_WINDOW = 0.3  # of the shorter side: wider than twice the strokes of a digit that fills the picture
SMALL_WINDOW = 0.06  # of the shorter side, for light that changes quickly, once the ink is known
DARKEST, BRIGHT = 0.35, 0.9  # of that quantile of the paper: what is darker is no paper in a shadow, but another thing
# Strokes of most pages are thinner than so many pixels of a copy of about this size, of a picture with longer sides
THIN, STROKE_SIDE, MIN_STROKE_SIDE = 9, 800, 100
MIN_THIN = 0.1  # of what differs from the paper
MIN_INK = 22  # of 255: weaker differences are shadows and folds of the paper
HALO, HALO_PIXELS = 0.01, 7  # of the longer side, at least so many pixels: as far out of focus a stroke spreads
HALO_SHARE = 0.4  # of the strongest ink that close: less is no stroke of its own
NOISE_FACTOR = 4.5  # standard deviations of the noise above the paper are ink


class PageInk(NamedTuple):
    """`ink` is (height, width) uint8, 0 paper to 255 the strongest; more than `threshold` is ink."""

    ink: np.ndarray
    threshold: int


def page_ink(grey: Pixels) -> PageInk:
    """The ink of (height, width) uint8 pixel values, dark on light or light on dark: a fraction of the paper's light.

    That fraction does not depend on the light (Land and McCann 1971, https://doi.org/10.1364/JOSA.61.000001).
    """
    if _is_light_ink(grey):
        grey = np.asarray(cv2.bitwise_not(grey), np.uint8)
    small = _reduced(grey)
    paper = _median(small)
    paper = _refined(small, paper)
    paper = np.maximum(paper, round(DARKEST * float(np.quantile(paper, BRIGHT)))).astype(np.uint8)
    paper = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    ink = cv2.subtract(paper, grey)
    ink = cv2.divide(ink, paper, scale=255)
    threshold = int(max(MIN_INK, NOISE_FACTOR * _noise(grey) * 255 / max(1.0, float(paper.mean()))))
    return PageInk(_without_halos(ink), threshold)


def _without_halos(ink: np.ndarray) -> np.ndarray:
    """The ink without what is far weaker than a stroke close to it, as the edges of strokes out of focus."""
    side = 2 * (max(HALO_PIXELS, round(HALO * max(ink.shape))) // 2) + 1
    strongest = cv2.dilate(ink, np.ones((side, side), np.uint8))
    core = cv2.compare(ink, cv2.convertScaleAbs(strongest, alpha=HALO_SHARE), cv2.CMP_GT)
    return cv2.bitwise_and(ink, cv2.dilate(core, np.ones((3, 3), np.uint8)))


def _is_light_ink(grey: Pixels) -> bool:
    """Whether strokes are lighter than the paper: by what is thin and differs from it, not by a sheet on a dark desk.

    Where hardly anything is thin, as in a picture that one digit fills, and in a small one, by all that differs.
    """
    copy, thin = _reduced(grey, STROKE_SIDE), np.ones((THIN, THIN), np.uint8)
    paper = cv2.resize(_median(_reduced(grey)), copy.shape[::-1], interpolation=cv2.INTER_LINEAR)
    below, above = cv2.subtract(paper, copy), cv2.subtract(copy, paper)
    darker = _energy(np.minimum(below, cv2.morphologyEx(copy, cv2.MORPH_BLACKHAT, thin)))
    lighter = _energy(np.minimum(above, cv2.morphologyEx(copy, cv2.MORPH_TOPHAT, thin)))
    if min(grey.shape) < MIN_STROKE_SIDE or max(darker, lighter) < MIN_THIN * max(_energy(below), _energy(above)):
        return _energy(above) > _energy(below)
    return lighter > darker


def _energy(difference: np.ndarray) -> float:
    return float(np.square(difference[difference > MIN_INK].astype(np.float64)).sum())


def _refined(small: Pixels, paper: Pixels) -> Pixels:
    """The mean of the paper in a small window, without the ink; `paper` where there is nothing but ink."""
    known = (np.abs(small.astype(np.int16) - paper) <= MIN_INK).astype(np.float32)
    side = 2 * (int(SMALL_WINDOW * min(small.shape)) // 2) + 3
    total = cv2.boxFilter(small * known, cv2.CV_32F, (side, side), normalize=False)
    count = cv2.boxFilter(known, cv2.CV_32F, (side, side), normalize=False)
    share = np.clip(count / (0.25 * side * side), 0, 1)
    refined: Pixels = np.rint(share * total / np.maximum(count, 1) + (1 - share) * paper).astype(np.uint8)
    return refined


def _median(small: np.ndarray) -> np.ndarray:
    """The median in the large window: the paper, as long as most of the window is paper."""
    reach = max(1, int(LARGE_WINDOW * min(small.shape)) // 2)
    around = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    return np.ascontiguousarray(cv2.medianBlur(around, 2 * reach + 1)[reach:-reach, reach:-reach])


def _reduced(grey: Pixels, side: int = PAPER_SIDE) -> np.ndarray:
    factor = max(1.0, max(grey.shape) / side)
    size = [max(1, round(length / factor)) for length in grey.shape[::-1]]
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA) if factor > 1 else grey


def _noise(grey: Pixels) -> float:
    """The standard deviation of the noise, from the median of the differences of neighbours in some rows."""
    step = max(1, len(grey) // 200)
    rows = grey[::step].astype(np.int16)
    differences = np.abs(2 * rows[:, 1:-1] - rows[:, :-2] - rows[:, 2:])
    return 1.4826 * float(np.median(differences)) / np.sqrt(6) if differences.size else 0.0

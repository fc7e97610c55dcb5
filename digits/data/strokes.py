"""The parts of one picture's ink: which are the digit's, and how wide its strokes are."""

import cv2
import numpy as np

from digits.arrays import Floats
from digits.data.stacks import bounds, stroke_width

INK_THRESHOLD = 0.15  # of the strongest ink: weaker values are shadows of the paper, not strokes
FAINT = 0.3  # of the strongest ink: what is weaker is ink only as the edge of a stroke
EDGE = 0.1  # of the picture's side: a part that begins nearer to the border can be the picture's own edge
CORE = 0.2  # of the picture's side: a digit has ink further in than this
FILLS = 0.75  # of the picture's side: a digit that long is cropped closely, and its parts reach the border
MIN_PART = 0.15  # of the picture's side: the shortest digit for which parts at the edge are removed
SPECK = 0.04  # of the digit's ink: smaller parts are specks
# Of the digit's size and of the strokes' width: a longer and wider part is a second digit, and stays
SECOND_LENGTH, SECOND_WIDTH = 0.7, 0.5
MAX_GAP = 0.2  # of the digit's size: parts further apart are not of one digit
# Widths of strokes, of the ink's longest side. MNIST's are 0.08 to 0.17 for 90 of 100 digits, 0.12 in the middle.
NARROW, WIDE = 0.08, 0.26
NARROW_TARGET, WIDE_TARGET = 0.1, 0.22


def without_faint_ink(ink: Floats) -> Floats:
    """(height, width) float32 ink without what is faint and not the edge of a stroke."""
    return ink * cv2.dilate((ink > FAINT).astype(np.uint8), np.ones((3, 3), np.uint8))


def without_edge_parts(ink: Floats) -> Floats:
    """The ink without parts at the border of the picture: its own edge, punch holes, staples, a neighbouring digit.

    Unchanged where no other part can be the digit, or the digit fills the picture.
    """
    height, width = ink.shape
    parts, boxes, _ = _parts(ink)
    left, top, wide, high = boxes[:, :4].T
    inner = np.s_[int(CORE * height) : int((1 - CORE) * height) + 1, int(CORE * width) : int((1 - CORE) * width) + 1]
    core = np.zeros(len(boxes), bool)
    core[parts[inner]] = True
    core[0] = False
    if not core.any():
        return ink
    near = (left < EDGE * width) | (top < EDGE * height)
    near |= (left + wide > (1 - EDGE) * width) | (top + high > (1 - EDGE) * height)
    length, side = np.maximum(wide, high), max(height, width)
    digit = max((left + wide)[core].max() - left[core].min(), (top + high)[core].max() - top[core].min())
    if digit < MIN_PART * side:
        return ink
    removed = near & ~core & ((digit < FILLS * side) | (length > FILLS * side))
    removed[0] = False
    return np.where(removed[parts], np.float32(0), ink) if removed.any() else ink


def without_specks(ink: Floats) -> Floats:
    """The ink of the digit: the largest part near the middle, and others that are near it and no specks.

    So the broken strokes of one digit stay together.
    """
    height, width = ink.shape
    parts, boxes, centres = _parts(ink)
    if len(boxes) <= 2:
        return ink
    mass = np.bincount(parts.ravel(), ink.ravel(), minlength=len(boxes))
    mass[0] = 0
    left, top, wide, high = boxes[:, :4].T
    off_centre = np.square(centres / (width, height) - 0.5).sum(axis=1)
    weight = np.maximum(wide, high) * np.exp(-4 * off_centre) * (mass >= 0.05 * mass.max())
    weight[0] = 0
    kept = np.zeros(len(boxes), bool)
    kept[weight.argmax()] = True
    candidates = mass >= SPECK * mass[kept]
    length = np.maximum(wide, high)
    pen = float(stroke_width((ink > 0.5)[None])[0])
    kept |= (length >= SECOND_LENGTH * length[kept]) & (mass >= SECOND_WIDTH * pen * length)
    while True:
        x0, x1, y0, y1 = left[kept].min(), (left + wide)[kept].max(), top[kept].min(), (top + high)[kept].max()
        gap = np.max([left - x1, x0 - left - wide, top - y1, y0 - top - high], axis=0)
        near = candidates & (gap <= MAX_GAP * max(x1 - x0, y1 - y0))
        if (near <= kept).all():
            return np.where(kept[parts], ink, np.float32(0))
        kept |= near


def relative_stroke_width(ink: Floats) -> Floats:
    """(n,) mean stroke widths of (n, height, width) ink, as fractions of the ink's longest side."""
    (top, bottom), (left, right) = bounds(ink > INK_THRESHOLD)
    relative: Floats = stroke_width(ink > 0.5) / (np.maximum(bottom - top, right - left) + 1)
    return relative


def with_usual_stroke_width(ink: Floats) -> Floats:
    """The ink cropped, with strokes widened where they are much thinner than MNIST's, and thinned where much wider.

    Another size than `ink`; unchanged where the width is usual. Strokes change by the distance from their edge.
    """
    width = float(relative_stroke_width(ink[None])[0])
    if NARROW <= width <= WIDE:
        return ink
    inked = cropped_to_ink(ink)
    side = max(inked.shape)
    padded = np.pad(inked, int(NARROW_TARGET * side) + 2)
    solid = (padded > 0.5).astype(np.uint8)
    if width < NARROW:
        outside = cv2.distanceTransform(1 - solid, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        wider: Floats = np.maximum(padded, np.clip((NARROW_TARGET - width) * side / 2 + 0.5 - outside, 0, 1))
        return wider
    inside = cv2.distanceTransform(solid, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    narrower: Floats = np.minimum(padded, np.clip(inside - (width - WIDE_TARGET) * side / 2 + 0.5, 0, 1))
    return narrower


def cropped_to_ink(ink: Floats) -> Floats:
    """The part of (height, width) ink that has strokes."""
    (top, bottom), (left, right) = ((first[0], last[0]) for first, last in bounds((ink > INK_THRESHOLD)[None]))
    return ink[top : bottom + 1, left : right + 1]


def has_several_parts(ink: Floats) -> bool:
    """Whether (height, width) ink has more than one connected part."""
    return cv2.connectedComponents((ink > INK_THRESHOLD).astype(np.uint8))[0] > 2


def _parts(ink: Floats) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The connected parts of ink: (height, width) numbers, 0 for paper; their boxes; their centres across and down."""
    _, parts, boxes, centres = cv2.connectedComponentsWithStats((ink > INK_THRESHOLD).astype(np.uint8))
    return parts, boxes, centres

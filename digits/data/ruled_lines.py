"""Straight thin lines across a picture, as of ruled or squared paper or a frame: they are not part of the digit."""

import numpy as np
from scipy import ndimage

from digits.data.canonical import ink_fractions
from digits.data.stacks import border, contrast
from digits.data.strokes import INK_THRESHOLD

MIN_COVERAGE = 0.8  # of the picture's side; of MNIST's digits, at most 20 of 28 pixels have ink: 0.71
MAX_TILT = 0.05  # pixels down for each pixel across: 3 degrees
MAX_THICKNESS = 0.04  # of the picture's side: a thicker bar is a stroke
MIN_OTHER_INK = 0.1  # of the ink: a picture with less outside its one line is a cropped 1
SEARCH_SIDE = 256  # pixels: the lines are searched in a picture of about this size
WARNING = "lines across the picture (ruled paper, a frame?) can be mistaken for strokes: crop the digit without them"


def has_lines(pixels: np.ndarray) -> bool:
    """Whether (height, width) uint8 pixel values show lines across most of the picture, level or upright."""
    if _framed_at_the_edge(pixels):
        return True
    ink = np.asarray(ink_fractions(pixels[None])[0] > INK_THRESHOLD)
    factor = -(-max(ink.shape) // SEARCH_SIDE)
    height, width = (-(-side // factor) * factor for side in ink.shape)
    padded = np.pad(ink, ((0, height - ink.shape[0]), (0, width - ink.shape[1])))
    ink = np.asarray(padded.reshape(height // factor, factor, width // factor, factor).any(axis=(1, 3)))
    level, upright = _lines(ink), _lines(ink.T).T
    if not (level.any() or upright.any()):
        return False
    count = ndimage.label(level)[1] + ndimage.label(upright)[1]
    return count > 1 or (ink & ~(level | upright)).sum() >= MIN_OTHER_INK * ink.sum()


def _framed_at_the_edge(pixels: np.ndarray) -> bool:
    """Whether the border is a thin frame: a little further in, and in the middle, the picture is of another value."""
    inset = max(2, round(MAX_THICKNESS * min(pixels.shape)))
    if min(pixels.shape) < 8 * inset:
        return False
    edge = np.median(border(pixels[None]))
    inside = np.median(border(pixels[None, inset:-inset, inset:-inset]))
    span = contrast(pixels[None])[0]
    return bool(abs(edge - inside) > span / 2 and abs(inside - np.median(pixels)) < span / 4)


def _lines(ink: np.ndarray) -> np.ndarray:
    """(height, width) bool: the pixels of nearly level lines, and of what lies within their thickness."""
    height, width = ink.shape
    reach = max(2, round(MAX_THICKNESS * height))
    near = ndimage.maximum_filter1d(ink.astype(np.uint8), 3, axis=0)
    padded = np.pad(near, ((reach, reach), (0, 0)))
    found = np.zeros(padded.shape, bool)
    steps = round(MAX_TILT * width)
    for drop in range(-steps, steps + 1, max(1, steps // 6)):  # from the left to the right side
        shift = np.rint(np.linspace(-drop / 2, drop / 2, width)).astype(int)
        rows = np.clip(np.arange(len(padded))[:, None] + shift, 0, len(padded) - 1)
        coverage = padded[rows, np.arange(width)].mean(axis=1)
        neighbours = np.maximum(coverage[: -2 * reach], coverage[2 * reach :])
        lines = np.flatnonzero((coverage[reach:-reach] >= MIN_COVERAGE) & (neighbours < MIN_COVERAGE / 2)) + reach
        for line in lines:
            for row in range(line - 2, line + 3):
                found[np.clip(row + shift, 0, len(padded) - 1), np.arange(width)] = True
    return found[reach:-reach]

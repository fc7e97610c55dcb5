"""The one conversion from pixel values to the canonical digit: 28 x 28, light ink on black, as in MNIST.

Training, evaluation and serving all call these functions. They take stacks of pictures of one size,
(n, height, width) uint8 from 0 black to 255 white. This module has no dependency on files and formats.

A picture goes through these steps, each a function: its paper is subtracted (`paper`), straight lines are erased
(`lines`), parts that are not of the digit are removed and its strokes brought to the usual width (`strokes`), and
its ink is scaled to 20 pixels and centred (here).
"""

import numpy as np

from digits.arrays import Bools, Floats, Ints, Pixels
from digits.data.lines import may_have_lines, without_lines
from digits.data.paper import MIN_CONTRAST, without_paper
from digits.data.stacks import DIGIT_SIZE, border, bounds, by_shape, centre_of_mass, contrast
from digits.data.strokes import (
    INK_THRESHOLD,
    NARROW,
    WIDE,
    cropped_to_ink,
    has_several_parts,
    relative_stroke_width,
    with_usual_stroke_width,
    without_edge_parts,
    without_faint_ink,
    without_specks,
)

INK_BOX_SIZE = 20  # pixels: the longest side of its ink, http://yann.lecun.com/exdb/mnist/
MIN_PHOTOGRAPH_SIZE = 64  # pixels: a picture with both sides longer may have uneven light, noise and specks
FAINT_MAXIMUM = 250  # pixel values: of MNIST's digits, each has a brighter pixel
MIN_CLEANED_SIZE = 24  # pixels: in a smaller picture a line is as wide as a stroke, and a speck as a part


def canonical(stack: Pixels, ink: Floats | None = None) -> Pixels:
    """Convert (n, height, width) uint8 pixel values to canonical digits: (n, 28, 28) uint8, light ink on 0.

    As LeCun et al. describe for MNIST, the ink is scaled to a longest side of 20 pixels and its centre of mass is
    moved to the centre. A canonical picture keeps its pixels, scaled to a brightest of 255; a blank one gives zeros.
    `ink` is `ink_fractions(stack)`, if the caller has computed it already.
    """
    digits = np.zeros((len(stack), DIGIT_SIZE, DIGIT_SIZE), np.uint8)
    todo = contrast(stack) >= MIN_CONTRAST
    has_size = stack.shape[1:] == digits.shape[1:]
    if has_size:
        todo &= ~_keep(digits, stack, todo)
        if not todo.any():  # usual where digits are canonical already, and half of the time
            return digits
    ink = ink_fractions(stack) if ink is None else ink
    todo &= (ink > INK_THRESHOLD).any(axis=(1, 2))
    if has_size:
        todo &= ~_keep(digits, np.rint(ink * 255).astype(np.uint8), todo)
    rows = np.flatnonzero(todo)
    unclean = _need_cleaning(ink[rows])
    cleaned = [cropped_to_ink(clean(one)) for one in ink[rows[unclean]]]  # to scale the rest only takes time
    for places, same_size in by_shape(cleaned):
        digits[rows[unclean][places]] = scaled_and_centred(same_size)
    if not unclean.all():
        digits[rows[~unclean]] = scaled_and_centred(ink[rows[~unclean]])
    return digits


def _keep(digits: Pixels, stack: Pixels, todo: Bools) -> Bools:
    """Write the pictures of the stack that are canonical into `digits`, of those that `todo` has; returns which."""
    ready: Bools = todo & is_canonical(stack)
    digits[ready] = _brightened(stack[ready])
    return ready


def clean(ink: Floats) -> Floats:
    """The ink of one digit, of (height, width) float32 `ink_fractions`: without lines, other parts and odd strokes."""
    for step in CLEANING:
        ink = step(ink)
    return ink


CLEANING = (without_lines, without_faint_ink, without_edge_parts, without_specks, with_usual_stroke_width)


def is_canonical(stack: Pixels) -> Bools:
    """(n,) bool: whether each picture already meets the limits that all of MNIST's 70,000 digits meet.

    Measured on them: a longest side of 19 or 20 pixels above zero, and a centre of mass at most 0.52 pixels from
    (14, 14).
    """
    if stack.shape[1:] != (DIGIT_SIZE, DIGIT_SIZE):
        return np.zeros(len(stack), bool)
    lengths = [last - first + 1 for first, last in bounds(stack > 0)]
    centred = [np.abs(position - DIGIT_SIZE / 2) <= 0.52 for position in centre_of_mass(stack)]
    longest = np.maximum(*lengths)
    found: Bools = (longest >= INK_BOX_SIZE - 1) & (longest <= INK_BOX_SIZE) & np.logical_and(*centred)
    return found


def ink_fractions(stack: Pixels) -> Floats:
    """The ink of each pixel: (n, height, width) float32, from 0 for paper to 1 for the strongest ink.

    The paper is the median of the picture's border; the ink may be darker or lighter. In a photograph, uneven light,
    shadows and noise are taken away.
    """
    if min(stack.shape[1:]) > MIN_PHOTOGRAPH_SIZE:
        return np.stack([without_paper(pixels) for pixels in stack])
    paper = np.median(border(stack), axis=1).astype(np.float32)
    darkest, brightest = stack.min(axis=(1, 2)).astype(np.float32), stack.max(axis=(1, 2)).astype(np.float32)
    strongest = np.where(paper - darkest > brightest - paper, darkest, brightest)
    span = np.where(strongest == paper, np.inf, strongest - paper)[:, None, None]
    ink: Floats = np.clip((stack - paper[:, None, None]) / span, 0, 1)
    return ink


def dark_on_light(stack: Pixels) -> Bools:
    """(n,) bool: whether the ink is darker than the paper, the median of the border."""
    paper = np.median(border(stack), axis=1)
    is_darker: Bools = paper - stack.min(axis=(1, 2)) > stack.max(axis=(1, 2)) - paper
    return is_darker


def _need_cleaning(ink: Floats) -> Bools:
    """(n,) bool: which (n, height, width) ink `clean` may change: of tiny pictures none, of photographs all."""
    if not len(ink) or min(ink.shape[1:]) < MIN_CLEANED_SIZE:
        return np.zeros(len(ink), bool)
    if min(ink.shape[1:]) > MIN_PHOTOGRAPH_SIZE:
        return np.ones(len(ink), bool)
    width = relative_stroke_width(ink)
    several = np.array([has_several_parts(one) for one in ink], bool)
    unclean: Bools = several | (width < NARROW) | (width > WIDE) | may_have_lines(ink)
    return unclean


def _brightened(digits: Pixels) -> Pixels:
    """Digits whose brightest pixel is far below 255, as of a faint pencil, scaled to it; MNIST's stay as they are."""
    brightest = digits.max(axis=(1, 2), keepdims=True)
    scaled = np.rint(digits * (255 / np.maximum(brightest, 1))).astype(np.uint8)
    return np.where(brightest < FAINT_MAXIMUM, scaled, digits)


def scaled_and_centred(ink: Floats) -> Pixels:
    """(n, 28, 28) uint8 digits of (n, height, width) ink: its longest side is 20 pixels, its centre of mass at 14."""
    (top, bottom), (left, right) = bounds(ink > INK_THRESHOLD)
    longest = np.maximum(bottom - top, right - left) + 1
    rows = _resampling_weights(top, bottom - top + 1, longest, ink.shape[1])
    columns = _resampling_weights(left, right - left + 1, longest, ink.shape[2])
    scaled = np.clip(rows @ ink @ columns.transpose(0, 2, 1), 0, 1)
    strongest = scaled.max(axis=(1, 2), keepdims=True)
    return _centred(np.rint(scaled * (255 / np.where(strongest > 0, strongest, 1))).astype(np.uint8))


def _resampling_weights(first: Ints, length: Ints, longest: Ints, size: int) -> Floats:
    """(n, 20, size) float32 weights that scale `length` of `size` positions, from `first` on, to at most 20.

    Bicubic interpolation with a = -0.5 (Keys 1981), widened where a picture shrinks, so that every pixel counts:
    the same as Pillow's `resize`.
    """
    target = np.maximum(1, np.rint(length * (INK_BOX_SIZE / longest)))[:, None, None]
    first, length = first[:, None, None], length[:, None, None]
    step = length / target
    centre = first + (np.arange(INK_BOX_SIZE)[:, None] + 0.5) * step
    position = np.arange(size)
    distance = np.abs((position + 0.5 - centre) / np.maximum(step, 1)).astype(np.float32)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    weights *= (position >= first) & (position < first + length) & (np.arange(INK_BOX_SIZE)[:, None] < target)
    total = weights.sum(axis=2, keepdims=True)
    return (weights / np.where(total > 0, total, 1)).astype(np.float32)


def _centred(scaled: Pixels) -> Pixels:
    """Place (n, 20, 20) digits, which start in the upper left corner, in (n, 28, 28) by their centre of mass."""
    (_, bottom), (_, right) = bounds(scaled > 0)
    padded = np.pad(scaled, ((0, 0), (0, 1), (0, 1)))  # an empty row and column, for positions outside
    sources = []
    for centre, last in zip(centre_of_mass(scaled), (bottom, right), strict=True):
        offset = np.clip(np.rint(DIGIT_SIZE / 2 - centre), 0, DIGIT_SIZE - 1 - last).astype(int)
        source = np.arange(DIGIT_SIZE) - offset[:, None]
        sources.append(np.where((source >= 0) & (source < INK_BOX_SIZE), source, INK_BOX_SIZE))
    return padded[np.arange(len(scaled))[:, None, None], sources[0][:, :, None], sources[1][:, None, :]]

"""The one conversion from pixel values to the canonical digit: 28 x 28, light ink on black, as in MNIST.

Training, evaluation and serving all call these functions. They take stacks of pictures of one size,
(n, height, width) uint8 from 0 black to 255 white. This module has no dependency on files and formats.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage

DIGIT_SIZE = 28  # pixels: the side of the canonical digit
INK_BOX_SIZE = 20  # pixels: the longest side of its ink, http://yann.lecun.com/exdb/mnist/
MIN_CONTRAST = 16  # of 255: a picture with less is blank
INK_THRESHOLD = 0.15  # of the strongest ink: weaker values are shadows of the paper, not strokes
PAPER_TOLERANCE = 40  # pixel values: a pixel nearer to the paper than this is paper, with noise
MIN_PHOTOGRAPH_SIZE = 64  # pixels: a picture with both sides longer may have uneven light, noise and specks
MAX_STACK_PIXELS = 4_000_000  # pixels in one stack: bounds the memory


def by_shape(pictures: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Stack pictures of one size: yields (k,) positions in `pictures` and their (k, height, width) stack."""
    positions: dict[tuple[int, ...], list[int]] = {}
    for position, pixels in enumerate(pictures):
        positions.setdefault(pixels.shape, []).append(position)
    for (height, width), members in positions.items():
        step = max(1, MAX_STACK_PIXELS // (height * width))
        for start in range(0, len(members), step):
            chosen = members[start : start + step]
            yield np.array(chosen), np.stack([pictures[position] for position in chosen])


def canonical(stack: np.ndarray, ink: np.ndarray | None = None) -> np.ndarray:
    """Convert (n, height, width) uint8 pixel values to canonical digits: (n, 28, 28) uint8, light ink on 0.

    As LeCun et al. describe for MNIST, the ink is scaled to a longest side of 20 pixels and its centre of mass is
    moved to the centre. A canonical picture is returned unchanged, a blank one as zeros.
    `ink` is `ink_fractions(stack)`, if the caller has computed it already.
    """
    ink = ink_fractions(stack) if ink is None else ink
    digits = np.zeros((len(stack), DIGIT_SIZE, DIGIT_SIZE), np.uint8)
    todo = (contrast(stack) >= MIN_CONTRAST) & (ink > INK_THRESHOLD).any(axis=(1, 2))
    if stack.shape[1:] == (DIGIT_SIZE, DIGIT_SIZE):
        for candidate in (stack, np.rint(ink * 255).astype(np.uint8)):
            ready = todo & is_canonical(candidate)
            digits[ready] = candidate[ready]
            todo &= ~ready
    if todo.any():
        digits[todo] = _normalized(ink[todo])
    return digits


def is_canonical(stack: np.ndarray) -> np.ndarray:
    """(n,) bool: whether each picture already meets the limits that all of MNIST's 70,000 digits meet.

    Measured on them: a longest side of 19 or 20 pixels above zero, and a centre of mass at most 0.52 pixels from
    (14, 14).
    """
    if stack.shape[1:] != (DIGIT_SIZE, DIGIT_SIZE):
        return np.zeros(len(stack), bool)
    lengths = [last - first + 1 for first, last in bounds(stack > 0)]
    centred = [np.abs(position - DIGIT_SIZE / 2) <= 0.52 for position in centre_of_mass(stack)]
    return np.isin(np.maximum(*lengths), (INK_BOX_SIZE - 1, INK_BOX_SIZE)) & np.logical_and(*centred)


def contrast(stack: np.ndarray) -> np.ndarray:
    """(n,) int: difference of the brightest and the darkest pixel, 0 to 255."""
    return stack.max(axis=(1, 2)).astype(int) - stack.min(axis=(1, 2))


def ink_fractions(stack: np.ndarray) -> np.ndarray:
    """The ink of each pixel: (n, height, width) float32, from 0 for paper to 1 for the strongest ink.

    The paper is the median of the picture's border; the ink may be darker or lighter. In a photograph, uneven light,
    noise and specks are removed first.
    """
    if min(stack.shape[1:]) > MIN_PHOTOGRAPH_SIZE:
        return np.stack([_photograph_ink(pixels) for pixels in stack])
    paper = np.median(border(stack), axis=1).astype(np.float32)
    darkest, brightest = stack.min(axis=(1, 2)).astype(np.float32), stack.max(axis=(1, 2)).astype(np.float32)
    strongest = np.where(paper - darkest > brightest - paper, darkest, brightest)
    span = np.where(strongest == paper, np.inf, strongest - paper)[:, None, None]
    return np.clip((stack - paper[:, None, None]) / span, 0, 1)


def dark_on_light(stack: np.ndarray) -> np.ndarray:
    """(n,) bool: whether the ink is darker than the paper, the median of the border."""
    paper = np.median(border(stack), axis=1)
    return paper - stack.min(axis=(1, 2)) > stack.max(axis=(1, 2)) - paper


def border(stack: np.ndarray) -> np.ndarray:
    """(n, 2 height + 2 width): the outermost pixels of each picture."""
    return np.concatenate([stack[:, 0], stack[:, -1], stack[:, :, 0], stack[:, :, -1]], axis=1)


def bounds(mask: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """First and last row, and first and last column, that contain a pixel of each (n, height, width) bool mask.

    An empty mask gives its whole height and width: 0 to height - 1 and 0 to width - 1.
    """
    found = []
    for other_axis in (2, 1):
        occupied = np.asarray(mask.any(axis=other_axis))
        found.append((occupied.argmax(axis=1), occupied.shape[1] - 1 - occupied[:, ::-1].argmax(axis=1)))
    return tuple(found)


def centre_of_mass(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) rows and (n,) columns of the centre of mass of (n, height, width); the middle where all values are 0."""
    centres = []
    for other_axis in (2, 1):
        sums = stack.sum(axis=other_axis, dtype=np.float64)
        total = sums.sum(axis=1)
        moment = sums @ np.arange(sums.shape[1])
        centres.append(np.where(total > 0, moment / np.where(total > 0, total, 1), (sums.shape[1] - 1) / 2))
    return tuple(centres)


def _normalized(ink: np.ndarray) -> np.ndarray:
    (top, bottom), (left, right) = bounds(ink > INK_THRESHOLD)
    longest = np.maximum(bottom - top, right - left) + 1
    rows = _resampling_weights(top, bottom - top + 1, longest, ink.shape[1])
    columns = _resampling_weights(left, right - left + 1, longest, ink.shape[2])
    scaled = np.clip(rows @ ink @ columns.transpose(0, 2, 1), 0, 1)
    strongest = scaled.max(axis=(1, 2), keepdims=True)
    scaled = np.rint(scaled * (255 / np.where(strongest > 0, strongest, 1))).astype(np.uint8)
    return _centred(scaled)


def _resampling_weights(first: np.ndarray, length: np.ndarray, longest: np.ndarray, size: int) -> np.ndarray:
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


def _centred(scaled: np.ndarray) -> np.ndarray:
    """Place (n, 20, 20) digits, which start in the upper left corner, in (n, 28, 28) by their centre of mass."""
    (_, bottom), (_, right) = bounds(scaled > 0)
    padded = np.pad(scaled, ((0, 0), (0, 1), (0, 1)))  # an empty row and column, for positions outside
    sources = []
    for centre, last in zip(centre_of_mass(scaled), (bottom, right), strict=True):
        offset = np.clip(np.rint(DIGIT_SIZE / 2 - centre), 0, DIGIT_SIZE - 1 - last).astype(int)
        source = np.arange(DIGIT_SIZE) - offset[:, None]
        sources.append(np.where((source >= 0) & (source < INK_BOX_SIZE), source, INK_BOX_SIZE))
    return padded[np.arange(len(scaled))[:, None, None], sources[0][:, :, None], sources[1][:, None, :]]


def _photograph_ink(pixels: np.ndarray) -> np.ndarray:
    """Ink fractions of one photograph or scan, (height, width) float32: the paper's shading is subtracted."""
    above = pixels - _paper(pixels)
    plain = np.abs(above)[np.abs(above) <= PAPER_TOLERANCE]
    noise = max(1.0, 1.4826 * float(np.median(plain))) if plain.size else 1.0  # MAD, as a standard deviation
    darker, lighter = (np.clip(sign * above - 4 * noise, 0, None) for sign in (-1, 1))
    ink = darker if np.square(darker).sum() > np.square(lighter).sum() else lighter
    strokes = ink[ink > 0.4 * ink.max()]
    strongest = float(np.median(strokes)) if strokes.size else 0
    if strongest < MIN_CONTRAST:
        return np.zeros_like(ink)
    return _without_specks(np.clip(ink / strongest, 0, 1))


def _paper(pixels: np.ndarray) -> np.ndarray:
    """The paper under the ink, (height, width) float32: a quadratic surface, fitted to the pixels near it.

    The first estimate is the border's median; three fits follow, each to the pixels near the last one.
    """
    step = max(1, max(pixels.shape) // MIN_PHOTOGRAPH_SIZE)
    small = pixels[step // 2 :: step, step // 2 :: step].astype(np.float64)
    axes = [np.linspace(-1, 1, side) for side in pixels.shape]
    y, x = np.meshgrid(*(axis[step // 2 :: step] for axis in axes), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y])
    paper = np.full_like(small, np.median(border(small[None])))
    for tolerance in (PAPER_TOLERANCE, 25, 15):  # pixel values: the slope of a shadow, then the grain of the paper
        near = np.abs(small - paper) <= tolerance
        if near.sum() < 0.2 * small.size:
            break
        known = terms[:, near]
        weights, *_ = np.linalg.lstsq(known @ known.T, known @ small[near], rcond=None)
        paper = np.tensordot(weights, terms, axes=1)
    else:
        a, b, c, d, e, f = weights
        y, x = axes[0][:, None], axes[1][None]
        return np.clip(a + b * x + c * y + d * x * y + e * x * x + f * y * y, 0, 255).astype(np.float32)
    return np.full(pixels.shape, np.median(border(pixels[None])), np.float32)


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """Remove parts smaller than a twentieth of the largest stroke: dust, grain, a dot of the pen."""
    parts, count = ndimage.label(ink > INK_THRESHOLD, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes >= max(1, sizes.max() / 20)
    return np.where(kept[parts], ink, 0)

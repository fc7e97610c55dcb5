"""The one way from grey levels to the canonical digit: 28 x 28, light ink on dark, as MNIST was made.

Training, evaluation and serving all call these functions. They take stacks, (n, height, width) uint8 with 0 black to
255 white: pictures of one size, worked on at once. Nothing here knows files, formats or tools.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import ndimage

SIDE = 28  # pixels: the side of the canonical digit
BOX = 20  # pixels: the longest side of its ink, http://yann.lecun.com/exdb/mnist/
MIN_CONTRAST = 16  # of 255: below this there is nothing to read
DRAWN = 0.15  # of the strongest ink: below it lie shadows of the paper, not strokes
GRAIN = 40  # grey levels: a pixel nearer to the paper than this is paper, whatever its noise
PHOTOGRAPH = 64  # pixels: a picture larger than this both ways has room for uneven light, noise and specks
STACK = 4_000_000  # pixels worked on at once, so that memory does not grow with the pictures


def by_shape(greys: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Put pictures of one size together: yields (k,) positions in `greys` and their (k, height, width) stack."""
    places: dict[tuple[int, ...], list[int]] = {}
    for place, grey in enumerate(greys):
        places.setdefault(grey.shape, []).append(place)
    for (height, width), members in places.items():
        step = max(1, STACK // (height * width))
        for start in range(0, len(members), step):
            chosen = members[start : start + step]
            yield np.array(chosen), np.stack([greys[place] for place in chosen])


def canonical(stack: np.ndarray, ink: np.ndarray | None = None) -> np.ndarray:
    """Turn (n, height, width) uint8 grey levels into canonical digits: (n, 28, 28) uint8, light ink on 0.

    As LeCun et al. describe for MNIST, the ink is scaled to a longest side of 20 pixels and its centre of mass is
    put in the centre. A picture that already is canonical comes back unchanged; one that is blank, all zeros.
    `ink` are the stack's `ink_levels`, where the caller has them already.
    """
    ink = ink_levels(stack) if ink is None else ink
    digits = np.zeros((len(stack), SIDE, SIDE), np.uint8)
    todo = (contrast(stack) >= MIN_CONTRAST) & (ink > DRAWN).any(axis=(1, 2))
    if stack.shape[1:] == (SIDE, SIDE):
        for candidate in (stack, np.rint(ink * 255).astype(np.uint8)):
            ready = todo & is_canonical(candidate)
            digits[ready] = candidate[ready]
            todo &= ~ready
    if todo.any():
        digits[todo] = _normalised(ink[todo])
    return digits


def is_canonical(stack: np.ndarray) -> np.ndarray:
    """(n,) bool: whether each picture already is as every one of MNIST's 70,000 is.

    Measured on all of them: a longest side of 19 or 20 pixels above zero, and a centre of mass no further than
    0.52 pixels from (14, 14).
    """
    if stack.shape[1:] != (SIDE, SIDE):
        return np.zeros(len(stack), bool)
    lengths = [last - first + 1 for first, last in bounds(stack > 0)]
    centred = [np.abs(position - SIDE / 2) <= 0.52 for position in centre_of_mass(stack)]
    return np.isin(np.maximum(*lengths), (BOX - 1, BOX)) & np.logical_and(*centred)


def contrast(stack: np.ndarray) -> np.ndarray:
    """(n,) int: difference of the brightest and the darkest pixel, 0 to 255."""
    return stack.max(axis=(1, 2)).astype(int) - stack.min(axis=(1, 2))


def ink_levels(stack: np.ndarray) -> np.ndarray:
    """How much ink each pixel holds: (n, height, width) float32, 0 the paper to 1 the strongest ink.

    The paper is what the border mostly shows; the ink may be darker or lighter than it. In a photograph, uneven
    light, noise and specks are taken away first.
    """
    if min(stack.shape[1:]) > PHOTOGRAPH:
        return np.stack([_photographed(grey) for grey in stack])
    paper = np.median(border(stack), axis=1).astype(np.float32)
    lowest, highest = stack.min(axis=(1, 2)).astype(np.float32), stack.max(axis=(1, 2)).astype(np.float32)
    strongest = np.where(paper - lowest > highest - paper, lowest, highest)
    span = np.where(strongest == paper, np.inf, strongest - paper)[:, None, None]
    return np.clip((stack - paper[:, None, None]) / span, 0, 1)


def dark_on_light(stack: np.ndarray) -> np.ndarray:
    """(n,) bool: whether the ink is darker than the paper, which is what the border mostly shows."""
    paper = np.median(border(stack), axis=1)
    return paper - stack.min(axis=(1, 2)) > stack.max(axis=(1, 2)) - paper


def border(stack: np.ndarray) -> np.ndarray:
    """(n, 2 height + 2 width): the outermost pixels of each picture."""
    return np.concatenate([stack[:, 0], stack[:, -1], stack[:, :, 0], stack[:, :, -1]], axis=1)


def bounds(mask: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """First and last row, and first and last column, that hold a pixel of each (n, height, width) bool mask.

    An empty mask gives a first row of 0 and a last one of the height - 1, so that it is as long as its picture.
    """
    found = []
    for other in (2, 1):
        there = mask.any(axis=other)
        found.append((there.argmax(axis=1), there.shape[1] - 1 - there[:, ::-1].argmax(axis=1)))
    return tuple(found)


def centre_of_mass(stack: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) rows and (n,) columns at which the levels of (n, height, width) balance; the middle where all are 0."""
    centres = []
    for other in (2, 1):
        sums = stack.sum(axis=other, dtype=np.float64)
        total = sums.sum(axis=1)
        balance = sums @ np.arange(sums.shape[1])
        centres.append(np.where(total > 0, balance / np.where(total > 0, total, 1), (sums.shape[1] - 1) / 2))
    return tuple(centres)


def _normalised(ink: np.ndarray) -> np.ndarray:
    (top, bottom), (left, right) = bounds(ink > DRAWN)
    longest = np.maximum(bottom - top, right - left) + 1
    rows = _resampling(top, bottom - top + 1, longest, ink.shape[1])
    columns = _resampling(left, right - left + 1, longest, ink.shape[2])
    scaled = np.clip(rows @ ink @ columns.transpose(0, 2, 1), 0, 1)
    strongest = scaled.max(axis=(1, 2), keepdims=True)
    scaled = np.rint(scaled * (255 / np.where(strongest > 0, strongest, 1))).astype(np.uint8)
    return _centred(scaled)


def _resampling(first: np.ndarray, length: np.ndarray, longest: np.ndarray, size: int) -> np.ndarray:
    """(n, 20, size) float32 weights that take `length` of `size` positions from `first` on to at most 20.

    They are those of bicubic interpolation with a = -0.5 (Keys 1981), widened where a picture shrinks, so that
    every pixel counts: what Pillow's `resize` does.
    """
    target = np.maximum(1, np.rint(length * (BOX / longest)))[:, None, None]
    first, length = first[:, None, None], length[:, None, None]
    step = length / target
    centre = first + (np.arange(BOX)[:, None] + 0.5) * step
    position = np.arange(size)
    distance = np.abs((position + 0.5 - centre) / np.maximum(step, 1)).astype(np.float32)
    near = (1.5 * distance - 2.5) * distance**2 + 1
    far = ((-0.5 * distance + 2.5) * distance - 4) * distance + 2
    weights = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    weights *= (position >= first) & (position < first + length) & (np.arange(BOX)[:, None] < target)
    total = weights.sum(axis=2, keepdims=True)
    return (weights / np.where(total > 0, total, 1)).astype(np.float32)


def _centred(scaled: np.ndarray) -> np.ndarray:
    """Put (n, 20, 20) digits, flush with their upper left corner, into (n, 28, 28) by their centre of mass."""
    (_, bottom), (_, right) = bounds(scaled > 0)
    padded = np.pad(scaled, ((0, 0), (0, 1), (0, 1)))  # one row and one column of nothing, for what lies outside
    sources = []
    for centre, last in zip(centre_of_mass(scaled), (bottom, right), strict=True):
        offset = np.clip(np.rint(SIDE / 2 - centre), 0, SIDE - 1 - last).astype(int)
        source = np.arange(SIDE) - offset[:, None]
        sources.append(np.where((source >= 0) & (source < BOX), source, BOX))
    return padded[np.arange(len(scaled))[:, None, None], sources[0][:, :, None], sources[1][:, None, :]]


def _photographed(grey: np.ndarray) -> np.ndarray:
    """Ink levels of one photograph or scan, (height, width) float32: the paper's own shading is taken away."""
    above = grey - _paper(grey)
    plain = np.abs(above)[np.abs(above) <= GRAIN]
    noise = max(1.0, 1.4826 * float(np.median(plain))) if plain.size else 1.0  # MAD, as a standard deviation
    darker, lighter = (np.clip(sign * above - 4 * noise, 0, None) for sign in (-1, 1))
    ink = darker if np.square(darker).sum() > np.square(lighter).sum() else lighter
    strokes = ink[ink > 0.4 * ink.max()]
    strongest = float(np.median(strokes)) if strokes.size else 0
    if strongest < MIN_CONTRAST:
        return np.zeros_like(ink)
    return _without_specks(np.clip(ink / strongest, 0, 1))


def _paper(grey: np.ndarray) -> np.ndarray:
    """The paper under the ink, (height, width) float32: a quadratic surface, fitted to all that lies near it.

    It starts from the border's median and is fitted three times, each time to the pixels that the last one explains.
    """
    step = max(1, max(grey.shape) // PHOTOGRAPH)
    small = grey[step // 2 :: step, step // 2 :: step].astype(np.float64)
    axes = [np.linspace(-1, 1, side) for side in grey.shape]
    y, x = np.meshgrid(*(axis[step // 2 :: step] for axis in axes), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y])
    paper = np.full_like(small, np.median(border(small[None])))
    for tolerance in (GRAIN, 25, 15):  # grey levels: a shadow's slope, then the paper's own grain
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
    return np.full(grey.shape, np.median(border(grey[None])), np.float32)


def _without_specks(ink: np.ndarray) -> np.ndarray:
    """Take away what is smaller than a twentieth of the largest stroke: dust, grain, a dot of the pen."""
    parts, count = ndimage.label(ink > DRAWN, np.ones((3, 3)))
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept = sizes >= max(1, sizes.max() / 20)
    return np.where(kept[parts], ink, 0)

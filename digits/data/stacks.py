"""The size of a digit, and measures of stacks of pictures of one size, (n, height, width), computed as a whole."""

from collections.abc import Iterator, Sequence

import numpy as np

from digits.arrays import Bools, Floats, Ints, Numbers, Pixels

DIGIT_SIZE = 28  # pixels: the side of the canonical digit
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


def contrast(stack: Pixels) -> Ints:
    """(n,) int: difference of the brightest and the darkest pixel, 0 to 255."""
    difference: Ints = stack.max(axis=(1, 2)).astype(int) - stack.min(axis=(1, 2))
    return difference


def border(stack: Numbers) -> Numbers:
    """(n, 2 height + 2 width): the outermost pixels of each picture."""
    return np.concatenate([stack[:, 0], stack[:, -1], stack[:, :, 0], stack[:, :, -1]], axis=1)


def bounds(mask: Bools) -> tuple[tuple[Ints, Ints], ...]:
    """First and last row, and first and last column, that contain a pixel of each (n, height, width) bool mask.

    An empty mask gives its whole height and width: 0 to height - 1 and 0 to width - 1.
    """
    found = []
    for other_axis in (2, 1):
        occupied = np.asarray(mask.any(axis=other_axis))
        found.append((occupied.argmax(axis=1), occupied.shape[1] - 1 - occupied[:, ::-1].argmax(axis=1)))
    return tuple(found)


def centre_of_mass(stack: Numbers) -> tuple[Floats, Floats]:
    """(n,) rows and (n,) columns of the centre of mass of (n, height, width); the middle where all values are 0."""
    centres = []
    for other_axis in (2, 1):
        sums = stack.sum(axis=other_axis, dtype=np.float64)
        total = sums.sum(axis=1)
        moment = sums @ np.arange(sums.shape[1])
        centres.append(np.where(total > 0, moment / np.where(total > 0, total, 1), (sums.shape[1] - 1) / 2))
    return tuple(centres)


def stroke_width(mask: Bools) -> Floats:
    """Mean width in pixels of the strokes of (n, height, width) bool: twice the area over the perimeter.

    The perimeter is Crofton's: pi / 4 times the number of changes along rows and columns.
    """
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    changes = sum(np.diff(padded, axis=axis).sum(axis=(1, 2)) for axis in (1, 2))
    width: Floats = 2 * mask.sum(axis=(1, 2)) / np.maximum(np.pi / 4 * changes, 1)
    return width

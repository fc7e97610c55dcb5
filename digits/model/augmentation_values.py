"""The random parameters of the augmentation, sampled with NumPy: Keras is not imported."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from digits.arrays import Bools

AFFINE = 6  # parameters of a digit's affine warp: rotation, shear, zoom across and down, shift across and down
DIGITS_AT_ONCE = 10_000  # sampled, in float64
GRID = 5  # control points of its elastic warp, across and down
WARP = AFFINE + 2 * GRID * GRID
APPEARANCE = 11  # columns that `appearance` names
AUGMENTATION_PARAMETERS = WARP + APPEARANCE


def sample_augmentation(
    seed: int, epoch: int, digits: int, step: int | None = None, chosen: Bools | None = None
) -> np.ndarray:
    """The augmentation parameters of an epoch, or of one step of it, (digits, AUGMENTATION_PARAMETERS) float32.

    With `chosen`, (digits,) bool, the parameters of these digits only.

    Those of the affine warp and, at the end, of the appearance are uniform in -1 to 1, those of the elastic warp are
    standard normal. They come from NumPy, so that one device and several, TensorFlow and JAX, and a training that is
    resumed all see the same digits.
    """
    random = np.random.default_rng((seed, epoch) if step is None else (seed, epoch, 2, step))
    chosen = np.ones(digits, bool) if chosen is None else chosen
    uniform: Callable[..., Any] = partial(random.uniform, -1, 1)
    sampled = np.empty((np.count_nonzero(chosen), AUGMENTATION_PARAMETERS), np.float32)
    kinds = (uniform, 0, AFFINE), (random.standard_normal, AFFINE, WARP), (uniform, WARP, AUGMENTATION_PARAMETERS)
    for draw, begin, end in kinds:
        done = 0
        for first in range(0, digits, DIGITS_AT_ONCE):
            wanted = chosen[first : first + DIGITS_AT_ONCE]
            drawn = draw(size=(len(wanted), end - begin))[wanted]
            sampled[done : done + len(drawn), begin:end] = drawn
            done += len(drawn)
    return sampled

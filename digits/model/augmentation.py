"""Augmentation: the affine and elastic warps of the digits."""

import numpy as np

from digits.arrays import Floats
from digits.data.stacks import DIGIT_SIZE
from digits.model.augmentation_values import AFFINE, GRID
from digits.model.keras_backend import Tensor, keras
from digits.params import Train

ops = keras.ops


class Warp(keras.layers.Layer):
    """Rotates, shears, zooms, shifts and bends each digit by its own parameters, all in one interpolation.

    Input: (batch, 28, 28) uint8 and (batch, WARP) float32. Output: (batch, 28, 28) float32, pixel
    values 0 to 255. Elastic warps of digits: Simard, Steinkraus and Platt 2003,
    https://doi.org/10.1109/ICDAR.2003.1227801.
    """

    def __init__(self, params: Train) -> None:
        super().__init__(dtype="float32")  # in half precision a pixel's position is too coarse
        self.params = params
        self.spline = _spline(DIGIT_SIZE, GRID)

    def call(self, images: Tensor, augmentation: Tensor) -> Tensor:
        across, down = self._affine(augmentation[:, :AFFINE, None, None])
        # (28, 5) @ (5, 5) @ (5, 28), twice a digit: each pixel's displacement across and down, root mean square 1
        grid = ops.reshape(augmentation[:, AFFINE:], (-1, 2, GRID, GRID))
        field = ops.einsum("ri,nkij,cj->nkrc", self.spline, grid, self.spline)
        field = field * self.params.elastic
        return _bilinear(images, across + field[:, 0], down + field[:, 1])

    def _affine(self, sampled: Tensor) -> tuple[Tensor, Tensor]:
        """The source position of each pixel, across and down: two of (batch, 28, 28), in pixels."""
        params, centre = self.params, (DIGIT_SIZE - 1) / 2
        angle, slant = np.deg2rad(params.rotation) * sampled[:, 0], ops.tan(np.deg2rad(params.shear) * sampled[:, 1])
        wide, high = 1 + params.zoom * sampled[:, 2], 1 + params.zoom * sampled[:, 3]
        cos, sin = ops.cos(angle), ops.sin(angle)
        x = np.arange(DIGIT_SIZE, dtype=np.float32)[None, None, :] - centre
        y = np.arange(DIGIT_SIZE, dtype=np.float32)[None, :, None] - centre
        across = wide * (cos * x + (cos * slant - sin) * y) + centre + params.shift * sampled[:, 4]
        down = high * (sin * x + (sin * slant + cos) * y) + centre + params.shift * sampled[:, 5]
        return across, down


def _spline(pixels: int, points: int) -> Floats:
    """Cubic B-spline weights, (pixels, points) float32, that turn independent normals into a smooth unit normal."""
    distance = np.abs(np.linspace(-0.5, points - 0.5, pixels)[:, None] - np.arange(points))
    weights = np.where(distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.maximum(0, 2 - distance) ** 3 / 6)
    spline: Floats = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
    return spline


def _bilinear(images: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """The pixel values at these positions, (batch, 28, 28) float32; beyond the edge the edge is repeated."""
    across, down = (ops.clip(place, 0, DIGIT_SIZE - 1.001) for place in (across, down))  # so that a neighbour exists
    left, top = ops.floor(across), ops.floor(down)
    # Looked up in one flat array of pixels: several times as fast as a look-up in three dimensions.
    pixels = ops.reshape(images, (-1,))
    first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * DIGIT_SIZE**2
    place = first + ops.cast(top * DIGIT_SIZE + left, "int32")

    def value(offset: int) -> Tensor:
        return ops.cast(ops.take(pixels, place + offset), "float32")

    across, down = across - left, down - top
    above = value(0) * (1 - across) + value(1) * across
    below = value(DIGIT_SIZE) * (1 - across) + value(DIGIT_SIZE + 1) * across
    return above * (1 - down) + below * down

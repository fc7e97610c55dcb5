"""Augmentation of how a digit is drawn and photographed: its strokes, its brightness, and what covers or crosses it."""

import numpy as np

from digits.arrays import Floats
from digits.data.stacks import DIGIT_SIZE
from digits.model.keras_backend import Tensor, keras
from digits.params import Train

ops = keras.ops

# Columns of the sampled parameters, each uniform in -1 to 1
STROKE, BRIGHTNESS, CONTRAST, BLUR, HOLE_ACROSS, HOLE_DOWN, HOLE, LINE, LINE_OFFSET, LINE_START, LINE_TURN = range(11)
REACH = DIGIT_SIZE / 2 - 4  # pixels from the middle: the ink's box of 20 pixels ends there
BLUR_SIDE = 5  # pixels of the square that is averaged
LINE_LENGTH = 10  # pixels: what cleaning leaves of a line is a short piece


class Appearance(keras.layers.Layer):
    """Makes strokes wider or narrower, blurred, fainter or of other contrast, cuts a hole and adds a piece of a line.

    Input: (batch, 28, 28) float32 pixel values, 0 to 255, and (batch, APPEARANCE) float32 from -1 to 1. Output:
    (batch, 28, 28) float32, 0 to 255. What has the bound 0 in `params` is left out.
    """

    def __init__(self, params: Train) -> None:
        super().__init__(dtype="float32")
        self.params = params

    def call(self, images: Tensor, sampled: Tensor) -> Tensor:
        sampled = sampled[:, :, None, None]
        if self.params.stroke_width:
            images = self._stroke(images, self.params.stroke_width * sampled[:, STROKE])
        if self.params.lines:
            images = ops.maximum(images, self._line(sampled))
        if self.params.occlusion:
            images = self._hole(images, sampled)
        if self.params.blur:
            images = self._blur(images, self.params.blur * (1 + sampled[:, BLUR]) / 2)
        if self.params.contrast:
            images = 255 * (images / 255) ** ops.exp(self.params.contrast * sampled[:, CONTRAST])
        return images * (1 - self.params.brightness * (1 + sampled[:, BRIGHTNESS]) / 2)

    def _stroke(self, images: Tensor, width: Tensor) -> Tensor:
        """Between the picture and that with each pixel's brightest (width 1) or darkest (-1) neighbour."""
        pixels = images[..., None]
        widest = ops.max_pool(pixels, 3, 1, "same")[..., 0]
        narrowest = -ops.max_pool(-pixels, 3, 1, "same")[..., 0]
        return images + ops.maximum(width, 0) * (widest - images) + ops.maximum(-width, 0) * (narrowest - images)

    def _blur(self, images: Tensor, amount: Tensor) -> Tensor:
        """Between the picture and its mean over 5 x 5 pixels (amount 1), as out of focus."""
        margin = (BLUR_SIDE // 2,) * 2
        padded = ops.pad(images, ((0, 0), margin, margin))[..., None]
        return images + amount * (ops.average_pool(padded, BLUR_SIDE, 1, "valid")[..., 0] - images)

    def _hole(self, images: Tensor, sampled: Tensor) -> Tensor:
        """Without a square of up to `occlusion` pixels a side."""
        size = self.params.occlusion * (1 + sampled[:, HOLE]) / 4  # half a side
        across, down = _from_middle()
        inside = ops.maximum(
            ops.abs(across - REACH * sampled[:, HOLE_ACROSS]), ops.abs(down - REACH * sampled[:, HOLE_DOWN])
        )
        return images * ops.clip(inside - size + 0.5, 0, 1)

    def _line(self, sampled: Tensor) -> Tensor:
        """A level or upright piece of a line, one pixel wide, in the fraction `lines` of the digits."""
        across, down = _from_middle()
        level = ops.cast(sampled[:, LINE_TURN] > 0, "float32")
        along, away = level * across + (1 - level) * down, level * down + (1 - level) * across
        from_middle = ops.abs(along - REACH * sampled[:, LINE_START]) - LINE_LENGTH / 2
        near = ops.clip(1 - ops.abs(away - REACH * sampled[:, LINE_OFFSET]), 0, 1) * ops.clip(-from_middle, 0, 1)
        # uniform in -1 to 1: the fraction above 1 - 2 lines, and from there to 1 its strength
        strength = ops.clip(1 + (sampled[:, LINE] - 1) / (2 * self.params.lines), 0, 1)
        return 255 * strength * near


def _from_middle() -> tuple[Floats, Floats]:
    """Each pixel's place across, (1, 1, 28), and down, (1, 28, 1), in pixels from the middle of the digit."""
    places = np.arange(DIGIT_SIZE, dtype=np.float32) - (DIGIT_SIZE - 1) / 2
    return places[None, None, :], places[None, :, None]

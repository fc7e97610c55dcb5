"""The convolutional network: its layers, the augmentation that it learns under, and the schedule of its learning rate.

Keras on whichever backend `KERAS_BACKEND` names, TensorFlow where it names none. How the network is fitted stands in
digits/training.py.
"""

import os
from typing import NamedTuple

import numpy as np

from digits.terminal import without_native_noise

with without_native_noise():  # TensorFlow greets every machine that has no GPU with four lines of warnings
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    from keras import layers, ops

from digits.canonical import SIDE
from digits.dataset import LABELS
from digits.params import Train

AFFINE = 6  # dice of a digit's affine warp: rotation, shear, zoom across and down, shift across and down
GRID = 5  # the control points of its elastic warp, across and down
DICE = AFFINE + 2 * GRID * GRID


class Network(NamedTuple):
    """Two graphs over the same layers; both give (batch, 10) float32 logits.

    `inference` takes (batch, 28, 28) uint8 grey levels. `training` takes the digits by their rows in the training
    split, (batch,) int32, and the dice by which each is warped, (batch, DICE) float32: see `throw`.
    """

    training: keras.Model
    inference: keras.Model


def build(params: Train, images: np.ndarray) -> Network:
    """The network, with fresh weights, and its training split, (n, 28, 28) uint8, kept on the device."""
    answers = inference(params)
    _, scaled, body = answers.layers
    rows = keras.Input((), dtype="int32", name="rows")
    dice = keras.Input((DICE,), dtype="float32", name="dice")
    warped = Warp(params)(Resident(images)(rows), dice)
    return Network(training=keras.Model([rows, dice], body(scaled(warped))), inference=answers)


def inference(params: Train) -> keras.Model:
    """The network for inference alone, with fresh weights, to load trained ones into."""
    greys = keras.Input((SIDE, SIDE), dtype="uint8", name="images")
    # Here and nowhere else: nobody can feed the net another range.
    scaled = keras.Sequential([layers.Reshape((SIDE, SIDE, 1)), layers.Rescaling(1 / 255)], name="scaled")  # 0 to 1
    return keras.Model(greys, _body(params)(scaled(greys)), name="digits")


def _body(params: Train) -> keras.Model:
    """Valid convolutions: a canonical digit keeps a margin of paper, and what is cut off costs no time.

    The shapes are those of the default.
    """
    stack = [keras.Input((SIDE, SIDE, 1))]  # 28 x 28 x 1
    for channels, size, stride in params.convolutions:
        # 12 x 12 x 16, 10 x 10 x 32, 8 x 8 x 48, 6 x 6 x 64
        stack += [
            layers.Conv2D(channels, size, stride, padding="valid", use_bias=False, kernel_initializer="he_normal"),
            layers.BatchNormalization(momentum=0.9, **_together(params)),
            layers.ReLU(),
        ]
    stack += [
        layers.Flatten(),  # 2,304
        layers.Dense(len(LABELS), dtype="float32"),  # 10, in full precision: small differences decide
    ]
    return keras.Sequential(stack, name="body")


def _together(params: Train) -> dict[str, bool]:
    """On several devices each sees a part of the batch; TensorFlow has to be told that a norm is over the whole."""
    return {"synchronized": True} if params.devices > 1 and keras.backend.backend() == "tensorflow" else {}


class Resident(layers.Layer):
    """The training split, kept on the device: a batch is named by its rows, and no picture travels twice.

    Input: (batch,) int32. Output: (batch, 28, 28) uint8.
    """

    def __init__(self, images: np.ndarray) -> None:
        super().__init__(dtype="float32")
        self.images = self.add_weight(
            shape=images.shape,
            dtype="uint8",
            trainable=False,
            initializer=lambda shape, dtype: ops.convert_to_tensor(images, dtype),
        )

    def call(self, rows):
        return ops.take(self.images, rows, axis=0)


def throw(seed: int, epoch: int, digits: int) -> np.ndarray:
    """The dice of an epoch, (digits, DICE) float32: uniform in -1 to 1 for the affine warp, normal for the elastic.

    NumPy throws them, so that one device and several, TensorFlow and JAX, and a training that goes on after it was
    interrupted all see the same digits.
    """
    random = np.random.default_rng((seed, epoch))
    affine = random.uniform(-1, 1, (digits, AFFINE))
    return np.concatenate([affine, random.standard_normal((digits, DICE - AFFINE))], axis=1).astype(np.float32)


class Warp(layers.Layer):
    """Turns, shears, zooms, shifts and bends each digit, as its own dice say: one warp, so that little is lost.

    Input: (batch, 28, 28) uint8 and (batch, DICE) float32. Output: (batch, 28, 28) float32, grey levels.
    Elastic warps of digits: Simard, Steinkraus and Platt 2003, https://doi.org/10.1109/ICDAR.2003.1227801.
    """

    def __init__(self, params: Train) -> None:
        super().__init__(dtype="float32")  # in half precision a pixel's place is too coarse
        self.params = params
        self.bend = _smooth(SIDE, GRID)

    def call(self, images, dice):
        across, down = self._affine(dice[:, :AFFINE, None, None])
        # (28, 5) @ (5, 5) @ (5, 28), twice a digit: how far each pixel is moved across and down, one in the mean square
        field = ops.einsum("ri,nkij,cj->nkrc", self.bend, ops.reshape(dice[:, AFFINE:], (-1, 2, GRID, GRID)), self.bend)
        field = field * self.params.elastic
        return _bilinear(images, across + field[:, 0], down + field[:, 1])

    def _affine(self, dice):
        """Where in the source each pixel comes from: two of (batch, 28, 28), in pixels."""
        params, centre = self.params, (SIDE - 1) / 2
        angle, slant = np.deg2rad(params.rotation) * dice[:, 0], ops.tan(np.deg2rad(params.shear) * dice[:, 1])
        wide, high = 1 + params.zoom * dice[:, 2], 1 + params.zoom * dice[:, 3]
        cos, sin = ops.cos(angle), ops.sin(angle)
        x = np.arange(SIDE, dtype=np.float32)[None, None, :] - centre
        y = np.arange(SIDE, dtype=np.float32)[None, :, None] - centre
        across = wide * (cos * x + (cos * slant - sin) * y) + centre + params.shift * dice[:, 4]
        down = high * (sin * x + (sin * slant + cos) * y) + centre + params.shift * dice[:, 5]
        return across, down


def _smooth(pixels: int, points: int) -> np.ndarray:
    """Cubic B-spline weights, (pixels, points) float32, that spread independent normals to a smooth unit normal."""
    distance = np.abs(np.linspace(-0.5, points - 0.5, pixels)[:, None] - np.arange(points))
    weights = np.where(distance < 1, 2 / 3 - distance**2 + distance**3 / 2, np.maximum(0, 2 - distance) ** 3 / 6)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)


def _bilinear(images, across, down):
    """The grey levels at these places, (batch, 28, 28) float32; beyond the edge the edge goes on."""
    across, down = (ops.clip(place, 0, SIDE - 1.001) for place in (across, down))  # so that a neighbour is there
    left, top = ops.floor(across), ops.floor(down)
    # Looked up in one long row of pixels: several times as fast as a look-up in three dimensions.
    pixels = ops.reshape(images, (-1,))
    first = ops.arange(ops.shape(images)[0], dtype="int32")[:, None, None] * SIDE**2
    place = first + ops.cast(top * SIDE + left, "int32")

    def level(offset: int):
        return ops.cast(ops.take(pixels, place + offset), "float32")

    across, down = across - left, down - top
    above = level(0) * (1 - across) + level(1) * across
    below = level(SIDE) * (1 - across) + level(SIDE + 1) * across
    return above * (1 - down) + below * down


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """The learning rate climbs to its peak over the first part of training, then falls to zero along a cosine.

    After Smith and Topin 2018, arXiv 1708.07120.
    """

    def __init__(self, peak: float, steps: int, warmup: float) -> None:
        self.peak, self.steps, self.warmup = peak, steps, warmup

    def __call__(self, step):
        done = ops.cast(step, "float32") / self.steps
        climb = done / self.warmup
        fall = 0.5 + 0.5 * ops.cos(np.pi * (done - self.warmup) / (1 - self.warmup))
        return self.peak * ops.where(done < self.warmup, climb, fall)


class Muon(keras.optimizers.Muon):
    """Keras's Muon, which gives every direction of a weight matrix an equal step, for convolutions.

    Keras's own steps by Muon for matrices alone; here a kernel is the matrix (size * size * channels in, channels out),
    and all that is no kernel is left to AdamW. After Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.
    """

    def _should_use_adamw(self, variable) -> bool:
        return len(variable.shape) != 4

    def _muon_update_step(self, gradient, variable, learning_rate, momentum) -> None:
        self.assign_add(momentum, gradient + momentum * (self.momentum - 1))
        ahead = ops.reshape(gradient + self.momentum * momentum, (-1, variable.shape[-1]))  # Nesterov's
        step = self.lr_adjust(self.zeropower_via_newtonschulz5(ahead, self.ns_steps))
        self.assign_sub(variable, ops.reshape(learning_rate * step, variable.shape))

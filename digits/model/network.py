"""The convolutional network: its layers, as a graph to train and a graph for inference over the same weights."""

from typing import NamedTuple

from digits.arrays import Pixels
from digits.data.dataset import NO_DIGIT
from digits.data.stacks import DIGIT_SIZE
from digits.model.appearance import Appearance
from digits.model.augmentation import Warp
from digits.model.augmentation_values import AUGMENTATION_PARAMETERS, WARP
from digits.model.keras_backend import BACKEND, Tensor, keras
from digits.params import Train

layers, ops = keras.layers, keras.ops


class Network(NamedTuple):
    """Two graphs over the same layers; both give (batch, 11) float32 logits, the last one of what is no digit.

    `inference` takes (batch, 28, 28) uint8 pixel values. `training` takes the digits by their rows in the training
    split, (batch,) int32, or where that is not on the device by their pixel values, and their augmentation parameters,
    (batch, AUGMENTATION_PARAMETERS) float32, as `sample_augmentation` gives them.
    """

    training: keras.Model
    inference: keras.Model


def build(params: Train, images: Pixels | None = None) -> Network:
    """The network, with fresh weights, and its training split, `images` (n, 28, 28) uint8, on the device.

    `images` is None where the training split is streamed, or shared by several processes.
    """
    model = inference(params)
    _, scaled, body = model.layers
    if images is None:
        digits = batch = keras.Input((DIGIT_SIZE, DIGIT_SIZE), dtype="uint8", name="batch")
    else:
        digits = keras.Input((), dtype="int32", name="rows")
        batch = DeviceDataset(images)(digits)
    augmentation = keras.Input((AUGMENTATION_PARAMETERS,), dtype="float32", name="augmentation")
    warped = Warp(params)(batch, augmentation[:, :WARP])
    drawn = Appearance(params)(warped, augmentation[:, WARP:])
    return Network(training=keras.Model([digits, augmentation], body(scaled(drawn))), inference=model)


def inference(params: Train) -> keras.Model:
    """The graph for inference alone, with fresh weights, to load trained ones into."""
    images = keras.Input((DIGIT_SIZE, DIGIT_SIZE), dtype="uint8", name="images")
    # The scale is part of the network, so that no caller can pass another range. From here on 0 to 1:
    scaled = keras.Sequential([layers.Reshape((DIGIT_SIZE, DIGIT_SIZE, 1)), layers.Rescaling(1 / 255)], name="scaled")
    return keras.Model(images, _body(params)(scaled(images)), name="digits")


def _body(params: Train) -> keras.Model:
    """Convolutions without padding: the margin of a canonical digit is empty, and needs no computation.

    The shapes in the comments are those of the default.
    """
    stack = [keras.Input((DIGIT_SIZE, DIGIT_SIZE, 1))]  # 28 x 28 x 1
    for channels, size, stride in params.convolutions:
        # 12 x 12 x 16, 10 x 10 x 32, 8 x 8 x 48, 6 x 6 x 64
        stack += [
            layers.Conv2D(channels, size, stride, padding="valid", use_bias=False, kernel_initializer="he_normal"),
            layers.BatchNormalization(momentum=0.9, **_synchronized(params)),
            layers.ReLU(),
        ]
    stack += [
        layers.Flatten(),  # 2,304
        layers.Dense(NO_DIGIT + 1, dtype="float32"),  # 11, in full precision
    ]
    return keras.Sequential(stack, name="body")


def _synchronized(params: Train) -> dict[str, bool]:
    """On several devices each has a part of the batch; by this option TensorFlow normalizes over all of it."""
    return {"synchronized": True} if params.devices > 1 and BACKEND == "tensorflow" else {}


class DeviceDataset(keras.layers.Layer):
    """The training split on the device: a batch is given by its rows, so that each image is copied there only once.

    Input: (batch,) int32. Output: (batch, 28, 28) uint8.
    """

    def __init__(self, images: Pixels) -> None:
        super().__init__(dtype="float32")
        self.images = self.add_weight(
            shape=images.shape,
            dtype="uint8",
            trainable=False,
            initializer=lambda shape, dtype: ops.convert_to_tensor(images, dtype),
        )

    def call(self, rows: Tensor) -> Tensor:
        return ops.take(self.images, rows, axis=0)

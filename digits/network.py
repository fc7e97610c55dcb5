"""The convolutional network: its layers, augmentation and schedule, how it learns and what is kept of it.

This is the one module that knows Keras.
"""

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.terminal import without_native_noise

with without_native_noise():  # TensorFlow greets every machine that has no GPU with four lines of warnings
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf
    from keras import layers, ops

from digits.canonical import SIDE
from digits.dataset import LABELS, Digits
from digits.files import replacing
from digits.params import Train


class RandomAffine(layers.Layer):
    """Turns, zooms, shears and shifts each digit by an amount of its own; does nothing at inference.

    Input and output: (batch, 28, 28, 1) float32. The one warp of all four loses less than four in a row.
    """

    def __init__(self, params: Train) -> None:
        super().__init__()
        self.params = params
        self.random = keras.random.SeedGenerator(params.seed)

    def call(self, images, training: bool = False):
        return self._warped(images) if training else images

    def _warped(self, images):
        def each(bound: float, around: float = 0.0):
            return keras.random.uniform((ops.shape(images)[0],), around - bound, around + bound, seed=self.random)

        params, centre = self.params, (SIDE - 1) / 2
        angle, slant = each(np.deg2rad(params.rotation)), ops.tan(each(np.deg2rad(params.shear)))
        across, down = each(params.zoom, around=1.0), each(params.zoom, around=1.0)
        cos, sin = ops.cos(angle), ops.sin(angle)
        # The rows of the matrix that takes a point of the result, seen from the centre, to one of the source.
        x_x, x_y = across * cos, across * (cos * slant - sin)
        y_x, y_y = down * sin, down * (sin * slant + cos)
        x_0 = centre * (1 - x_x - x_y) + each(params.shift)
        y_0 = centre * (1 - y_x - y_y) + each(params.shift)
        nothing = ops.zeros_like(angle)
        matrix = ops.stack([x_x, x_y, x_0, y_x, y_y, y_0, nothing, nothing], axis=1)
        return ops.image.affine_transform(images, matrix, interpolation="bilinear", fill_mode="constant")


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


class Network(NamedTuple):
    """Two graphs over the same layers, (batch, 28, 28) uint8 grey levels in and (batch, 10) float32 logits out.

    Only `training` augments. `inference` holds the weights and nothing that belongs to learning them.
    """

    training: keras.Model
    inference: keras.Model


def build(params: Train) -> Network:
    """The network, with fresh weights."""

    def convolution(filters: int, size: int, strides: int = 1) -> list[layers.Layer]:
        weights = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")
        return [weights, layers.BatchNormalization(momentum=0.9), layers.ReLU()]

    scaled = [  # here and nowhere else: nobody can feed the net another range
        layers.Reshape((SIDE, SIDE, 1)),
        layers.Rescaling(1 / 255),  # 28 x 28 x 1, 0 to 1
    ]
    body = [
        *convolution(16, 5, strides=2),  # 14 x 14 x 16
        *convolution(48, 3, strides=2),  # 7 x 7 x 48
        *convolution(64, 3),  # 7 x 7 x 64
        layers.Reshape((7 * 7 * 64,)),  # 3,136
        layers.Dropout(params.dropout, seed=params.seed),
        layers.Dense(len(LABELS), name="logits"),  # 10
    ]
    images = keras.Input((SIDE, SIDE), dtype="uint8", name="images")
    return Network(
        training=keras.Model(images, _through([*scaled, RandomAffine(params), *body], images)),
        inference=keras.Model(images, _through([*scaled, *body], images), name="digits"),
    )


def _through(stack: list[layers.Layer], x):
    for layer in stack:
        x = layer(x)
    return x


def make_reproducible(params: Train) -> None:
    """Seed every generator and pin the threads: the same machine then gives the same bytes. Call it first."""
    tf.config.threading.set_intra_op_parallelism_threads(params.threads)
    tf.config.threading.set_inter_op_parallelism_threads(params.threads)
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(params.seed)


def fit(
    network: Network,
    train: Digits,
    validation: Digits,
    params: Train,
    on_epoch: Callable[[int, dict[str, float]], None],
) -> list[dict[str, float]]:
    """Train `network` in place; after each epoch call `on_epoch` with its number, from 1, and its metrics.

    Returns the metrics by epoch: `loss`, `accuracy`, `val_loss` and `val_accuracy`. Those of the training split
    are measured on augmented digits while the network still learns, so they lie below the validation's.
    """
    steps = -(-len(train.labels) // params.batch_size)
    schedule = OneCycle(params.learning_rate, params.epochs * steps, params.warmup)
    network.training.compile(
        optimizer=keras.optimizers.AdamW(schedule, weight_decay=params.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=params.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # XLA is four times slower on a CPU for a net this small
    )
    history: list[dict[str, float]] = []

    def keep(epoch: int, logs: dict[str, float]) -> None:
        history.append({name: float(logs[name]) for name in ("loss", "accuracy", "val_loss", "val_accuracy")})
        on_epoch(epoch + 1, history[-1])

    network.training.fit(
        train.images,
        _one_hot(train.labels),
        validation_data=(validation.images, _one_hot(validation.labels)),
        epochs=params.epochs,
        batch_size=params.batch_size,
        callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=keep)],
        verbose=0,
    )
    return history


def save_weights(network: Network, path: Path) -> None:
    """Write the weights as HDF5: the same weights give the same bytes, which a `.keras` file's dates would not."""
    with replacing(path) as beside:
        network.inference.save_weights(beside)


def save_onnx(network: Network, path: Path) -> None:
    """Write the network for inference as ONNX: `images` (n, 28, 28) uint8 in, `probabilities` (n, 10) float32 out."""
    import onnx

    logits = network.inference.output
    classifier = keras.Model(network.inference.input, layers.Softmax()(logits))
    with replacing(path) as beside:
        signature = [keras.InputSpec(dtype="uint8", shape=(None, SIDE, SIDE), name="images")]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # of NumPy, about the converter
            classifier.export(beside, format="onnx", input_signature=signature, verbose=False)
        model = onnx.load(beside)
        _name_by_position(model.graph, result="probabilities")
        onnx.save(model, beside)


def _name_by_position(graph, result: str) -> None:
    """Name each node and tensor by where it stands: the converter numbers them as Python's hash seed has it."""
    names = {tensor.name: tensor.name for tensor in graph.input} | {"": ""}
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for position, node in enumerate(graph.node):
        for name in node.input:
            names.setdefault(name, f"weight_{len(names)}")
        for name in node.output:
            names[name] = f"{node.op_type}_{position}"
    names[graph.output[0].name] = result
    ordered = [weights[name] for name in names if name in weights]
    del graph.initializer[:]
    graph.initializer.extend(ordered)
    for node in graph.node:
        node.name = names[node.output[0]]
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for tensor in [*graph.initializer, *graph.output]:
        tensor.name = names[tensor.name]
    for tensor in [*graph.input, *graph.output]:
        tensor.type.tensor_type.shape.dim[0].dim_param = "n"


def _one_hot(labels: np.ndarray) -> np.ndarray:
    return np.eye(len(LABELS), dtype=np.float32)[labels]

"""Reproducible training, on one device or several, which can be resumed after an interruption."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from scipy.special import log_softmax

from digits.arrays import Floats, Pixels
from digits.data import stream
from digits.data.dataset import NO_DIGIT, Digits
from digits.errors import UserError
from digits.files import atomic_write
from digits.model import checkpoint as checkpoints
from digits.model import distribution
from digits.model.checkpoint import Metrics
from digits.model.input_batches import InMemory, Streamed
from digits.model.keras_backend import BACKEND, keras
from digits.model.network import Network, inference
from digits.model.optimization import optimizer
from digits.model.process_share import ProcessShare
from digits.model.streaming import Stream
from digits.params import Train
from digits.processes import suppress_native_stderr

BATCH = 840  # digits in each call of the network for inference; up to eight devices can share it
BLOCK = 10 * BATCH  # digits of a streamed validation split in memory


@contextmanager
def reproducible(params: Train, processes: int = 1) -> Iterator[None]:
    """Set the seed, the threads and the devices, of several processes where they are connected: build and fit inside.

    The same machine, number of threads and number of devices then give the same bytes. TensorFlow takes the threads
    only once a process. Raises UserError where there are fewer devices than `train.devices`.
    """
    with suppress_native_stderr():  # Keras imports TensorFlow for it, on another backend too
        keras.utils.set_random_seed(params.seed)
    keras.config.set_dtype_policy(params.precision)
    with _tensorflow(params) if BACKEND == "tensorflow" else _other(params, processes):
        yield


@contextmanager
def _tensorflow(params: Train) -> Iterator[None]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(params.threads)
    tf.config.threading.set_inter_op_parallelism_threads(params.threads)
    tf.config.experimental.enable_op_determinism()
    if params.devices == 1:
        yield
        return
    found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    with tf.distribute.MirroredStrategy(_choose([device.name for device in found], params)).scope():
        yield


@contextmanager
def _other(params: Train, processes: int) -> Iterator[None]:
    if params.devices * processes > 1:
        try:
            found = keras.distribution.list_devices()  # of all processes
        except RuntimeError as error:
            if processes == 1:
                raise
            reason = str(error).splitlines()[0]  # JAX's, in a process that lacks the GPUs that it is to take
            raise _too_few(params, processes, f"cannot use them ({reason})") from None
        devices = _choose(found, params, processes)
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False))
    yield


def _choose(devices: list[str], params: Train, processes: int = 1) -> list[str]:
    wanted = params.devices * processes
    if len(devices) < wanted:
        raise _too_few(params, processes, f"finds {len(devices)} on this machine: {', '.join(devices)}")
    return devices[:wanted]


def _too_few(params: Train, processes: int, found: str) -> UserError:
    each, lower = (f" in each of {processes} processes", "it or train.processes") if processes > 1 else ("", "it")
    return UserError(f"train.devices = {params.devices}{each}, but {BACKEND} {found}; lower {lower} in params.yaml")


def fit(
    network: Network,
    train: Digits | Stream | ProcessShare,
    validation: Digits | Path,
    params: Train,
    on_epoch: Callable[[int, Metrics, bool], None],
    checkpoint: Path | None,
    process: int = 0,
    processes: int = 1,
) -> list[Metrics]:
    """Train `network` in place; after each epoch call `on_epoch`.

    `train` is the split that the network was built with, or a stream or a process's share where it was built with none.
    `validation` is a path where it is streamed. `on_epoch` is called with the epoch's number, from 1, its metrics, and
    whether it was restored from `checkpoint`. The state after each epoch is written to that file: an interrupted
    training is resumed from there, and in one process ends with the same bytes as one that was not interrupted. The
    caller removes the file once it has written the model. None writes no file. Where several processes train together,
    each calls this with its part and its number `process`; all get the same weights and metrics, and process 0 writes
    the file.

    Returns the metrics by epoch: `loss`, `accuracy`, `val_loss` and `val_accuracy`; losses in nats, accuracies 0 to 1.
    Those of the training split are measured on augmented digits and smoothed labels while the weights still change, so
    they are worse than those of the validation split.
    """
    feed = _feed(train, params)
    _compile(network, feed.steps, params)
    key = checkpoints.key(train, validation, params) if checkpoint else ""
    history = checkpoints.restore(checkpoint, key, network) if checkpoint else []
    for number, metrics in enumerate(history, start=1):
        on_epoch(number, metrics, True)
    validate = _validator(network, validation, params, process, processes)
    for epoch in range(len(history), params.epochs):
        with feed.epoch(epoch) as batches:
            fitted = network.training.fit(**batches, shuffle=False, verbose=0).history
        history.append({name: fitted[name][0] for name in ("loss", "accuracy")} | validate())
        if checkpoint and process == 0:
            checkpoints.save(checkpoint, key, network, history)
        on_epoch(epoch + 1, history[-1], False)
    return history


def _feed(train: Digits | Stream | ProcessShare, params: Train) -> InMemory | Streamed | ProcessShare:
    if isinstance(train, ProcessShare):
        return train
    return Streamed(train) if isinstance(train, Stream) else InMemory(train, params)


def _compile(network: Network, steps: int, params: Train) -> None:
    network.training.compile(
        optimizer=optimizer(params, params.epochs * steps),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=params.label_smoothing),
        metrics=["accuracy"],
        steps_per_execution=params.steps_per_execution,
        jit_compile=_xla(),
    )
    network.training.optimizer.build(network.training.trainable_variables)


def _xla() -> bool:
    """On a CPU XLA is four times slower than TensorFlow's own kernels for a network this small; JAX needs it."""
    if BACKEND != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _validator(
    network: Network, validation: Digits | Path, params: Train, process: int, processes: int
) -> Callable[[], Metrics]:
    """A function that measures the network on the validation split; of several processes each measures a part."""
    if processes == 1:
        return lambda: _metrics(_sums(network.inference, validation_blocks(validation)))
    with distribution.local():
        own = inference(params)
    part = slice(process, None, processes)

    def validate() -> Metrics:
        with distribution.local():
            own.set_weights(network.inference.get_weights())
            blocks = (Digits(images[part], labels[part]) for images, labels in validation_blocks(validation))
            sums = _sums(own, blocks)
        return _metrics(distribution.total(sums))

    return validate


def _sums(model: keras.Model, blocks: Iterable[Digits]) -> Floats:
    """(3,) float64: the number of digits, of those that are read correctly, and the sum of their losses in nats."""
    sums = np.zeros(3)
    for images, labels in blocks:
        if len(labels):
            ten = logits(model, images)[:, :NO_DIGIT]  # as the exported file's probabilities
            scores = log_softmax(ten.astype(np.float64), axis=1)
            losses = -scores[np.arange(len(labels)), labels]
            sums += np.array([len(labels), np.count_nonzero(scores.argmax(axis=1) == labels), losses.sum()])
    return sums


def _metrics(sums: np.ndarray) -> Metrics:
    digits, correct, loss = sums.tolist()
    return {"val_loss": loss / digits, "val_accuracy": correct / digits}


def validation_blocks(validation: Digits | Path) -> Iterable[Digits]:
    """The validation split in memory; a streamed one as blocks of digits."""
    return stream.blocks(validation, BLOCK) if isinstance(validation, Path) else [validation]


def logits(model: keras.Model, images: Pixels) -> Floats:
    """The logits of the network for inference, (n, 11) float32, for (n, 28, 28) uint8 canonical digits."""
    padded = np.pad(images, [(0, -len(images) % BATCH), (0, 0), (0, 0)])  # one shape, so one compiled graph
    found: Floats = model.predict(padded, batch_size=BATCH, verbose=0)[: len(images)]
    return found


def full_precision(model: keras.Model, params: Train) -> keras.Model:
    """The same network for inference in float32, also where it was trained with another precision."""
    if params.precision == "float32":
        return model
    keras.config.set_dtype_policy("float32")
    full = inference(params.model_copy(update={"precision": "float32", "devices": 1}))
    full.set_weights(model.get_weights())
    return full


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights as HDF5: the same weights give the same bytes, unlike a `.keras` file, which contains dates."""
    with atomic_write(path) as temporary:
        model.save_weights(temporary)

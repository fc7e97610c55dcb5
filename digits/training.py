"""How the network is fitted: to the same bytes each time, on one device or several, interrupted or not."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import log_softmax

from digits import network
from digits.dataset import LABELS, Digits
from digits.errors import UserError
from digits.files import replacing
from digits.network import Muon, Network, OneCycle, keras
from digits.params import Train

BACKEND = keras.backend.backend()
BATCH = 840  # digits that are scored at a time; up to eight devices can share it

Metrics = dict[str, float]


@contextmanager
def prepared(params: Train) -> Iterator[None]:
    """Seed and pin what could differ from run to run, and choose the devices: build and fit inside the block.

    The same machine, number of threads and number of devices then give the same bytes. Raises UserError where there
    are fewer devices than `train.devices`.
    """
    keras.utils.set_random_seed(params.seed)
    keras.config.set_dtype_policy(params.precision)
    with _tensorflow(params) if BACKEND == "tensorflow" else _other(params):
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
    with tf.distribute.MirroredStrategy(_enough([device.name for device in found], params)).scope():
        yield


@contextmanager
def _other(params: Train) -> Iterator[None]:
    if params.devices > 1:
        devices = _enough(keras.distribution.list_devices(), params)
        keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices, auto_shard_dataset=False))
    yield


def _enough(devices: list[str], params: Train) -> list[str]:
    if len(devices) < params.devices:
        raise UserError(
            f"train.devices = {params.devices}, but this machine shows {len(devices)} to {BACKEND}: "
            f"{', '.join(devices)}; lower it in params.yaml"
        )
    return devices[: params.devices]


def fit(
    net: Network,
    train: Digits,
    validation: Digits,
    params: Train,
    on_epoch: Callable[[int, Metrics, bool], None],
    unfinished: Path,
) -> list[Metrics]:
    """Train `net` in place on the split that it was built with; after each epoch call `on_epoch`.

    `on_epoch` is given the epoch's number, from 1, its metrics, and whether it was restored from `unfinished`, where
    each epoch's state is kept: an interrupted training goes on from there, and ends with the same bytes as one that was
    not interrupted. Whoever has written the model removes the file.

    Returns the metrics by epoch: `loss`, `accuracy`, `val_loss` and `val_accuracy`. Those of the training split are
    measured on warped digits and smoothed labels while the network still learns, so they are worse than the
    validation's.
    """
    batch = min(params.batch_size, len(train.labels)) // params.devices * params.devices
    steps = len(train.labels) // batch  # what is left over waits for another epoch's order
    _compile(net, steps, params)
    key = _key(train, validation, params)
    history = _restore(unfinished, key, net)
    for number, metrics in enumerate(history, start=1):
        on_epoch(number, metrics, True)
    answers = np.eye(len(LABELS), dtype=np.float32)[train.labels]
    for epoch in range(len(history), params.epochs):
        rows = np.random.default_rng((params.seed, epoch, 1)).permutation(len(train.labels))[: steps * batch]
        dice = network.throw(params.seed, epoch, len(rows))
        batches = _batches((rows.astype(np.int32), dice), answers[rows], batch)
        learned = net.training.fit(**batches, shuffle=False, verbose=0)
        history.append({name: learned.history[name][0] for name in ("loss", "accuracy")} | _scored(net, validation))
        _keep(unfinished, key, net, history)
        on_epoch(epoch + 1, history[-1], False)
    return history


def _batches(given: tuple[np.ndarray, np.ndarray], answers: np.ndarray, batch: int) -> dict[str, Any]:
    """What `keras.Model.fit` is told of an epoch's batches, in their order."""
    if BACKEND != "tensorflow":
        return {"x": list(given), "y": answers, "batch_size": batch}
    import tensorflow as tf

    # As Keras would make it, but for the thread that tunes the pipeline: every third epoch waited a second for its end.
    options = tf.data.Options()
    options.autotune.enabled = False
    return {"x": tf.data.Dataset.from_tensor_slices((given, answers)).batch(batch).with_options(options)}


def _compile(net: Network, steps: int, params: Train) -> None:
    optimizer = Muon(
        OneCycle(params.learning_rate, params.epochs * steps, params.warmup),
        adam_lr_ratio=params.adam_learning_rate / params.learning_rate,
        weight_decay=params.weight_decay,
        adam_weight_decay=params.weight_decay,
        momentum=params.momentum,
    )
    net.training.compile(
        optimizer=optimizer,
        loss=keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=params.label_smoothing),
        metrics=["accuracy"],
        steps_per_execution=params.steps_per_execution,
        jit_compile=_xla(),
    )
    optimizer.build(net.training.trainable_variables)


def _xla() -> bool:
    """XLA is four times slower than TensorFlow's own kernels on a CPU for a net this small; JAX knows nothing else."""
    if BACKEND != "tensorflow":
        return True
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def _scored(net: Network, digits: Digits) -> Metrics:
    scores = log_softmax(logits(net.inference, digits.images).astype(np.float64), axis=1)
    right = scores.argmax(axis=1) == digits.labels
    loss = -scores[np.arange(len(digits.labels)), digits.labels].mean()
    return {"val_loss": float(loss), "val_accuracy": float(right.mean())}


def logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """What the network for inference says to (n, 28, 28) uint8 canonical digits: (n, 10) float32."""
    filled = np.pad(images, [(0, -len(images) % BATCH), (0, 0), (0, 0)])  # one shape, so one compiled graph
    return model.predict(filled, batch_size=BATCH, verbose=0)[: len(images)]


def _key(train: Digits, validation: Digits, params: Train) -> str:
    """What decides the bytes that come out: an unfinished training of anything else is not gone on with."""
    made = [json.dumps(params.model_dump()), BACKEND, *(version(name) for name in ("keras", BACKEND, "numpy"))]
    hashed = hashlib.sha256("\n".join(made).encode())
    for path in (network.__file__, __file__):
        hashed.update(Path(path).read_bytes())
    for digits in (train, validation):
        hashed.update(np.ascontiguousarray(digits.images))
        hashed.update(np.ascontiguousarray(digits.labels))
    return hashed.hexdigest()


def _keep(path: Path, key: str, net: Network, history: list[Metrics]) -> None:
    state = {
        **{f"weight_{number}": weight for number, weight in enumerate(net.inference.get_weights())},
        **{f"optimizer_{number}": each.numpy() for number, each in enumerate(_optimizer(net))},
    }
    with replacing(path) as beside, beside.open("wb") as file:
        np.savez(file, key=key, history=json.dumps(history), **state)


def _restore(path: Path, key: str, net: Network) -> list[Metrics]:
    """Take up the state in `path`, if it is of the same training; returns the metrics of the epochs behind it."""
    if not path.exists():
        return []
    with np.load(path) as state:
        if str(state["key"]) != key:
            return []
        net.inference.set_weights([state[f"weight_{number}"] for number in range(len(net.inference.weights))])
        for number, each in enumerate(_optimizer(net)):
            each.assign(state[f"optimizer_{number}"])
        return json.loads(str(state["history"]))


def _optimizer(net: Network) -> list[keras.Variable]:
    return net.training.optimizer.variables


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights as HDF5: the same weights give the same bytes, which a `.keras` file's dates would not."""
    with replacing(path) as beside:
        model.save_weights(beside)

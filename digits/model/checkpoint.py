"""The state of a training after each epoch, in a file from which an interrupted training is resumed."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np

from digits.data import stream
from digits.data.dataset import Digits
from digits.files import atomic_write
from digits.model.keras_backend import BACKEND, keras
from digits.model.network import Network
from digits.model.process_share import ProcessShare
from digits.model.streaming import Stream
from digits.model.training_data import NO_EFFECT
from digits.params import Train

Metrics = dict[str, float]


def key(train: Digits | Stream | ProcessShare, validation: Digits | Path, params: Train) -> str:
    """A hash of all that determines the result: only a training with the same key may be resumed."""
    values = params.model_dump(exclude=NO_EFFECT)  # the size of a stream's buffer is in its own key
    settings = [json.dumps(values), BACKEND, *(version(name) for name in ("keras", BACKEND, "numpy"))]
    hashed = hashlib.sha256("\n".join(settings).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        hashed.update(path.read_bytes())
    for digits in (train, validation):
        if isinstance(digits, Stream | ProcessShare):
            hashed.update(digits.key().encode())
        elif isinstance(digits, Path):
            hashed.update(stream.content_hash(digits).encode())
        else:
            hashed.update(np.ascontiguousarray(digits.images).data)
            hashed.update(np.ascontiguousarray(digits.labels).data)
    return hashed.hexdigest()


def save(path: Path, key: str, network: Network, history: list[Metrics]) -> None:
    """Write the weights, the optimizer's variables and the metrics by epoch."""
    state = {
        **{f"weight_{number}": weight for number, weight in enumerate(network.inference.get_weights())},
        **{f"optimizer_{number}": each.numpy() for number, each in enumerate(_optimizer(network))},
    }
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, key=key, history=json.dumps(history), **state)


def restore(path: Path, key: str, network: Network) -> list[Metrics]:
    """Load the state in `path` into the compiled network; returns the metrics by epoch, none where the key differs."""
    if not path.exists():
        return []
    with np.load(path) as state:
        if str(state["key"]) != key:
            return []
        weights = [state[f"weight_{number}"] for number in range(len(network.inference.weights))]
        network.inference.set_weights(weights)
        for number, each in enumerate(_optimizer(network)):
            each.assign(state[f"optimizer_{number}"])
        history: list[Metrics] = json.loads(str(state["history"]))
        return history


def _optimizer(network: Network) -> list[keras.Variable]:
    variables: list[keras.Variable] = network.training.optimizer.variables
    return variables

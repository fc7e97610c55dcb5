"""Train one recipe with one seed; the last line printed is the result, as JSON.

    python -m benchmarks.recipes RECIPE SEED [--non-digits 0.11] [--mnist FOLDER]

RECIPE is a preset of params.yaml, `default`, `little` (the default on the default's 4,000 digits), or a peer:
`keras`, `pytorch`. The time is that of training, with the validation of the recipe, without scoring the test split. Our
networks are scored on it once, at the end; the peers after each epoch, for their curve.
"""

import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import mnist
from benchmarks.processes import ROOT
from digits.data.dataset import LABELS, Digits
from digits.model import backend
from digits.params import Params, load

KERAS_EPOCHS = 12


class Clock:
    """Seconds of training so far, and the test accuracy, by epoch."""

    def __init__(self) -> None:
        self.seconds, self.curve, self._since = 0.0, [], time.perf_counter()

    def stop(self) -> None:
        self.seconds += time.perf_counter() - self._since

    def scored(self, accuracy: float) -> None:
        """Add the accuracy that was scored while the clock was stopped, and start it again."""
        self.curve.append({"seconds": round(self.seconds, 2), "accuracy": accuracy})
        self._since = time.perf_counter()


def with_share(params: Params, non_digits: float) -> Params:
    """The parameters with another `preprocess.non_digits`; with 0 no cut of a page is without a digit either."""
    changes = {"non_digits": non_digits} if non_digits else {"non_digits": 0.0, "page_non_digits": 0.0}
    drawn = params.preprocess.model_copy(update=changes)
    return params.model_copy(update={"preprocess": drawn})


def splits_of(name: str, folder: Path, params: Params) -> mnist.Splits:
    """The splits that a recipe of ours is trained on."""
    return (mnist.little if name == "little" else mnist.full)(folder, params)


def ours(name: str, seed: int, folder: Path, params: Params, path: Path | None = None) -> dict:
    """The network of digits/model/network.py, trained and, to `path`, exported as in the train stage."""
    backend.select(params.train.backend)
    from digits.model import export, network, training

    chosen = params.train if name in ("default", "little") else params.preset(name)
    chosen = chosen.model_copy(update={"seed": seed})
    splits = splits_of(name, folder, params)
    learned = mnist.learned(splits, params.preprocess)
    with training.reproducible(chosen), tempfile.TemporaryDirectory() as state:
        net = network.build(chosen, learned.images)
        clock = Clock()
        history = training.fit(net, learned, splits.validation, chosen, lambda *_: None, Path(state) / "checkpoint.npz")
        clock.stop()
        if path:
            export.save(net.inference, path)
        clock.scored(accuracy(net.inference, splits.test))
        return {
            "curve": clock.curve,
            "validation": history[-1]["val_accuracy"],
            "parameters": net.inference.count_params(),
            "digits": len(splits.train.labels),
            "epochs": chosen.epochs,
        }


def accuracy(net, digits: Digits) -> float:
    """The share of digits that a network of ours classifies correctly, by the logits of the ten classes."""
    from digits.model import training

    return float((training.logits(net, digits.images)[:, : len(LABELS)].argmax(axis=1) == digits.labels).mean())


def keras_model(seed: int):
    """Keras's "Simple MNIST convnet" as published, untrained: https://keras.io/examples/vision/mnist_convnet/.

    Two convolutions of 32 and 64 channels, dropout of a half, Adam at its defaults.
    """
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    # On a CPU Keras does not use XLA, with which this network takes several times as long.
    model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


def fit_keras(model, learned: Digits, epochs: int = KERAS_EPOCHS, after_epoch: Callable[..., None] | None = None):
    """Train it as published: in batches of 128, a tenth of the digits held out."""
    import keras

    one_hot = keras.utils.to_categorical(learned.labels, 10)
    after = keras.callbacks.LambdaCallback(on_epoch_end=after_epoch)
    inputs = keras_inputs(learned.images)
    model.fit(inputs, one_hot, batch_size=128, epochs=epochs, validation_split=0.1, callbacks=[after], verbose=0)


def keras_inputs(images: np.ndarray) -> np.ndarray:
    """(n, 28, 28, 1) float32, 0 to 1, of (n, 28, 28) uint8: what the model takes."""
    return images[..., None] / np.float32(255)


def keras_recipe(seed: int, folder: Path) -> dict:
    """Keras's recipe, scored on the test split after each of its 12 epochs."""
    learned, test = mnist.idx(folder, "train"), mnist.idx(folder, "t10k")
    model, unseen, clock = keras_model(seed), keras_inputs(test.images), Clock()

    def score(*_) -> None:
        clock.stop()
        clock.scored(float((model.predict(unseen, 1000, verbose=0).argmax(1) == test.labels).mean()))

    fit_keras(model, learned, after_epoch=score)
    return {"curve": clock.curve, "parameters": model.count_params(), "digits": 54_000, "epochs": KERAS_EPOCHS}


def pytorch_recipe(seed: int, folder: Path) -> dict:
    """PyTorch's "Basic MNIST Example" as published: https://github.com/pytorch/examples/tree/main/mnist.

    Two convolutions of 32 and 64 channels, two dense layers, two dropouts, Adadelta from a rate of 1 that is cut by
    0.7 each epoch, 14 epochs in batches of 64.
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    learned, test = mnist.idx(folder, "train"), mnist.idx(folder, "t10k")

    def scaled(images: np.ndarray) -> torch.Tensor:
        return (torch.from_numpy(images[:, None] / np.float32(255)) - 0.1307) / 0.3081

    images, labels, unseen = scaled(learned.images), torch.from_numpy(learned.labels), scaled(test.images)
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(9216, 128),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
        nn.LogSoftmax(dim=1),
    )
    optimizer = torch.optim.Adadelta(model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    epochs, clock = 14, Clock()
    for _ in range(epochs):
        model.train()
        for rows in torch.randperm(len(labels)).split(64):
            optimizer.zero_grad()
            nn.functional.nll_loss(model(images[rows]), labels[rows]).backward()
            optimizer.step()
        schedule.step()
        clock.stop()
        model.eval()
        with torch.no_grad():
            found = torch.cat([model(batch).argmax(1) for batch in unseen.split(1000)]).numpy()
        clock.scored(float((found == test.labels).mean()))
    size = sum(weight.numel() for weight in model.parameters())
    return {"curve": clock.curve, "parameters": size, "digits": len(labels), "epochs": epochs}


PEERS: dict[str, Callable[[int, Path], dict]] = {"keras": keras_recipe, "pytorch": pytorch_recipe}


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("recipe")
    parser.add_argument("seed", type=int)
    parser.add_argument("--non-digits", type=float, help="in place of preprocess.non_digits")
    given = parser.parse_args()
    params = load(ROOT / "params.yaml")
    if given.non_digits is not None:
        params = with_share(params, given.non_digits)
    if given.recipe in PEERS:
        result = PEERS[given.recipe](given.seed, given.mnist)
    else:
        result = ours(given.recipe, given.seed, given.mnist, params)
    print(json.dumps(result))


if __name__ == "__main__":
    main()

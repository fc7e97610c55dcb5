"""Train: fit the network on the training split, export it as ONNX, and compare the logits of the two.

Reads   data/processed/train.parquet and validation.parquet, data/interim/non_digits.parquet and page_cuts.parquet
Writes  models/digits.weights.h5, models/network.onnx (the same network, for inference), metrics/train.json,
        reports/plots/history.csv, reports/figures/learning_curves.png

The run is logged to MLflow during training, which does not affect the outputs.
"""

from collections.abc import Callable, Iterable
from time import monotonic
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import logsumexp

from digits.data.dataset import Digits
from digits.errors import UserError, run
from digits.files import atomic_write, remove, write_json
from digits.model import backend
from digits.params import Train, load
from digits.paths import CHECKPOINT, HISTORY, LEARNING_CURVES, NETWORK, TRAINING, WEIGHTS
from digits.tracking import live
from digits.visualization import figures

Metrics = dict[str, float]


def printed(epochs: int, log_epoch: Callable[[int, Metrics], None]) -> Callable[[int, Metrics, bool], None]:
    """A callback that prints each epoch's metrics and the time that is left, and logs them."""
    start, first = monotonic(), 1

    def on_epoch(number: int, metrics: Metrics, restored: bool) -> None:
        nonlocal first
        log_epoch(number, metrics)
        if restored:
            first, end = number + 1, f"restored from {CHECKPOINT}"
        else:
            end = f"{(monotonic() - start) / (number + 1 - first) * (epochs - number):3.0f} s left"
        print(
            f"epoch {number:3d}/{epochs}  loss {metrics['loss']:.4f}  accuracy {metrics['accuracy']:.2%}  "
            f"validation {metrics['val_accuracy']:.2%}  {end}",
            flush=True,
        )

    return on_epoch


def fit_and_export(params: Train, on_epoch: Callable[[int, Metrics, bool], None]) -> tuple[list[Metrics], float]:
    """Write the trained network; returns the metrics by epoch, and how much the logits of ONNX and Keras differ."""
    backend.select(params.backend)
    from digits.model import export, group_training, network, streaming, training  # Keras: after the tracking store

    train, validation = streaming.load(params, processes=params.processes)
    place = f"{params.backend} in {params.processes} processes" if params.processes > 1 else params.backend

    def on_start(size: int) -> None:
        pictures = streaming.description(train)
        print(f"training {size:,} parameters on {pictures}, with Keras on {place}", flush=True)

    if params.processes > 1:  # they use the devices, of which this process then needs one
        weights, history = group_training.fit(params, on_start, on_epoch, CHECKPOINT)
        params = params.model_copy(update={"devices": 1})
    with training.reproducible(params):
        if params.processes > 1:
            model = network.inference(params)
            model.set_weights(weights)
        else:
            net = network.build(params, train.images)
            model = net.inference
            on_start(model.count_params())
            history = training.fit(net, train, validation, params, on_epoch, CHECKPOINT)
        training.save_weights(model, WEIGHTS)
        export.save(model, NETWORK)
        trained = training.full_precision(model, params)
        return history, logit_difference(trained, training.validation_blocks(validation))


def logit_difference(trained: Any, blocks: Iterable[Digits]) -> float:
    """How much the logits of the exported file differ from those of the Keras model, on the digits of all blocks."""
    from digits.model import classifier, training

    exported, differences = classifier.Classifier(NETWORK), []
    for block in blocks:
        found = exported.predict(block.images)
        classes = np.column_stack([found.logits, found.score + logsumexp(found.logits, axis=1)])
        differences.append(np.abs(classes - training.logits(trained, block.images)).max())
    return float(np.max(differences))  # NaN where one is


def check_agreement(difference: float, bound: float) -> None:
    """Raise UserError where the ONNX file's logits are not those of the trained network."""
    if not difference <= bound:
        raise UserError(
            f"{NETWORK} gives logits that differ by up to {difference:.2g} from those of the Keras model, more than "
            f"train.max_logit_difference = {bound:.2g}: the export is wrong, or the bound too narrow for this network"
        )


def main() -> None:
    params = load()
    with live.training_run(params) as live_run:
        history, difference = fit_and_export(params.train, printed(params.train.epochs, live_run.log_epoch))
        check_agreement(difference, params.train.max_logit_difference)
        write_json(TRAINING, {"epochs": len(history), **history[-1], "max_logit_difference": difference})
        with atomic_write(HISTORY) as temporary:
            pd.DataFrame(history, index=pd.RangeIndex(1, len(history) + 1, name="epoch")).to_csv(temporary)
        figures.learning_curves(history, LEARNING_CURVES)
        live_run.set_network()
        remove(CHECKPOINT)  # last: after an error before this, no epoch is repeated
    print(f"trained: validation accuracy {history[-1]['val_accuracy']:.2%}; see {LEARNING_CURVES}")


if __name__ == "__main__":
    run(main)

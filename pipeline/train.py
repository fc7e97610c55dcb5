"""Train: fit the network on the training split, watch it on the validation split, and enter both in MLflow.

Reads   data/processed/train.parquet, data/processed/validation.parquet
Writes  models/digits.weights.h5, models/digits.onnx (the same network, for inference), metrics/train.json,
        reports/plots/history.csv, reports/figures/learning_curves.png; a run in MLflow
"""

from collections.abc import Callable
from time import monotonic

import pandas as pd

from digits import dataset, figures
from digits.errors import run
from digits.files import digest, remove, replacing, write_json
from digits.outputs import CURVES, HISTORY, ONNX, TRAINED, UNFINISHED, WEIGHTS
from digits.params import Train, load
from digits.tracking import record, runs, store


def follow(epochs: int, recording: runs.Recording) -> Callable[[int, dict[str, float], bool], None]:
    """A function that prints each epoch's figures and the time to the end, and enters them in the run."""
    began, first = monotonic(), 1

    def tell(number: int, metrics: dict[str, float], restored: bool) -> None:
        nonlocal first
        recording.epoch(number, metrics)
        if restored:
            first, end = number + 1, f"taken from {UNFINISHED}"
        else:
            end = f"{(monotonic() - began) / (number + 1 - first) * (epochs - number):3.0f} s left"
        print(
            f"epoch {number:3d}/{epochs}  loss {metrics['loss']:.4f}  accuracy {metrics['accuracy']:.2%}  "
            f"validation {metrics['val_accuracy']:.2%}  {end}",
            flush=True,
        )

    return tell


def learn(params: Train, recording: runs.Recording) -> list[dict[str, float]]:
    """Train and write the model; returns the metrics by epoch."""
    from digits import network, onnx_export, training  # Keras: only once the store has answered

    splits = {name: dataset.read_prepared(name) for name in record.SPLITS}
    with training.prepared(params):
        net = network.build(params, splits["train"].images)
        size, digits = net.inference.count_params(), len(splits["train"].labels)
        print(f"training {size:,} parameters on {digits:,} digits, with Keras on {training.BACKEND}", flush=True)
        tell = follow(params.epochs, recording)
        history = training.fit(net, **splits, params=params, on_epoch=tell, unfinished=UNFINISHED)
        training.save_weights(net.inference, WEIGHTS)
        onnx_export.save(net.inference, ONNX)
    return history


def main() -> None:
    params = load()
    store.connect()
    with runs.training(record.name(params), params.flat(), record.facts(params)) as recording:
        recording(record.log_inputs)
        history = learn(params.train, recording)
        write_json(TRAINED, {"epochs": len(history), **history[-1]})
        with replacing(HISTORY) as beside:
            pd.DataFrame(history, index=pd.RangeIndex(1, len(history) + 1, name="epoch")).to_csv(beside)
        figures.learning_curves(history, CURVES)
        recording(record.log_trained)
        recording.weights = digest(WEIGHTS, "sha256")
        remove(UNFINISHED)  # no sooner: an error on the way here costs no epoch
    print(f"trained: {history[-1]['val_accuracy']:.2%} of the validation digits are read right; see {CURVES}")


if __name__ == "__main__":
    run(main)

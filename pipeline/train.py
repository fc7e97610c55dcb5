"""Train: fit the network on the training split, watch it on the validation split, and enter both in MLflow.

Reads   data/processed/train.parquet, data/processed/validation.parquet
Writes  models/digits.weights.h5, models/digits.onnx (the same network, for inference), metrics/train.json,
        reports/plots/history.csv, reports/figures/learning_curves.png; a run in MLflow
"""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pandas as pd

from digits import dataset, figures
from digits.errors import run
from digits.files import digest, replacing, write_json
from digits.params import Params, flatten, load
from digits.tracking import runs, store

WEIGHTS = Path("models/digits.weights.h5")
ONNX = Path("models/digits.onnx")
METRICS = Path("metrics/train.json")
HISTORY = Path("reports/plots/history.csv")
CURVES = Path("reports/figures/learning_curves.png")
RECORDED = ("ingest", "validate", "preprocess", "train")  # what made the data and the model


def follow(epochs: int) -> Callable[[int, dict[str, float]], None]:
    """A function that prints each epoch's figures and the time to the end, and enters them in the run."""
    began = monotonic()

    def tell(number: int, metrics: dict[str, float]) -> None:
        runs.log_epoch(number, metrics)
        left = (monotonic() - began) / number * (epochs - number)
        print(
            f"epoch {number:3d}/{epochs}  loss {metrics['loss']:.4f}  accuracy {metrics['accuracy']:.2%}  "
            f"validation {metrics['val_accuracy']:.2%}  {left:3.0f} s left",
            flush=True,
        )

    return tell


def learn(params: Params) -> list[dict[str, float]]:
    """Train and write the model; returns the metrics by epoch."""
    from digits import network  # TensorFlow: only once the store has answered

    splits = {name: dataset.read_prepared(name) for name in ("train", "validation")}
    for name, digits in splits.items():
        path = dataset.PREPARED / f"{name}.parquet"
        runs.log_dataset(digits.images, digits.labels, path, digest(path, "md5"), context=name)
    network.make_reproducible(params.train)
    net = network.build(params.train)
    size, digits = net.inference.count_params(), len(splits["train"].labels)
    print(f"training {size:,} parameters on {digits:,} digits", flush=True)
    history = network.fit(net, **splits, params=params.train, on_epoch=follow(params.train.epochs))
    network.save_weights(net, WEIGHTS)
    network.save_onnx(net, ONNX)
    return history


def main() -> None:
    params = load()
    store.connect()
    with runs.training(flatten(params, RECORDED), tags={"source": params.ingest.source}):
        history = learn(params)
        write_json(METRICS, {"epochs": len(history), **history[-1]})
        with replacing(HISTORY) as beside:
            pd.DataFrame(history, index=pd.RangeIndex(1, len(history) + 1, name="epoch")).to_csv(beside)
        figures.learning_curves(history, CURVES)
        runs.log({}, artifacts={"figures": [CURVES], "weights": [WEIGHTS]})
        runs.log_model(ONNX)
        runs.tag(runs.WEIGHTS, digest(WEIGHTS, "sha256"))
    print(f"trained: {history[-1]['val_accuracy']:.2%} of the validation digits are read right; see {CURVES}")


if __name__ == "__main__":
    run(main)

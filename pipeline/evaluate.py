"""Evaluate: score the shipped model on the whole test split, once, and enter the scores in the run that trained it.

It also holds the shipped model's logits against those of the network that was trained.

Reads   models/digits.onnx, models/digits.weights.h5 (whose hash finds the run), data/processed/test.parquet
Writes  metrics/evaluate.json, reports/plots/predictions.csv, reports/figures/confusion_matrix.png and mistakes.png
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from digits import dataset, figures, inference, scores
from digits.errors import UserError, run
from digits.files import replacing, write_json
from digits.outputs import CONFUSION, EVALUATED, MISTAKES, ONNX, WEIGHTS
from digits.params import Train, load
from digits.tracking import record

PREDICTIONS = Path("reports/plots/predictions.csv")


def trained_logits(params: Train, images: np.ndarray) -> np.ndarray:
    """What the trained network says, in Keras and in full precision, to (n, 28, 28) uint8: (n, 10) float32."""
    from digits import network, training  # Keras: slow to load, and wanted here alone

    full = params.model_copy(update={"precision": "float32", "devices": 1})
    with training.prepared(full):
        model = network.inference(full)
        model.load_weights(WEIGHTS)
        return training.logits(model, images)


def main() -> None:
    whole = load()
    params = whole.evaluate
    test = dataset.read_prepared("test")
    probabilities, logits = inference.answers(ONNX, test.images)
    difference = float(np.abs(logits - trained_logits(whole.train, test.images)).max())
    result = scores.score(probabilities, test.labels)
    worst = scores.worst_mistakes(probabilities, test.labels, params.worst_mistakes)

    write_json(EVALUATED, {"test": result.to_dict(), "logit_difference": difference})
    with replacing(PREDICTIONS) as beside:
        columns = {"label": test.labels, "predicted": probabilities.argmax(axis=1)}
        pd.DataFrame(columns).to_csv(beside, index=False)
    figures.confusion_matrix(scores.confusion_matrix(probabilities, test.labels), CONFUSION)
    figures.mistakes(test.images[worst], test.labels[worst], probabilities[worst], worst, MISTAKES)

    try:
        record.enter(whole)
    except UserError as error:  # the scores are in the files: the stage after this one enters them
        print(f"warning: {error}", file=sys.stderr)
    wrong = round((1 - result.accuracy) * len(test.labels))
    print(
        f"evaluated: {result.accuracy:.2%} of {len(test.labels):,} test digits are read right, {wrong} wrong, "
        f"log loss {result.log_loss:.4f}; see {MISTAKES}"
    )


if __name__ == "__main__":
    run(main)

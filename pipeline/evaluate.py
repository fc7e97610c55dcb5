"""Evaluate: score the shipped model on the whole test split, once, and enter the scores in the run that trained it.

Reads   models/digits.onnx, models/digits.weights.h5 (whose hash finds the run), data/processed/test.parquet
Writes  metrics/evaluate.json, reports/plots/predictions.csv, reports/figures/confusion_matrix.png and mistakes.png
"""

from pathlib import Path

import pandas as pd

from digits import dataset, figures, inference, scores
from digits.errors import run
from digits.files import digest, replacing, write_json
from digits.params import load
from digits.tracking import runs

WEIGHTS = Path("models/digits.weights.h5")
ONNX = Path("models/digits.onnx")
METRICS = Path("metrics/evaluate.json")
PREDICTIONS = Path("reports/plots/predictions.csv")
CONFUSION = Path("reports/figures/confusion_matrix.png")
MISTAKES = Path("reports/figures/mistakes.png")


def main() -> None:
    params = load().evaluate
    test = dataset.read_prepared("test")
    probabilities = inference.probabilities(ONNX, test.images)
    result = scores.score(probabilities, test.labels)
    worst = scores.worst_mistakes(probabilities, test.labels, params.worst_mistakes)

    write_json(METRICS, {"test": result.to_dict()})
    with replacing(PREDICTIONS) as beside:
        columns = {"label": test.labels, "predicted": probabilities.argmax(axis=1)}
        pd.DataFrame(columns).to_csv(beside, index=False)
    figures.confusion_matrix(scores.confusion_matrix(probabilities, test.labels), CONFUSION)
    figures.mistakes(test.images[worst], test.labels[worst], probabilities[worst], worst, MISTAKES)

    with runs.of_weights(digest(WEIGHTS, "sha256"), ONNX):
        by_class = {f"test_f1_{label}": one.f1 for label, one in result.classes.items()}
        runs.log(
            {"test_accuracy": result.accuracy, "test_log_loss": result.log_loss, **by_class},
            artifacts={"figures": [CONFUSION, MISTAKES], "metrics": [METRICS]},
        )
    wrong = round((1 - result.accuracy) * len(test.labels))
    print(
        f"evaluated: {result.accuracy:.2%} of {len(test.labels):,} test digits are read right, {wrong} wrong, "
        f"log loss {result.log_loss:.4f}; see {MISTAKES}"
    )


if __name__ == "__main__":
    run(main)

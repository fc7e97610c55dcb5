"""Evaluate: score the exported model on the validation split, by which models are chosen, and once on the test split.

Reads   models/digits.onnx, data/processed/validation.parquet, data/processed/test.parquet
Writes  metrics/evaluate.json, reports/plots/predictions.csv, reports/figures/confusion_matrix.png and mistakes.png
"""

from dataclasses import asdict

import pandas as pd

from digits.data import dataset
from digits.errors import run
from digits.evaluation import metrics
from digits.files import atomic_write, write_json
from digits.model.classifier import Classifier
from digits.params import load
from digits.paths import CONFUSION_MATRIX, EVALUATION, MISTAKES, ONNX, PREDICTIONS
from digits.visualization import figures


def main() -> None:
    params = load().evaluate
    validation, test = (dataset.read_processed(split) for split in ("validation", "test"))
    classifier = Classifier(ONNX)
    validated = metrics.score(classifier.predict(validation.images).probabilities, validation.labels)
    probabilities = classifier.predict(test.images).probabilities
    scores = metrics.score(probabilities, test.labels)
    worst = metrics.worst_mistakes(probabilities, test.labels, params.worst_mistakes)

    chosen_by = {"accuracy": validated.accuracy, "log_loss": validated.log_loss}
    write_json(EVALUATION, {"validation": chosen_by, "test": asdict(scores)})
    with atomic_write(PREDICTIONS) as temporary:
        columns = {"label": test.labels, "predicted": probabilities.argmax(axis=1)}
        pd.DataFrame(columns).to_csv(temporary, index=False)
    figures.confusion_matrix(metrics.confusion_matrix(probabilities, test.labels), CONFUSION_MATRIX)
    figures.mistakes(test.images[worst], test.labels[worst], probabilities[worst], worst, MISTAKES)

    wrong = round((1 - scores.accuracy) * len(test.labels))
    print(
        f"evaluated: accuracy {scores.accuracy:.2%} on {len(test.labels):,} test digits ({wrong} misclassified), "
        f"log loss {scores.log_loss:.4f}; see {MISTAKES}"
    )


if __name__ == "__main__":
    run(main)

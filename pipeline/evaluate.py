"""Evaluate: score the exported model on the validation split, by which models are chosen, and once on the test split.

Reads   models/network.onnx, data/processed/validation.parquet, data/processed/test.parquet
Writes  models/digits.onnx, metrics/evaluate.json, reports/plots/predictions.csv, and in reports/figures/
        confusion_matrix.png and mistakes.png
"""

from dataclasses import asdict

import pandas as pd

from digits.data import dataset
from digits.errors import run
from digits.evaluation import metrics
from digits.files import atomic_write, write_json
from digits.model import acceptance
from digits.model.classifier import Classifier
from digits.params import load
from digits.paths import CONFUSION_MATRIX, EVALUATION, MISTAKES, NETWORK, ONNX, PREDICTIONS, PROCESSED
from digits.visualization import figures


def format_sources(by_source: dict[str, dict[str, float]]) -> str:
    """The accuracy on each source's test digits; empty where there is only one source."""
    if len(by_source) == 1:
        return ""
    return "; " + ", ".join(f"{name} {one['accuracy']:.2%} of {one['pictures']:,}" for name, one in by_source.items())


def main() -> None:
    params = load().evaluate
    validation, test = (dataset.read_processed(split) for split in ("validation", "test"))
    sources, test_sources = (dataset.read_sources(PROCESSED / f"{split}.parquet") for split in ("validation", "test"))
    acceptance.apply(NETWORK, acceptance.Acceptance(), ONNX)
    classifier = Classifier(ONNX)
    validation_probabilities = classifier.predict(validation.images).probabilities
    validated = metrics.score(validation_probabilities, validation.labels)
    probabilities = classifier.predict(test.images).probabilities
    scores = metrics.score(probabilities, test.labels)
    by_source = metrics.score_groups(probabilities, test.labels, test_sources)
    worst = metrics.worst_mistakes(probabilities, test.labels, params.worst_mistakes)

    chosen_by = {
        "accuracy": validated.accuracy,
        "log_loss": validated.log_loss,
        "sources": metrics.score_groups(validation_probabilities, validation.labels, sources),
    }
    write_json(EVALUATION, {"validation": chosen_by, "test": {**asdict(scores), "sources": by_source}})
    with atomic_write(PREDICTIONS) as temporary:
        columns = {"label": test.labels, "predicted": probabilities.argmax(axis=1), "source": test_sources}
        pd.DataFrame(columns).to_csv(temporary, index=False)
    figures.confusion_matrix(metrics.confusion_matrix(probabilities, test.labels), CONFUSION_MATRIX)
    figures.mistakes(test.images[worst], test.labels[worst], probabilities[worst], worst, MISTAKES)

    wrong = round((1 - scores.accuracy) * len(test.labels))
    print(
        f"evaluated: accuracy {scores.accuracy:.2%} on {len(test.labels):,} test digits ({wrong} misclassified"
        f"{format_sources(by_source)}), log loss {scores.log_loss:.4f}; see {MISTAKES}"
    )


if __name__ == "__main__":
    run(main)

"""Evaluate: choose what the model accepts on the validation split, and score it once on the test split.

Reads   models/network.onnx, data/processed/, data/interim/non_digits.parquet, statistics.parquet and quarantine.csv
Writes  models/digits.onnx (the network with its temperature and bounds), metrics/evaluate.json, and in reports/
        plots/predictions.csv, figures/confusion_matrix.png, mistakes, reliability, risk_coverage and slices.png

The parts of the validation split choose temperature, bound of the outlier score and threshold; docs/trust.md says how.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from digits import paths
from digits.data import dataset
from digits.data.dataset import Digits
from digits.errors import run
from digits.evaluation import calibration, choice, message, metrics, refusal, slices, summary
from digits.evaluation.choice import Choice
from digits.files import atomic_write, write_json
from digits.model.classifier import Classifier, Predictions
from digits.params import Evaluate, load
from digits.visualization import evaluation_figures, figures, slice_figures


class Split(NamedTuple):
    """n digits of a split, their (n,) names of sources, and what the model predicts for them."""

    digits: Digits
    sources: np.ndarray
    found: Predictions


def choose_acceptance(params: Evaluate) -> Choice:
    """Write models/digits.onnx, with what it accepts."""
    validation, hashes = dataset.read_processed("validation"), dataset.read_picture_hashes("validation")
    training = dataset.read_processed("train").images
    return choice.choose(paths.NETWORK, validation, hashes, training, params, paths.ONNX)


def predict(classifier: Classifier, split: str) -> Split:
    digits = dataset.read_processed(split)
    sources = dataset.read_sources(paths.PROCESSED / f"{split}.parquet")
    return Split(digits, sources, classifier.predict(digits.images))


def group(test: Split) -> pd.DataFrame:
    """The group of each test digit in each slice."""
    statistics = pd.read_parquet(paths.STATISTICS, columns=["split", "row", "label", "extent", "contrast"])
    rows = slices.of_processed(statistics, pd.read_csv(paths.QUARANTINE), "test", test.digits.labels)
    columns = (rows[name].to_numpy() for name in ("extent", "contrast"))
    return slices.group(*test.digits, test.sources, *columns)


def write_predictions(test: Split) -> None:
    probabilities, _, score, accepted = test.found
    columns = {"label": test.digits.labels, "predicted": probabilities.argmax(axis=1), "source": test.sources}
    columns |= {"probability": probabilities.max(axis=1), "score": score, "accepted": accepted}
    with atomic_write(paths.PREDICTIONS) as temporary:
        pd.DataFrame(columns).to_csv(temporary, index=False)


def draw(test: Split, scores: dict[str, Any], groups: pd.DataFrame, table: pd.DataFrame, params: Evaluate) -> None:
    """The figures of the test split, and of its slices: `table` is that of `slices.score`."""
    (images, labels), probabilities = test.digits, test.found.probabilities
    figures.confusion_matrix(metrics.confusion_matrix(probabilities, labels), paths.CONFUSION_MATRIX)
    rows = metrics.worst_mistakes(probabilities, labels, params.worst_mistakes)
    figures.mistakes(images[rows], labels[rows], probabilities[rows], rows, paths.MISTAKES)
    evaluation_figures.reliability(*calibration.reliability(probabilities, labels), paths.RELIABILITY)
    curve = refusal.risk_coverage(probabilities, labels)
    evaluation_figures.risk_coverage(
        curve.coverage,
        curve.error,
        curve.area,
        (scores["test"]["coverage"], scores["test"]["error_when_accepted"]),
        scores["acceptance"]["min_probability"],
        paths.RISK_COVERAGE,
    )
    worst = slices.worst(table)
    rows = slices.hardest(groups, worst, probabilities, labels)
    slice_figures.slices(table, worst, Digits(images[rows], labels[rows]), probabilities[rows], paths.SLICES)


def main() -> None:
    params = load().evaluate
    chosen = choose_acceptance(params)
    classifier = Classifier(paths.ONNX)
    validation, test = (predict(classifier, split) for split in ("validation", "test"))
    labels, others = test.digits.labels, dataset.read_non_digits("test")
    groups = group(test)
    table = slices.score(groups, test.found.probabilities.argmax(axis=1) == labels)
    evaluated = {
        "validation": summary.split_scores(validation.found, validation.digits.labels, validation.sources),
        "test": {
            **summary.split_scores(test.found, labels, test.sources),
            **summary.confidence(test.found, labels),
            **summary.accepted(test.found, labels),
            **slices.as_metrics(table),
        },
        "acceptance": summary.acceptance(chosen),
        **summary.non_digits(test.found, classifier.predict(others.images), others),
        **summary.robustness(classifier, test.digits, params.corrupted_digits),
    }
    write_json(paths.EVALUATION, evaluated)
    write_predictions(test)
    draw(test, evaluated, groups, table, params)
    print(message.text(evaluated, chosen.certificate, slices.worst(table)))


if __name__ == "__main__":
    run(main)

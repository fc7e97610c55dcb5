"""Evaluate: choose what the model accepts on the validation split, and score it once on the test split.

Reads   models/network.onnx, data/processed/, data/interim/non_digits.parquet, page_cuts.parquet (to count them),
        statistics.parquet and quarantine.csv, reports/figures/learning_curves.png
Writes  models/digits.onnx (the network with its temperature and bounds), models/README.md (the model card),
        metrics/evaluate.json, and in reports/ evaluation.html, plots/predictions.csv, reliability.csv and
        risk_coverage.csv, figures/confusion_matrix.png, mistakes, reliability, risk_coverage and slices.png

The parts of the validation split choose temperature, bound of the outlier score and threshold, as
docs/explanation/refusal.md explains.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits import paths
from digits.data import dataset, processed_tables, training_tables
from digits.data.dataset import Digits
from digits.data.page_orders import PAGE_WORKLOAD, PageOrder
from digits.errors import run
from digits.evaluation import choice, curves, message, model_card, plots, report, slices, summary
from digits.evaluation.choice import Choice
from digits.evaluation.result import Evaluation
from digits.files import atomic_write, write_json
from digits.model.classifier import Classifier, Predictions
from digits.params import Evaluate, load
from digits.processes import parallel_map
from digits.reading import measurement


class Split(NamedTuple):
    """n digits of a split, their (n,) names of sources, and what the model predicts for them."""

    digits: Digits
    sources: np.ndarray
    found: Predictions


def choose_acceptance(params: Evaluate) -> Choice:
    """Write models/digits.onnx, with what it accepts."""
    validation = processed_tables.read_processed("validation")
    hashes = processed_tables.read_picture_hashes("validation")
    path = paths.PROCESSED / "train.parquet"
    training = processed_tables.read_digit_rows(path, choice.training_rows(dataset.count_rows(path))).images
    return choice.choose(paths.NETWORK, validation, hashes, training, params, paths.ONNX)


def predict(classifier: Classifier, split: str) -> Split:
    digits = processed_tables.read_processed(split)
    sources = dataset.read_sources(paths.PROCESSED / f"{split}.parquet")
    return Split(digits, sources, classifier.predict(digits.images))


def write_predictions(test: Split) -> None:
    probabilities, _, score, accepted = test.found
    columns = {"label": test.digits.labels, "predicted": probabilities.argmax(axis=1), "source": test.sources}
    columns |= {"probability": probabilities.max(axis=1), "score": score, "accepted": accepted}
    with atomic_write(paths.PREDICTIONS) as temporary:
        pd.DataFrame(columns).to_csv(temporary, index=False)


def read_pages(orders: list[PageOrder]) -> dict[str, dict[str, float]]:
    """The scores of the composed pages, by difficulty, and of the grids."""
    counts = parallel_map(partial(measurement.measure, paths.ONNX), orders, PAGE_WORKLOAD * len(orders))
    return measurement.summary(orders, tqdm(counts, "read pages", len(orders), unit=" pages", disable=None))


def main() -> None:
    settings = load()
    params = settings.evaluate
    chosen = choose_acceptance(params)
    classifier = Classifier(paths.ONNX)
    validation, test = (predict(classifier, split) for split in ("validation", "test"))
    labels, others = test.digits.labels, training_tables.read_non_digits("test")
    found_others = classifier.predict(others.images)
    groups = slices.read_groups("test", test.digits, test.sources)
    table = slices.score(groups, test.found.probabilities.argmax(axis=1) == labels)
    pages = measurement.orders(params, test.digits)
    evaluated = {
        "validation": summary.split_scores(validation.found, validation.digits.labels, validation.sources),
        "test": {
            **summary.split_scores(test.found, labels, test.sources),
            **summary.confidence(test.found, labels),
            **summary.accepted(test.found, labels),
            **slices.as_metrics(table),
        },
        "acceptance": summary.acceptance(chosen),
        **summary.non_digits(test.found, found_others, others),
        **summary.robustness(classifier, test.digits, params.corrupted_digits),
        "pages": read_pages(pages),
    }
    evaluation = Evaluation(
        classifier=classifier,
        test=test.digits,
        found=test.found,
        others=others,
        found_others=found_others,
        groups=groups,
        table=table,
        metrics=evaluated,
        certificate=chosen.certificate,
        page=measurement.shown(paths.ONNX, pages),
    )
    write_json(paths.EVALUATION, evaluated)
    write_predictions(test)
    curves.write(test.found.probabilities, labels)
    plots.draw(evaluation, params.worst_mistakes)
    report.write(evaluation)
    model_card.write(evaluated, chosen.certificate, settings.train)
    print(message.text(evaluated, chosen.certificate, slices.worst(table)))


if __name__ == "__main__":
    run(main)

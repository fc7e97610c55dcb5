"""Evaluate: choose what the model accepts on the validation split, and score it once on the test split.

Reads   models/network.onnx, data/processed/, data/interim/non_digits.parquet, statistics.parquet and quarantine.csv
Writes  models/digits.onnx (the network with its temperature and bounds), metrics/evaluate.json, and in reports/
        plots/predictions.csv, figures/confusion_matrix.png, mistakes, reliability, risk_coverage and slices.png

The parts of the validation split choose temperature, bound of the outlier score and threshold; docs/trust.md says how.
"""

from typing import Any

import numpy as np
import pandas as pd

from digits import paths
from digits.data import dataset
from digits.data.canonical import canonical
from digits.data.dataset import Digits
from digits.errors import run
from digits.evaluation import calibration, choice, fonts, metrics, refusal, slices, summary
from digits.evaluation.choice import Choice
from digits.files import atomic_write, write_json
from digits.model.classifier import Classifier, Predictions
from digits.params import Evaluate, load
from digits.visualization import evaluation_figures, figures, slice_figures


def choose_acceptance(params: Evaluate) -> Choice:
    """Write models/digits.onnx, with what it accepts."""
    validation, hashes = dataset.read_processed("validation"), dataset.read_picture_hashes("validation")
    training = dataset.read_processed("train").images
    return choice.choose(paths.NETWORK, validation, hashes, training, params, paths.ONNX)


def robustness(classifier: Classifier, test: Digits, params: Evaluate) -> dict[str, Any]:
    """`corruption_error` of some test digits, and `font_accuracy`."""

    def predict(images: np.ndarray) -> np.ndarray:
        return classifier.predict(images).probabilities.argmax(axis=1)

    rows = np.random.default_rng(0).permutation(len(test.labels))[: params.corrupted_digits]
    printed = fonts.printed_digits()
    return {
        "corruption_error": summary.corruption_error(predict, test.images[rows], test.labels[rows]),
        **summary.rate("font_accuracy", predict(canonical(printed.pictures)) == printed.labels),
    }


def slice_table(test: Digits, sources: np.ndarray, probabilities: np.ndarray) -> pd.DataFrame:
    """The accuracy on each slice of the test split; also drawn."""
    statistics = pd.read_parquet(paths.STATISTICS, columns=["split", "row", "label", "extent", "contrast"])
    rows = slices.of_processed(statistics, pd.read_csv(paths.QUARANTINE), "test", test.labels)
    columns = (rows[name].to_numpy() for name in ("extent", "contrast"))
    groups = slices.group(test.images, test.labels, sources, *columns)
    table = slices.score(groups, probabilities.argmax(axis=1) == test.labels)
    worst = slices.worst(table)
    hard = slices.hardest(groups, worst, probabilities, test.labels)
    hardest = Digits(test.images[hard], test.labels[hard])
    slice_figures.slices(table, worst, hardest, probabilities[hard], paths.SLICES)
    return table


def draw(test: Digits, found: Predictions, chosen: Choice, params: Evaluate) -> None:
    """The figures of the test split."""
    probabilities, accepted = found.probabilities, summary.accepted(found, test.labels)
    figures.confusion_matrix(metrics.confusion_matrix(probabilities, test.labels), paths.CONFUSION_MATRIX)
    worst = metrics.worst_mistakes(probabilities, test.labels, params.worst_mistakes)
    figures.mistakes(test.images[worst], test.labels[worst], probabilities[worst], worst, paths.MISTAKES)
    table = calibration.reliability(probabilities, test.labels)
    evaluation_figures.reliability(
        table.confidence,
        table.accuracy,
        (table.low, table.high),
        (table.ideal_low, table.ideal_high),
        table.digits,
        paths.RELIABILITY,
    )
    curve = refusal.risk_coverage(probabilities, test.labels)
    point = accepted["coverage"], accepted["error_when_accepted"]
    threshold = chosen.acceptance.min_probability
    evaluation_figures.risk_coverage(curve.coverage, curve.error, curve.area, point, threshold, paths.RISK_COVERAGE)


def print_summary(evaluated: dict[str, Any], chosen: Choice, worst: pd.Series) -> None:
    """The main figures in words."""
    test, refused, errors = evaluated["test"], evaluated["refused"], evaluated["corruption_error"]
    kinds = [name for name in refused if f"{name}_low" in refused]
    least = min(kinds, key=refused.__getitem__)
    sources = test["sources"] if len(test["sources"]) > 1 else {}
    by_source = "".join(f"; {name} {one['accuracy']:.2%} of {one['pictures']:,}" for name, one in sources.items())
    print(
        f"evaluated: accuracy {test['accuracy']:.2%} ({test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}) on "
        f"{test['pictures']:,} test digits{by_source}; log loss {test['log_loss']:.4f}\n"
        f"  calibration error {test['ece']:.2%}; a perfectly calibrated model shows "
        f"{test['ece_if_calibrated_low']:.2%} to {test['ece_if_calibrated_high']:.2%}\n"
        f"  accepts {test['coverage']:.2%} of the test digits, of which {test['error_when_accepted']:.2%} are misread\n"
        f"  certified: {chosen.certificate}; it holds for digits like these, not for photographs or other things\n"
        f"  refuses of what is no digit {np.mean([refused[kind] for kind in kinds]):.1%}, least of "
        f"{least.replace('_', ' ')}, {refused[least]:.1%}\n"
        f"  misreads {errors['mean']:.1%} of corrupted digits, {1 - evaluated['font_accuracy']:.1%} of printed ones; "
        f"the worst slice is {worst['slice']}: {worst['group']}, {worst['accuracy']:.2%}\n"
        f"next: look at {paths.MISTAKES}, {paths.RELIABILITY} and {paths.SLICES}"
    )


def main() -> None:
    params = load().evaluate
    chosen = choose_acceptance(params)
    classifier = Classifier(paths.ONNX)
    evaluated: dict[str, Any] = {}
    for split in ("validation", "test"):
        digits, sources = dataset.read_processed(split), dataset.read_sources(paths.PROCESSED / f"{split}.parquet")
        found = classifier.predict(digits.images)
        evaluated[split] = {"pictures": len(digits.labels), **summary.split_scores(found, digits.labels, sources)}
    evaluated["test"] |= summary.confidence(found, digits.labels) | summary.accepted(found, digits.labels)
    evaluated["acceptance"] = summary.acceptance(chosen)
    others = dataset.read_non_digits("test")
    blank = ~np.any(others.images, axis=(1, 2))
    evaluated |= summary.non_digits(found, classifier.predict(others.images), others.kinds, blank)
    evaluated |= robustness(classifier, digits, params)
    table = slice_table(digits, sources, found.probabilities)
    evaluated["test"] |= slices.as_metrics(table)
    write_json(paths.EVALUATION, evaluated)
    with atomic_write(paths.PREDICTIONS) as temporary:
        columns = {"label": digits.labels, "predicted": found.probabilities.argmax(axis=1), "source": sources}
        columns |= {"probability": found.probabilities.max(axis=1), "score": found.score, "accepted": found.accepted}
        pd.DataFrame(columns).to_csv(temporary, index=False)
    draw(digits, found, chosen, params)
    print_summary(evaluated, chosen, slices.worst(table))


if __name__ == "__main__":
    run(main)

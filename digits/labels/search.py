"""The search for label issues among the digits of all splits."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import softmax

from digits import paths
from digits.arrays import Floats, Ints
from digits.data import dataset, processed_tables, raw_tables
from digits.data.dataset import Digits
from digits.data.raw_tables import Example
from digits.errors import Interrupted, UserError, printable
from digits.evaluation import calibration, labels
from digits.evaluation.labels import LabelIssues
from digits.files import remove
from digits.labels import folds, issues, page
from digits.labels.issues import Issue
from digits.params import Params

Place = tuple[str, int]  # of a raw picture: its split and row


class Found(NamedTuple):
    """The issues, how many other rows reports/labels.csv keeps, decided before, and how many digits were searched."""

    issues: list[Issue]
    kept: int
    digits: int


def find(params: Params, count: int) -> Found:
    """Write reports/labels.csv, with the decisions that it has already, and reports/labels.html.

    Each digit of data/processed is predicted by one of `count` networks that was trained without it. After Ctrl-C the
    same call goes on with the epoch that was interrupted.
    """
    decided = issues.read() if paths.LABEL_ISSUES.exists() else []  # first: it may have an error
    hashes = np.concatenate([processed_tables.read_picture_hashes(split) for split in dataset.SPLITS]).astype(str)
    digits = Digits(*map(np.concatenate, zip(*map(processed_tables.read_processed, dataset.SPLITS), strict=True)))
    places = _raw_places()
    if set(hashes.tolist()) - places.keys():
        raise UserError(f"{paths.PROCESSED} has pictures that {paths.RAW} lacks: bring both up to date by `dvc repro`")
    fold = folds.assign(digits, count, params.ingest, params.train.seed)

    def on_fold(number: int, agreement: float) -> None:
        print(f"fold {number + 1} of {count}: its network predicts {agreement:.2%} of the given labels", flush=True)

    try:
        logits = folds.logits(digits, fold, params.train, paths.FOLDS, on_fold)
    except KeyboardInterrupt:
        raise Interrupted("interrupted: the same command goes on where it stopped") from None
    label_issues = labels.find_issues(digits.labels, calibrate(logits, digits.labels))
    found = write(label_issues, hashes, digits.labels, places, decided, count)
    remove(paths.FOLDS)
    return found


def write(
    label_issues: LabelIssues,
    hashes: np.ndarray,
    given: Ints,
    places: dict[str, Place],
    decided: Sequence[Issue],
    count: int,
) -> Found:
    """Write the list and the page of the issues among n digits, searched for in `count` folds.

    `hashes` (n,) str are those of their pictures, `given` (n,) int their labels, and `decided` the list so far. A
    picture that several digits have is listed once.
    """
    _, first = np.unique(hashes[label_issues.rows], return_index=True)
    label_issues = LabelIssues._make(values[np.sort(first)] for values in label_issues)
    examples = _read_raw([places[one] for one in hashes[label_issues.rows]])
    found = [
        Issue(
            sha256=example.sha256.hex(),
            path=printable(example.path),
            split=example.split,
            given=str(given[row]),
            suggested=str(suggested),
            probability_given=f"{probability:.4f}",
            probability_suggested=f"{other:.4f}",
        )
        for row, suggested, probability, other, example in zip(*label_issues, examples, strict=True)
    ]
    listed = issues.carry_over(found, decided)
    found, others = listed[: len(found)], listed[len(found) :]
    issues.write(listed)
    page.write(found, [example.data for example in examples], len(given), count)
    return Found(found, len(others), len(given))


def calibrate(logits: Floats, given: Ints) -> Floats:
    """(n, 10) probabilities of (n, 10) logits, calibrated with one temperature by (n,) labels, some of them wrong.

    Wrong labels count as mistakes and make the probabilities too diffuse, so that fewer are found. Therefore the
    temperature is fitted a second time, without the label issues of the first one.
    """
    temperature = calibration.fit_temperature(logits, given)
    wrong = labels.find_issues(given, softmax(logits / temperature, axis=1)).rows
    right = np.delete(np.arange(len(given)), wrong)
    calibrated: Floats = softmax(logits / calibration.fit_temperature(logits[right], given[right]), axis=1)
    return calibrated


def _raw_places() -> dict[str, Place]:
    """The place of each raw picture, by its hexadecimal SHA-256."""
    return {
        digest: (split, row)
        for split in dataset.SPLITS
        for row, digest in enumerate(dataset.read_hashes(paths.RAW / f"{split}.parquet").astype(str).tolist())
    }


def _read_raw(places: list[Place]) -> list[Example]:
    """The raw pictures at these places, in their order."""
    found: dict[Place, Example] = {}
    for split in dataset.SPLITS:
        rows = {row for of, row in places if of == split}
        examples = raw_tables.read_rows(paths.RAW / f"{split}.parquet", split, rows)
        found |= {(split, row): example for row, example in examples.items()}
    return [found[place] for place in places]

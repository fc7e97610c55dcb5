"""Two models on the same digits: the working tree's test digits that neither was trained on."""

import ast
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from digits import paths
from digits.arrays import Ints
from digits.comparison import rows
from digits.comparison.models import Model
from digits.comparison.rows import Row
from digits.data import dataset, processed_tables
from digits.data.dataset import Digits
from digits.errors import UserError
from digits.evaluation import comparison, slices
from digits.model.classifier import Predictions

ALL = "all digits"  # in place of the name of a source


class Result(NamedTuple):
    """What two models show on n digits.

    `rows`, (n,) int64, are their rows in the test split, which has `total`; `found` are both models' predictions, and
    `read_by_one` the indices, (m,) int64, of the digits that the first or the second alone reads: its most confident
    predictions first. `figures` are those of all digits and, by name, of each of several sources; `slices` is
    `comparison.by_group`; `params` has the two values of each parameter that differs, None where one has no such
    parameter, and `same_params` are equal. `notes` are sentences on what the comparison rests on.
    """

    digits: Digits
    rows: Ints
    total: int
    found: tuple[Predictions, Predictions]
    read_by_one: tuple[np.ndarray, np.ndarray]
    figures: dict[str, list[Row]]
    recorded: list[Row]
    slices: pd.DataFrame
    params: dict[str, tuple[str | None, str | None]]
    same_params: int
    notes: list[str]


def compare(first: Model, second: Model) -> Result:
    """Run two models on the same digits. Raises UserError where the test split is missing, old or too small."""
    path = paths.PROCESSED / "test.parquet"
    if not path.exists():
        raise UserError(f"{path}, the digits to compare on, does not exist: `dvc checkout` or `dvc repro preprocess`")
    hashes, digits, sources = dataset.read_hashes(path), processed_tables.read_digits(path), dataset.read_sources(path)
    groups = slices.read_groups("test", digits, sources)
    unseen, notes = np.ones(len(digits.labels), bool), []
    for name, model in (("A", first), ("B", second)):
        if model.learned is None:
            notes.append(f"The pictures that {name} was trained on are not known: test digits may be among them.")
        else:
            unseen &= ~np.isin(hashes, model.learned)
    kept = np.flatnonzero(unseen)
    if len(kept) < 2:
        raise UserError(f"{path} has {len(kept)} digits that neither model was trained on; two or more are needed")
    digits, sources, groups = Digits(digits.images[kept], digits.labels[kept]), sources[kept], groups.iloc[kept]
    several = [name for name, column in groups.items() if column.nunique() > 1]  # the one group of others is all digits
    params = dict.fromkeys([*first.params, *second.params] if first.params and second.params else [])
    differing = [key for key in params if _value(first.params.get(key)) != _value(second.params.get(key))]
    found = first.classifier.predict(digits.images), second.classifier.predict(digits.images)
    right = [one.probabilities.argmax(axis=1) == digits.labels for one in found]
    only = (right[0] & ~right[1], right[1] & ~right[0])
    return Result(
        digits=digits,
        rows=kept,
        total=len(unseen),
        found=found,
        read_by_one=(_by_confidence(found[0], only[0]), _by_confidence(found[1], only[1])),
        figures=_figures(found, digits.labels, sources),
        recorded=rows.recorded(first.evaluation, second.evaluation),
        slices=comparison.by_group(groups[several], *right),
        params={key: (first.params.get(key), second.params.get(key)) for key in differing},
        same_params=len(params) - len(differing),
        notes=[*notes, *_notes(first, second)],
    )


def _by_confidence(found: Predictions, of: np.ndarray) -> np.ndarray:
    """The indices of (n,) bool, the most confident predictions first."""
    indices = np.flatnonzero(of)
    return indices[np.argsort(-found.probabilities[indices].max(axis=1), kind="stable")]


def _figures(found: tuple[Predictions, Predictions], labels: Ints, sources: np.ndarray) -> dict[str, list[Row]]:
    names = np.unique(sources).tolist()
    parts = {name: sources == name for name in names if len(names) > 1}
    enough = {name: of for name, of in parts.items() if of.sum() >= slices.MIN_PICTURES}
    return {
        name: rows.measured(_part(found[0], of), _part(found[1], of), labels[of])
        for name, of in {ALL: np.ones(len(labels), bool), **enough}.items()
    }


def _part(found: Predictions, of: np.ndarray) -> Predictions:
    return Predictions(*(output[of] for output in found))


def _value(text: str | None) -> Any:
    """What a parameter's text says: a run has 2.0 where params.yaml has 2, and None where it has nothing."""
    try:
        return None if text is None else ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text


def _notes(first: Model, second: Model) -> list[str]:
    notes = []
    for name, model in (("A", first), ("B", second)):
        if model.classifier.acceptance is None:
            notes.append(f"{name} is of version 0.2 or earlier of this project: it accepts everything.")
        if not model.evaluation:
            notes.append(f"{name} has no {paths.EVALUATION}.")
        if not model.params:
            notes.append(f"The parameters of {name} are not known.")
    if first.test_md5 is None or second.test_md5 is None:
        notes.append("Whether the recorded figures are of the same test digits is not known.")
    elif first.test_md5 != second.test_md5:
        md5s = f"{first.test_md5[:12]} and {second.test_md5[:12]}"
        notes.append(f"The recorded figures are of different test digits: the MD5s of the splits are {md5s}.")
    return notes

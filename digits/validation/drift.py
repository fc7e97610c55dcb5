"""Drift between two versions of the data: a profile of each, and a score for each statistic.

Both are of the pictures that are no test pictures.
"""

import json
from typing import Any

import numpy as np
import pandas as pd

from digits.data.statistics import PIXEL_COLUMNS
from digits.errors import UserError
from digits.paths import REFERENCE_PROFILE

NUMERIC_COLUMNS = ["width", "height", *PIXEL_COLUMNS]
CATEGORICAL_COLUMNS = ["format", "mode", "label"]
PROFILE_COLUMNS = [*NUMERIC_COLUMNS, *CATEGORICAL_COLUMNS]


def read_reference() -> dict[str, Any]:
    """The committed profile that drift is measured from. Raises UserError where the file is not a profile."""
    try:
        content = json.loads(REFERENCE_PROFILE.read_text(encoding="utf-8"))
        problem = {"pictures", "statistics"} - content.keys()
    except (OSError, ValueError, AttributeError) as error:
        problem = error
    if problem:
        raise UserError(
            f"{REFERENCE_PROFILE} is not a profile of training data ({problem}): restore it with "
            f"`git checkout {REFERENCE_PROFILE}`, or write a new one with `digits data reference`"
        )
    return content


def profile(table: pd.DataFrame) -> dict[str, Any]:
    """A profile of a table, a few kilobytes: the number of pictures, and the histogram of each statistic.

    The bins of a number lie below, at and between its deciles here, so that a value of many pictures has its own bin.
    """
    statistics: dict[str, Any] = {}
    for name in PROFILE_COLUMNS:
        values = table[name].dropna()
        if name in NUMERIC_COLUMNS:
            edges = np.unique(np.quantile(values, np.linspace(0, 1, 11))).tolist() if len(values) else []
            statistics[name] = {"edges": edges, "counts": histogram(values, edges)}
        else:
            statistics[name] = {value: int(count) for value, count in _value_counts(values).items()}
    return {"pictures": len(table), "statistics": statistics}


def scores(table: pd.DataFrame, reference: dict[str, Any]) -> dict[str, float]:
    """The population stability index of every statistic of `table` against `reference`, a `profile`.

    0 is no drift; by convention, above 0.1 is a shift and above 0.25 a large one (Siddiqi 2006).
    """
    return {name: stability_index(*pair) for name, pair in _pairs(table, reference).items()}


def chances(table: pd.DataFrame, reference: dict[str, Any]) -> dict[str, float]:
    """The `chance` of every statistic of `table` and `reference`: by so much more than a bound may its index be."""
    return {name: chance(*pair) for name, pair in _pairs(table, reference).items()}


def stability_index(observed: np.ndarray, expected: np.ndarray) -> float:
    """PSI of two (k,) counts: the sum of (a - e) ln(a / e) over the bins, of shares a observed and e expected.

    That is undefined for a bin that is empty on one side: half a picture is counted there, so that it stays finite. A
    bin that is empty on both sides has no part in it. Without any picture on a side it is 0.
    """
    if not observed.any() or not expected.any():
        return 0.0
    used = (observed + expected) > 0
    counts = (np.maximum(side[used], 0.5) for side in (observed, expected))
    a, e = (side / side.sum() for side in counts)
    return float(((a - e) * np.log(a / e)).sum())


def chance(observed: np.ndarray, expected: np.ndarray) -> float:
    """The PSI that two samples of one population exceed once in a hundred times, by the normal approximation.

    PSI / (1 / n + 1 / m) is chi-squared with one degree of freedom less than there are bins (Yurdakul 2018).
    """
    freedom = max(0, int(((observed + expected) > 0).sum()) - 1)
    quantile = freedom + 2.33 * np.sqrt(2 * freedom)
    return float(quantile * (1 / max(observed.sum(), 1) + 1 / max(expected.sum(), 1)))


def histogram(values: pd.Series, edges: list[float]) -> list[int]:
    """How many values lie below the first of k edges, at it, below the second, at it, and so on: 2 k + 1 counts."""
    numbers, bounds = values.to_numpy(float), np.array(edges)
    bins = np.searchsorted(bounds, numbers, "left") + np.searchsorted(bounds, numbers, "right")
    return np.bincount(bins, minlength=2 * len(edges) + 1).tolist()


def _pairs(table: pd.DataFrame, reference: dict[str, Any]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of every statistic the (k,) counts of `table` and of the reference, in the same bins."""
    found = {}
    for name, known in reference["statistics"].items():
        values = table[name].dropna()
        if "edges" in known:
            observed, expected = histogram(values, known["edges"]), known["counts"]
        else:
            counts = _value_counts(values)
            bins = sorted({*known, *counts.index})
            observed, expected = [int(counts.get(one, 0)) for one in bins], [known.get(one, 0) for one in bins]
        found[name] = np.array(observed), np.array(expected)
    return found


def _value_counts(values: pd.Series) -> pd.Series:
    """How often each value occurs, by its text. A label is an integer, also where a missing one made a column float."""
    whole = values.astype("int64") if pd.api.types.is_float_dtype(values) else values
    return whole.astype(str).value_counts().sort_index()

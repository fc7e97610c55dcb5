"""Drift between two versions of the data: a profile of each, and a score for each statistic.

Both are of the pictures that are no test pictures.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from digits.data.statistics import PIXEL_COLUMNS
from digits.errors import UserError
from digits.files import read_json
from digits.paths import REFERENCE_PROFILE
from digits.validation.distributions import histograms, quantiles

if TYPE_CHECKING:
    from digits.validation.table import Table

NUMERIC_COLUMNS = ["width", "height", *PIXEL_COLUMNS]
CATEGORICAL_COLUMNS = ["format", "mode", "label"]
PROFILE_COLUMNS = [*NUMERIC_COLUMNS, *CATEGORICAL_COLUMNS]
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]  # of a statistic the (k,) counts of a table and of a reference


def read_reference() -> dict[str, Any]:
    """The committed profile that drift is measured from. Raises UserError where the file is not a profile."""
    try:
        content = read_json(REFERENCE_PROFILE)
        problem: set[str] | Exception = {"pictures", "statistics"} - content.keys()
    except (OSError, ValueError, AttributeError) as error:
        problem = error
    if problem:
        raise UserError(
            f"{REFERENCE_PROFILE} is not a profile of training data ({problem}): restore it with "
            f"`git checkout {REFERENCE_PROFILE}`, or write a new one with `digits data reference`"
        )
    return content


def profile(table: "Table", columns: Collection[str] = PROFILE_COLUMNS) -> dict[str, Any]:
    """A profile of a table, a few kilobytes: the number of pictures, and the histogram of each statistic in `columns`.

    The bins of a number lie below, at and between its deciles here, so that a value of many pictures has its own bin.
    """
    numbers = [name for name in NUMERIC_COLUMNS if name in columns]
    deciles = quantiles(table, numbers, np.linspace(0, 1, 11))
    edges = {name: np.unique(values).tolist() for name, values in deciles.items()}
    counts = histograms(table, edges)
    statistics: dict[str, Any] = {name: {"edges": edges[name], "counts": counts[name].tolist()} for name in numbers}
    for name in (name for name in CATEGORICAL_COLUMNS if name in columns):
        statistics[name] = {value: int(count) for value, count in _value_counts(table, name).items()}
    return {"pictures": len(table), "statistics": statistics}


def pairs(table: "Table", reference: dict[str, Any]) -> Pairs:
    """The counts of every statistic that `table` and `reference`, a `profile`, both have, in the same bins."""
    known = {name: of for name, of in reference["statistics"].items() if name in PROFILE_COLUMNS}
    observed = histograms(table, {name: of["edges"] for name, of in known.items() if "edges" in of})
    found = {}
    for name, of in known.items():
        if name in observed:
            found[name] = observed[name], np.array(of["counts"])
        else:
            counts = _value_counts(table, name)
            bins = sorted({*of, *counts.index})
            found[name] = (
                np.array([int(counts.get(one, 0)) for one in bins]),
                np.array([of.get(one, 0) for one in bins]),
            )
    return found


def scores(pairs: Pairs) -> dict[str, float]:
    """The population stability index of every statistic.

    0 is no drift; by convention, above 0.1 is a shift and above 0.25 a large one (Siddiqi 2006).
    """
    return {name: stability_index(*pair) for name, pair in pairs.items()}


def chances(pairs: Pairs) -> dict[str, float]:
    """The `chance` of every statistic: by so much more than a bound may its index be."""
    return {name: chance(*pair) for name, pair in pairs.items()}


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


def _value_counts(table: "Table", name: str) -> pd.Series:
    """How often each value occurs, by its text. A label is an integer, also where a missing one made a column float."""
    counts = table.count_by(name)
    whole = counts.index.astype("int64") if pd.api.types.is_float_dtype(counts.index) else counts.index
    return counts.set_axis(whole.astype(str)).sort_index()

"""How far a version of the data has moved from another: a profile of each, and the distance of two profiles."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from digits.errors import UserError
from digits.measurements import SHOWN

NUMBERS = ["width", "height", *SHOWN]
NAMES = ["format", "mode", "label"]
PROFILED = [*NUMBERS, *NAMES]
TENTHS = 10
REFERENCE = Path("data/reference.json")  # the profile that drift is measured against: what the champion learned from


def reference() -> dict[str, Any]:
    """The committed profile. Raises UserError where the file is none."""
    try:
        content = json.loads(REFERENCE.read_text(encoding="utf-8"))
        missing = {"pictures", "measurements"} - content.keys()
    except (OSError, ValueError, AttributeError) as error:
        missing = error
    if missing:
        raise UserError(
            f"{REFERENCE} is no profile of training data ({missing}): `git checkout {REFERENCE}` or "
            "`digits data reference` brings one"
        )
    return content


def profile(table: pd.DataFrame) -> dict[str, Any]:
    """What a model learned from, in a few kilobytes: the shares of every measurement's values, and of the labels.

    A number's values are counted below, at and between the deciles that they have here: so a value that most pictures
    share keeps a place of its own.
    """
    described = {}
    for name in PROFILED:
        values = table[name].dropna()
        if name in NUMBERS:
            deciles = np.unique(np.quantile(values, np.linspace(0, 1, TENTHS + 1))) if len(values) else np.array([])
            edges = deciles.tolist()
            described[name] = {"edges": edges, "counts": _counted(values, edges)}
        else:
            described[name] = {place: int(count) for place, count in _places(values).items()}
    return {"pictures": len(table), "measurements": described}


def distance(table: pd.DataFrame, reference: dict[str, Any]) -> dict[str, float]:
    """The population stability index of every measurement of `table` against `reference`, a `profile`.

    PSI = sum of (share here - share there) ln(share here / share there) over the places that the profile counts
    (Siddiqi 2006): 0 the same; by custom, above 0.1 a shift and above 0.25 a large one. Half a picture is added to
    every count, so that a place empty on one side stays finite; and what chance alone gives two samples of these sizes
    at most, but for one time in a hundred, is taken away: PSI / (1 / n + 1 / m) is chi-squared with one degree of
    freedom less than there are places (Yurdakul 2018).
    """
    found = {}
    for name, there in reference["measurements"].items():
        values = table[name].dropna()
        if "edges" in there:
            here, before = _counted(values, there["edges"]), there["counts"]
        else:
            shares = _places(values)
            places = sorted({*there, *shares.index})
            here, before = [int(shares.get(place, 0)) for place in places], [there.get(place, 0) for place in places]
        here, before = np.array(here), np.array(before)
        found[name] = max(0.0, stability_index(here, before) - chance(here, before))
    return found


def chance(here: np.ndarray, there: np.ndarray) -> float:
    """The PSI that two samples of one source exceed once in a hundred times, by the normal approximation."""
    freedom = max(0, int(((here + there) > 0).sum()) - 1)
    quantile = freedom + 2.33 * np.sqrt(2 * freedom)
    return float(quantile * (1 / max(here.sum(), 1) + 1 / max(there.sum(), 1)))


def _places(values: pd.Series) -> pd.Series:
    """How often each value occurs, by its text: a label is whole, whatever a missing one made of its column."""
    whole = values.astype("int64") if pd.api.types.is_float_dtype(values) else values
    return whole.astype(str).value_counts().sort_index()


def stability_index(here: np.ndarray, there: np.ndarray) -> float:
    """PSI of two (k,) counts."""
    here, there = ((counts + 0.5) / (counts + 0.5).sum() for counts in (here, there))
    return float(((here - there) * np.log(here / there)).sum())


def _counted(values: pd.Series, edges: list[float]) -> list[int]:
    """How many values lie below the first of k edges, at it, below the second, at it, and so on: 2 k + 1 counts."""
    values, edges = values.to_numpy(float), np.array(edges)
    place = np.searchsorted(edges, values, "left") + np.searchsorted(edges, values, "right")
    return np.bincount(place, minlength=2 * len(edges) + 1).tolist()

"""What is served is compared with this: the champion's training pictures, and its predictions of test digits.

The process that follows the registry writes it next to the local copy of the champion.
"""

from bisect import bisect_left
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from digits.files import read_json, write_json

if TYPE_CHECKING:
    import pandas as pd

NAME = "reference.json"
PROBABILITIES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)  # upper bounds of the bins
LABEL, PROBABILITY, OUTCOME = "label", "probability", "outcome"  # statistics of the predictions
ACCEPTED, REFUSED, BLANK, UNREADABLE = OUTCOMES = "accepted", "refused", "blank", "unreadable"
# Before the statistics of a page's digits, which are counted apart: the reference is of single digits
PAGE_PREFIX = "page "
# The conversion to the canonical digit evens these out, or they depend on a picture's size: they are shown, not judged
EVENED_OUT = ("contrast", "dark_ink", "centre_x", "centre_y", "extent", "sharpness")
NO_PROFILE = "its run has no profile of its training pictures"
NO_PREDICTIONS = "its run has no predictions of the test digits"


def build(
    version: str, sha256: str, profile: dict[str, Any] | None, predictions: "pd.DataFrame | None"
) -> dict[str, Any]:
    """The reference of a version, as JSON: the histogram of each statistic, and what is `missing`, for a reader.

    `profile` is `digits.validation.drift.profile` of its training pictures; `predictions` has `predicted`,
    `probability` and `accepted` of each test digit. Without them the version is an older one.
    """
    from digits.data.statistics import PIXEL_COLUMNS  # here: pandas comes with it

    statistics = profile["statistics"] if profile else {}
    pictures = {name: statistics[name] for name in PIXEL_COLUMNS if name in statistics}  # an older one lacks a new one
    missing = [text for text, found in ((NO_PROFILE, profile), (NO_PREDICTIONS, predictions)) if found is None]
    return {
        "version": version,
        "sha256": sha256,
        "pictures": pictures,
        "predictions": {} if predictions is None else _prediction_counts(predictions),
        "missing": missing,
    }


def probability_bin(probability: float) -> int:
    """The bin of a probability, 0 to 1: one for each bound of PROBABILITIES, which it includes."""
    return min(bisect_left(PROBABILITIES, probability), len(PROBABILITIES) - 1)


def probability_bins() -> list[str]:
    """What each bin holds, for a reader."""
    bounds = [f"{bound:.1%}".replace(".0%", "%") for bound in (0, *PROBABILITIES)]
    return [f"{low} to {high}" for low, high in pairwise(bounds)]


def write(folder: Path, reference: dict[str, Any]) -> None:
    """Write it to a server's folder."""
    write_json(folder / NAME, reference)


def read(folder: Path, sha256: str) -> dict[str, Any] | None:
    """The reference of the version with this ONNX file; None where the folder has none."""
    return read_file(folder / NAME, sha256, ("pictures", "predictions", "missing"))


def read_file(path: Path, sha256: str, keys: Iterable[str]) -> dict[str, Any] | None:
    """The content of a JSON file with these keys on the version with this ONNX file; None where it is no such file."""
    try:
        found = read_json(path)
        return found if found["sha256"] == sha256 and all(key in found for key in keys) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _prediction_counts(predictions: "pd.DataFrame") -> dict[str, dict[str, int]]:
    bins = predictions["probability"].map(probability_bin)
    outcomes = predictions["accepted"].map({True: ACCEPTED, False: REFUSED})
    columns = {LABEL: predictions["predicted"], PROBABILITY: bins, OUTCOME: outcomes}
    return {
        name: {str(key): int(count) for key, count in column.value_counts().sort_index().items()}
        for name, column in columns.items()
    }

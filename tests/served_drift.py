"""A server's folder whose champion has a reference, and counts of what it answered."""

import time
from pathlib import Path

import pandas as pd

from digits.data.statistics import PIXEL_COLUMNS
from digits.files import read_json, write_json
from digits.params import ServedDrift
from digits.serving import local_copy
from digits.serving.drift import reference as drift_reference
from digits.serving.drift.counts import Bin, Counts, TrafficStore
from digits.validation.drift import profile
from digits.validation.table import PandasTable
from tests.serving import write_constant

PARAMS = ServedDrift(window_hours=24, min_pictures=100, max=0.25, pictures_per_second=5, keep_days=90)
PREDICTIONS = pd.DataFrame(
    {
        "predicted": [label for label in range(10) for _ in range(10)],
        "probability": [0.9995] * 95 + [0.6] * 5,
        "accepted": [True] * 95 + [False] * 5,
    }
)


def training_profile() -> dict:
    """A profile of a hundred pictures, whose statistics are 0 to 99."""
    numbers = dict.fromkeys(["width", "height", *PIXEL_COLUMNS], range(100))
    return profile(PandasTable(pd.DataFrame({**numbers, "format": "PNG", "mode": "L", "label": 1})))


def reference(sha256: str = "a" * 64) -> dict:
    return drift_reference.build("3", sha256, training_profile(), PREDICTIONS)


def answers(each: int, labels: range | list[int] = range(10), refused: int = 5) -> Counts:
    """Counts of a hundred answers times `each`, like PREDICTIONS but for the labels and the refused ones."""
    return {
        "label": {str(label): 100 // len(labels) * each for label in labels},
        "probability": {"11": 95 * each, "4": 5 * each},
        "outcome": {"accepted": (100 - refused) * each, "refused": refused * each},
    }


def serve_folder(folder: Path) -> Path:
    """A folder as `digits serve` has it, with a valid certificate; returns it."""
    write_constant(folder)
    description = read_json(folder / local_copy.CHAMPION)
    write_json(
        folder / local_copy.CHAMPION, description | {"certificate": description["certificate"] | {"state": "valid"}}
    )
    drift_reference.write(folder, reference(description["sha256"]))
    return folder


def pictures(each: int) -> Counts:
    """Counts of a hundred pictures times `each`, like those of `training_profile`."""
    statistics = training_profile()["statistics"]
    return {
        name: {str(place): count * each for place, count in enumerate(statistics[name]["counts"])}
        for name in PIXEL_COLUMNS
    }


def served_sha256(folder: Path) -> str:
    """The SHA-256 of the ONNX file that a server's folder has."""
    return read_json(folder / local_copy.CHAMPION)["sha256"]


def add(folder: Path, counts: Counts) -> None:
    """Add counts to the hour of now, of the version that a server's folder has."""
    sha256 = served_sha256(folder)
    found = {Bin(sha256, name, key): count for name, bins in counts.items() for key, count in bins.items()}
    TrafficStore(folder).add(found, time.time())

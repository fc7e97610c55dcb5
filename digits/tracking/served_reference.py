"""What a version's run has to compare served pictures and answers with: older runs have less."""

from typing import Any

import pandas as pd

from digits.files import read_json
from digits.paths import PREDICTIONS, PROFILE
from digits.tracking import runs
from digits.tracking.registry import Version

COLUMNS = {"predicted", "probability", "accepted"}


def profile(version: Version) -> dict[str, Any] | None:
    """The profile of its training pictures, as `digits.validation.drift.profile`; None where its run has none."""
    path = runs.artifact_path(version.run_id, f"validation/{PROFILE.name}")
    found = None if path is None else read_json(path)
    return found if found and "statistics" in found else None


def predictions(version: Version) -> pd.DataFrame | None:
    """Its answers to the test digits, COLUMNS among others, a row for each; None where its run has none."""
    path = runs.artifact_path(version.run_id, f"evaluation/{PREDICTIONS.name}")
    if path is None:
        return None
    found = pd.read_csv(path)
    return found if COLUMNS.issubset(found.columns) else None

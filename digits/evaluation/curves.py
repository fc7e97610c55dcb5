"""The curves of the test split as tables, which DVC draws: `dvc plots diff` overlays those of two experiments."""

import numpy as np
import pandas as pd

from digits import paths
from digits.arrays import Floats, Ints
from digits.evaluation import calibration, refusal
from digits.files import atomic_write

MAX_POINTS = 200  # of the risk-coverage curve, which else has one for each test digit


def write(probabilities: Floats, labels: Ints) -> None:
    """Write reports/plots/reliability.csv and risk_coverage.csv of (n, k) probabilities with (n,) integer labels."""
    curve = refusal.risk_coverage(probabilities, labels)
    columns = {"coverage": curve.coverage, "error": curve.error, "threshold": curve.thresholds}
    rows = np.unique(np.linspace(0, len(curve.coverage) - 1, MAX_POINTS).round().astype(int))
    tables = {
        paths.RELIABILITY_CURVE: pd.DataFrame(calibration.reliability(probabilities, labels)._asdict()),
        paths.RISK_COVERAGE_CURVE: pd.DataFrame(columns).iloc[rows],
    }
    for path, table in tables.items():
        with atomic_write(path) as temporary:
            table.to_csv(temporary, index=False)

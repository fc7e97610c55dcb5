"""The tables that DVC draws, of curves computed by hand. 0.1 s."""

import numpy as np
import pandas as pd

from digits import paths
from digits.evaluation import curves


def test_the_tables_have_both_ends_of_each_curve_and_few_rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    confidence = np.linspace(0.5, 1, 1000)
    labels = np.zeros(1000, int)
    labels[:100] = 1  # the least confident tenth is misread
    curves.write(np.stack([confidence, 1 - confidence], axis=1), labels)
    curve = pd.read_csv(paths.RISK_COVERAGE_CURVE)
    assert len(curve) == curves.MAX_POINTS
    assert curve.iloc[0].to_dict() == {"coverage": 0.001, "error": 0, "threshold": 1}
    assert curve.iloc[-1].to_dict() == {"coverage": 1, "error": 0.1, "threshold": 0.5}
    bins = pd.read_csv(paths.RELIABILITY_CURVE)
    assert bins["digits"].sum() == 1000
    assert bins.iloc[0][["accuracy", "low"]].to_list() == [0, 0]
    assert bins.iloc[-1]["accuracy"] == 1

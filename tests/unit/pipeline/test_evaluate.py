"""The evaluate stage scores each source apart."""

import shutil

import pandas as pd
import pytest

from digits import paths
from digits.files import read_json
from pipeline import evaluate
from tests.raw import write_processed_splits


def test_each_source_has_its_scores_on_both_splits(workspace, constant_model, capsys):
    labels = {"validation": [3, 3, 1, 1], "test": [3, 3, 3, 1, 1]}
    sources = {
        "validation": ["mnist", "folder", "mnist", "mnist"],
        "test": ["mnist", "mnist", "folder", "folder", "mnist"],
    }
    write_processed_splits(sources, **labels)
    paths.NETWORK.parent.mkdir()
    shutil.copy(constant_model(3), paths.NETWORK)
    evaluate.main()
    found = {split: of["sources"] for split, of in read_json(paths.EVALUATION).items()}
    assert {
        split: {name: (one["pictures"], one["accuracy"]) for name, one in of.items()} for split, of in found.items()
    } == {
        "validation": {"folder": (1, 1.0), "mnist": (3, pytest.approx(1 / 3))},
        "test": {"folder": (2, 0.5), "mnist": (3, pytest.approx(2 / 3))},
    }
    assert "(2 misclassified; folder 50.00% of 2, mnist 66.67% of 3), log loss" in capsys.readouterr().out
    assert pd.read_csv(paths.PREDICTIONS)["source"].tolist() == sources["test"]
    write_processed_splits(**labels)
    evaluate.main()
    assert "(2 misclassified), log loss" in capsys.readouterr().out

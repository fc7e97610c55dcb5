"""Corrections of labels that don't apply, and the share of a class that was corrected; all by hand."""

import pandas as pd
import pytest

from digits.data import csv_files
from digits.data.corrections import EFFECT_COLUMNS
from digits.validation import label_corrections
from digits.validation.findings import add_findings
from digits.validation.label_corrections import LabelCorrections
from tests.unit.validation.conftest import MAX_DISTANCE, MAX_MINORITY, MAX_RATIO, table


def row(path: str, old: str, new: str, effect: str, label: str = "") -> tuple:
    return path, "train", label or old, f"hash of {path}", old, new, "Ada", "2026-11-29", "", effect


@pytest.fixture
def corrections(tmp_path, pictures) -> LabelCorrections:
    """Of 4 pictures that the source labels 3, two are corrected, one to 5 and one dropped; one 5 is in conflict."""
    rows = [
        row("0.png", "3", "5", "corrected"),
        row("gone.png", "3", "drop", "dropped"),
        row("3.png", "7", "1", "conflict", label="5"),
        row("", "1", "2", "not found"),
    ]
    path = tmp_path / "corrections.csv"
    path.write_text(csv_files.text(EFFECT_COLUMNS, rows))
    return label_corrections.read(pictures["label"].value_counts().to_dict(), path)


@pytest.fixture
def pictures() -> pd.DataFrame:
    return table({"label": 5}, {"label": 3}, {"label": 3}, {"label": 5})


def test_a_conflict_is_a_finding_of_its_picture(pictures, corrections):
    found = label_corrections.conflict(pictures, corrections)
    assert found.tolist() == [None, None, None, "corrected from 7 to 1, but the source says 5"]


def test_the_share_is_of_the_labels_that_the_source_gives(corrections):
    assert corrections.share_by_label == {label: 0.5 if label == 3 else 0.0 for label in range(10)}
    assert label_corrections.counts(corrections) == {
        "corrected": 1,
        "dropped": 1,
        "conflict": 1,
        "not_needed": 0,
        "not_found": 1,
        "share_by_label": {"3": 0.5},
    }


def test_the_largest_share_is_checked_also_where_no_picture_has_that_label_any_more(pictures, corrections):
    """As after quarantine, or where every picture of a class was corrected."""
    fives = pictures[pictures["label"] == 5].assign(picture=None, dark_ink=None)
    assert add_findings(fives, MAX_MINORITY, MAX_DISTANCE, MAX_RATIO, corrections)["corrected_share"].tolist() == [
        0.5,
        0.5,
    ]


def test_without_corrections_there_is_nothing_to_find(pictures, tmp_path):
    none = label_corrections.read(pictures["label"].value_counts().to_dict(), tmp_path / "corrections.csv")
    assert label_corrections.conflict(pictures, none).tolist() == [None] * 4
    assert set(none.share_by_label.values()) == {0.0}

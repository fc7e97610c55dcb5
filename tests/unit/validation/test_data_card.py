"""The data card counts the pictures of the run, and says what was left out and what failed. 0.3 s."""

import re

import pandas as pd
import pytest

from digits import paths
from digits.data.source_descriptions import SourceDescription
from digits.validation import data_card, label_corrections
from digits.validation.run import ValidationRun
from digits.validation.table import PandasTable
from tests.raw import RULE
from tests.unit.validation.test_report import result

EVIL = SourceDescription("a|b", "<script>", "me", "MIT", "none", "javascript:alert(1)")
MINE = SourceDescription("Mine", "Forms.", "me", "MIT", "none", "https://example.org/a_b")


@pytest.fixture
def table(workspace) -> pd.DataFrame:
    """Four pictures of two sources, and what the card needs of their statistics."""
    rows = {"split": ["train", "train", "validation", "test"], "label": [0, 0, 1, 11], "source": ["a", "a", "a", "b"]}
    numbers = {name: [1.0, 2.0, 3.0, None] for name in data_card.STATISTIC_NAMES}
    return pd.DataFrame({**rows, **numbers, "format": ["PNG", "PNG", "JPEG", None], "mode": "L"})


def write(table: pd.DataFrame, *results, quarantined=(), corrections=label_corrections.NONE, rule=RULE) -> str:
    run = ValidationRun(PandasTable(table), {"ink": 0.3, "width": 0.1}, list(results))
    sources = {"a": MINE, "b": EVIL}
    data_card.write(run, pd.DataFrame({"reasons": list(quarantined)}), corrections, rule, sources)
    return paths.DATA_CARD.read_text()


def row(card: str, name: str) -> list[str]:
    (line,) = re.findall(rf"^\| {re.escape(name)} \|(.*)\|$", card, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


def test_the_counts_are_by_source_label_and_split(table):
    card = write(table, result("ink"))
    assert (row(card, "a"), row(card, "b")) == (["2", "1", "0", "3"], ["0", "0", "1", "1"])
    assert (row(card, "0"), row(card, "11")) == (["2", "0", "0", "2"], ["0", "0", "1", "1"])
    assert row(card, "9") == ["0"] * 4
    assert row(card, data_card.STATISTIC_NAMES["width"]) == ["1", "2", "3"]
    assert "Formats: PNG 2, JPEG 1." in card
    assert "don't edit" in card.splitlines()[2]


def test_what_people_state_is_shown_as_text(table):
    card = write(table)
    assert r"### b: a\|b" in card and r"\<script\>" in card
    assert "- Link: javascript:alert(1)\n" in card
    assert r"[https://example.org/a\_b](<https://example.org/a\_b>)" in card


def test_the_rule_of_the_splits_is_stated(table):
    card = write(table)
    assert "the seed 0 (rule 1)" in card and "20% are expected in test" in card
    assert "The data don't say how their splits were assigned" in write(table, rule={})


def test_what_was_left_out_is_counted_with_its_reasons(table):
    paths.RAW.mkdir()
    paths.DROPPED.write_text("path,sha256,test_picture\na.png,0,b.png\nc.png,0,b.png\n")
    reasons = ["ink: ink 0.9", "stroke: stroke 2; ink: ink 0.8", "stroke: in faint ink: 3"]
    card = write(table, result("ink"), result("stroke"), result("label"), quarantined=reasons)
    assert "Dropped by `ingest`: 2 pictures" in card
    assert "Quarantined by `validate`: 3 pictures" in card
    assert (row(card, "ink"), row(card, "stroke")) == (["2"], ["2"])
    assert "| label |" not in card.partition("## Left out")[2]


def test_failures_findings_and_drift_are_listed(table):
    failed = result("one_label", rows=table.head(2).assign(finding="also labelled"))
    drifts = [result("drift of width", "warning", observed=0.1), result("drift of ink", "warning", observed=0.3)]
    card = write(table, result("ink"), failed, *drifts)
    assert "Validation failed: 3 of 4 expectations pass" in card
    assert row(card, r"one\_label")[-1] == "2"
    assert (row(card, "critical"), row(card, "warning")) == (["2", "1", "1"], ["2", "2", "0"])
    assert r"**critical: one\_label** (all about one\_label): expected at least 1, found 2 of 60, 2 pictures." in card
    assert card.index("| ink | 0.3 |") < card.index("| width | 0.1 |")
    assert "Every expectation passed." in write(table, result("ink"))


def test_a_statistic_without_an_index_comes_first(table):
    drifts = [result("drift of ink", "warning", observed=0.3), result("drift of new", "warning", observed="lacks it")]
    card = write(table, *drifts)
    assert card.index("| new | lacks it |") < card.index("| ink | 0.3 |")


def test_no_pictures_give_a_card(table):
    assert row(write(table.head(0)), "0") == ["0"] * 4


def test_corrected_labels_are_counted(table):
    assert "No label was corrected." in write(table)
    effects = ["corrected", "corrected", "dropped", "not found", "conflict", "not needed"]
    card = write(table, corrections=label_corrections.NONE._replace(rows=pd.DataFrame({"effect": effects})))
    assert "Corrections of labels by people: 6." in card
    assert re.findall(r"\| (corrected|dropped|not \w+)\b.* \| (\d) \|", card) == [
        ("corrected", "2"),
        ("dropped", "1"),
        ("not needed", "1"),
        ("not applied", "1"),
        ("not found", "1"),
    ]

"""Drift between two versions of the data, against values computed by hand."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from digits import paths
from digits.errors import UserError
from digits.validation import drift
from digits.validation.drift import CATEGORICAL_COLUMNS, NUMERIC_COLUMNS, PROFILE_COLUMNS
from digits.validation.table import PandasTable


def table(count: int = 11, **columns: list) -> pd.DataFrame:
    """A table whose pictures are all alike, except in the given columns."""
    usual = {**dict.fromkeys(NUMERIC_COLUMNS, 5.0), "format": "PNG", "mode": "L", "label": 3}
    return pd.DataFrame({name: columns.get(name, [value] * count) for name, value in usual.items()})


def profile_of(rows: pd.DataFrame) -> dict:
    return drift.profile(PandasTable(rows))


def scores(rows: pd.DataFrame, reference: dict) -> dict[str, float]:
    return drift.scores(drift.pairs(PandasTable(rows), reference))


def chances(rows: pd.DataFrame, reference: dict) -> dict[str, float]:
    return drift.chances(drift.pairs(PandasTable(rows), reference))


def index(before: list, after: list, name: str = "ink") -> float:
    """The stability index of one column."""
    profile = profile_of(table(len(before), **{name: before}))
    return scores(table(len(after), **{name: after}), profile)[name]


@pytest.mark.parametrize(
    ("observed", "expected", "by_hand"),
    [
        # Shares of 0.25 and 0.75, and the reverse: twice 0.5 ln 3
        ([1, 3], [3, 1], 1.0986),
        ([3, 1], [1, 3], 1.0986),
        # Three bins: -0.1 ln(20 / 30) + 0.05 ln(35 / 30) + 0.05 ln(45 / 40) = 0.040547 + 0.007708 + 0.005889
        ([20, 35, 45], [300, 300, 400], 0.0541),
        ([2, 2], [500, 500], 0),
        # A bin that is empty on one side counts half a picture: shares of 0.5 / 10.5 and 10 / 10.5, and the reverse
        ([0, 10], [10, 0], 5.4208),
        # One that is empty on both is left out
        ([1, 0, 3], [3, 0, 1], 1.0986),
    ],
)
def test_the_stability_index_as_published(observed, expected, by_hand):
    assert drift.stability_index(np.array(observed), np.array(expected)) == pytest.approx(by_hand, abs=5e-5)


def test_values_are_counted_below_at_and_between_the_deciles():
    profile = profile_of(table(ink=[0] * 5 + [10] * 6, label=[3] * 4 + [7] * 7))
    assert profile["pictures"] == 11
    assert profile["statistics"]["ink"] == {"edges": [0, 10], "counts": [0, 5, 0, 6, 0]}
    assert profile["statistics"]["label"] == {"3": 4, "7": 7}
    assert profile["statistics"]["format"] == {"PNG": 11}
    here, there = 100 * np.array([1, 2, 3, 4, 5]), np.array([0, 5, 0, 6, 0])
    values = 100 * ([-1] + [0] * 2 + [4, 5, 6] + [10] * 4 + [11] * 5)
    assert scores(table(1500, ink=values), profile)["ink"] == pytest.approx(drift.stability_index(here, there))
    chance = (4 + 2.33 * math.sqrt(8)) * (1 / 1500 + 1 / 11)  # five bins have values
    assert chances(table(1500, ink=values), profile)["ink"] == pytest.approx(chance)


def test_a_constant_column_has_one_edge():
    assert profile_of(table())["statistics"]["width"] == {"edges": [5.0], "counts": [0, 11, 0]}


def test_the_profile_has_every_statistic_and_is_json():
    profile = profile_of(table(ink=np.random.default_rng(0).random(11).tolist()))
    assert list(profile["statistics"]) == PROFILE_COLUMNS == [*NUMERIC_COLUMNS, *CATEGORICAL_COLUMNS]
    assert json.loads(json.dumps(profile)) == profile


@pytest.mark.parametrize("column", ["ink", "mode"])
def test_a_statistic_that_one_side_lacks_has_no_score(column):
    """The reference is older than the statistic, or the statistic was removed."""
    reference = profile_of(table())
    found = reference["statistics"].pop(column)
    assert set(scores(table(), reference)) == {*PROFILE_COLUMNS} - {column}
    assert set(scores(table(), {"statistics": {"removed": found}})) == set()


def test_the_same_data_has_no_drift():
    random = np.random.default_rng(0)
    data = table(200, ink=random.random(200), label=random.integers(0, 10, 200), extent=random.integers(0, 3, 200) / 2)
    assert scores(data, profile_of(data)) == dict.fromkeys(PROFILE_COLUMNS, 0)
    assert scores(data.sample(frac=1, random_state=1), profile_of(data)) == dict.fromkeys(PROFILE_COLUMNS, 0)


def test_another_sample_of_one_population_has_little_drift_and_a_shifted_one_has_much():
    random = np.random.default_rng(0)
    before = random.normal(0, 1, 4000).tolist()
    assert index(before, random.normal(0, 1, 4000).tolist()) < 0.05
    assert index(before, random.normal(1, 1, 4000).tolist()) > 0.25
    assert index(before, random.normal(0, 0.3, 4000).tolist()) > 0.25


def test_a_small_sample_of_one_population_has_no_more_drift_than_by_chance():
    random = np.random.default_rng(0)
    before = random.normal(0, 1, 4000).tolist()
    chance = chances(table(80, ink=before[:80]), profile_of(table(4000, ink=before)))["ink"]
    assert max(index(before, random.normal(0, 1, 80).tolist()) for _ in range(50)) < 0.25 + chance
    assert index(before, random.normal(2, 1, 80).tolist()) > 0.25 + chance


@pytest.mark.parametrize("value", [4.999, 5.001, -100.0])
def test_a_constant_column_that_becomes_another_constant_drifts(value):
    # Two of the three bins are exchanged, each empty on one side, and one stays empty: shares of 0.5 / 11.5
    assert index([5.0] * 11, [value] * 11) == pytest.approx(2 * (10.5 / 11.5) * math.log(11 / 0.5))


def test_labels_and_formats_by_hand():
    # 2 of 4 and 2 of 4 before, 4 of 4 after: shares of 4 / 4.5 and 0.5 / 4.5
    expected = (4 / 4.5 - 0.5) * math.log(4 / 4.5 / 0.5) + (0.5 / 4.5 - 0.5) * math.log(0.5 / 4.5 / 0.5)
    assert index([3, 3, 7, 7], [3, 3, 3, 3], "label") == pytest.approx(expected)
    assert index(["PNG"] * 2 + ["BMP"] * 2, ["PNG"] * 4, "format") == pytest.approx(expected)


def test_a_new_category_counts():
    assert index(["L"] * 4, ["RGB"] * 4, "mode") == pytest.approx(2 * (3.5 / 4.5) * math.log(4 / 0.5))


def test_missing_values_are_ignored():
    missing = table(12, ink=[*range(11), None], mode=[*"LLLLLLLLLLL", None])
    assert profile_of(missing)["statistics"]["ink"] == profile_of(table(ink=list(range(11))))["statistics"]["ink"]
    found = scores(missing, profile_of(table(ink=list(range(11)))))
    assert (found["ink"], found["mode"]) == (0, 0)


def test_a_label_that_is_missing_leaves_the_others_what_they_are():
    assert index([3, 3, 7, 7], [3.0, 3.0, 7.0, 7.0, None], "label") == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        ("<<<<<<< HEAD", "Expecting value"),
        ("[]", "no attribute"),
        ('{"pictures": 3}', "statistics"),
    ],
)
def test_a_reference_that_is_no_profile_is_named(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    if content is not None:
        paths.REFERENCE_PROFILE.write_text(content)
    with pytest.raises(UserError, match=r"data/reference\.json is not a profile of training data") as error:
        drift.read_reference()
    assert words in str(error.value)
    assert "digits data reference" in str(error.value)


def test_an_empty_table_is_no_error():
    empty = profile_of(table(2).head(0))
    assert empty["pictures"] == 0
    assert all(math.isfinite(value) for value in scores(table(), empty).values())
    assert all(math.isfinite(value) for value in scores(table(2).head(0), profile_of(table())).values())

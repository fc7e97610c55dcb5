"""Real digits pass; each planted fault is found, named and, where it is critical, makes its row a bad row."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from digits.data import pictures
from digits.data.statistics import compute_statistics
from digits.params import Expectations
from digits.validation import run
from digits.validation.drift import PROFILE_COLUMNS
from digits.validation.findings import add_findings
from digits.validation.run import ExpectationResult, ValidationRun
from digits.validation.suite import DRIFT_EXPECTATIONS, MODES, PICTURE_EXPECTATIONS
from digits.validation.table import PandasTable
from tests.raw import RULE
from tests.unit.validation.conftest import BOUNDS, FINDINGS, MAX_DISTANCE, MAX_MINORITY, MAX_RATIO

NO_DRIFT = dict.fromkeys(PROFILE_COLUMNS, 0.0)


@pytest.fixture(scope="module")
def digits(mnist_digits) -> pd.DataFrame:
    return found_digits(mnist_digits)


def found_digits(mnist_digits) -> pd.DataFrame:
    """The statistics and findings of 200 real digits, 20 of each label: 14 in train, 2 in validation, 4 in test."""
    rows = np.concatenate([np.flatnonzero(mnist_digits.labels == label)[:20] for label in range(10)])
    table = pd.DataFrame({"split": "train", "row": range(200), "label": mnist_digits.labels[rows]})
    table.loc[np.arange(200) % 20 < 4, "split"] = "test"
    table.loc[np.arange(200) % 20 > 17, "split"] = "validation"
    table["path"] = table["name"] = [
        f"{label}/{row}.png" for label, row in zip(table["label"], range(200), strict=True)
    ]
    table = table.join(compute_statistics([pictures.encode_png(image) for image in mnist_digits.images[rows]]))
    found = add_findings(table, MAX_MINORITY, MAX_DISTANCE, MAX_RATIO)
    return found.astype(dict.fromkeys(["problem", "mode", *FINDINGS], object))


def check(table: pd.DataFrame, docs: Path, scores: dict[str, float] = NO_DRIFT) -> dict[str, ExpectationResult]:
    """The results by name."""
    return {result.name: result for result in run.check(PandasTable(table), scores, BOUNDS, docs / "docs")}


def bad_rows(table: pd.DataFrame, results: list[ExpectationResult]) -> dict[int, str]:
    return ValidationRun(PandasTable(table), NO_DRIFT, results).bad_rows().set_index("row")["reasons"].to_dict()


# The planted faults, one a row: the expectation that must fail, and its finding.
FAULTS = {
    "readable": ({"problem": "not a picture (5 bytes)"}, "not a picture (5 bytes)"),
    "mode": ({"mode": "CMYK"}, "mode CMYK"),
    "frames": ({"frames": 2}, "frames 2"),
    "file_name": ({"misnamed": "named .jpg, but contains PNG"}, "named .jpg, but contains PNG"),
    "width": ({"width": 4}, "width 4"),
    "height": ({"height": 20_000}, "height 20000"),
    "aspect": ({"aspect": 8.5}, "aspect 8.5"),
    "min_pixel_value": ({"min_pixel_value": -1.0}, "min_pixel_value -1"),
    "max_pixel_value": ({"max_pixel_value": 70_000.0}, "max_pixel_value 70000"),
    "contrast": ({"contrast": 63.0}, "contrast 63"),
    "ink_colour": ({"odd_ink": "dark on light, most ..."}, "dark on light, most ..."),
    "ink": ({"ink": 0.9}, "ink 0.9"),
    "centre_x": ({"centre_x": 0.1}, "centre_x 0.1"),
    "centre_y": ({"centre_y": 0.9}, "centre_y 0.9"),
    "extent": ({"extent": 0.1}, "extent 0.1"),
    "stroke": ({"stroke": 0.01}, "stroke 0.01"),
    "border_changes": ({"border_changes": 0.5}, "border_changes 0.5"),
    "sharpness": ({"sharpness": 0.05}, "sharpness 0.05"),
    "parts": ({"parts": 151}, "parts 151"),
    "largest_part": ({"largest_part": 0.2}, "largest_part 0.2"),
    "second_digit": ({"second_digit": 0.4}, "second_digit 0.4"),
    "label": ({"label": 11}, "label 11"),
    "one_label": ({"other_label": "also labelled 9: 9/3.png"}, "also labelled 9: 9/3.png"),
    "class_typical": ({"class_mismatch": "looks like a 3: ..."}, "looks like a 3: ..."),
    "corrections_apply": ({"correction_conflict": "corrected from 7 to 3, ..."}, "corrected from 7 to 3, ..."),
    "no_duplicates": ({"duplicate_of": "duplicate of 1/1.png"}, "duplicate of 1/1.png"),
    "no_leak": ({"also_in_split": "also 1/1.png"}, "also 1/1.png"),
    "no_near_leak": ({"near_duplicate_of": "nearly the same as 1/1.png"}, "nearly the same as 1/1.png"),
}
ROW = {name: 7 * position + 3 for position, name in enumerate(FAULTS)}
OF_ALL = {"pictures", "every_digit", "balance", "corrected_share", "digits_in_splits"}  # these have no failing rows


def test_params_yaml_bounds_every_expectation_and_no_other():
    names = [one.name for one in PICTURE_EXPECTATIONS]
    assert len(set(names)) == len(names)
    assert {*names, "drift"} == set(Expectations.model_fields)
    assert {one.name for one in DRIFT_EXPECTATIONS} == {"drift"}
    assert [one.column for one in DRIFT_EXPECTATIONS] == PROFILE_COLUMNS
    assert len(PICTURE_EXPECTATIONS) + len(DRIFT_EXPECTATIONS) >= 25


def test_every_expectation_has_its_fault_here():
    assert {one.name for one in PICTURE_EXPECTATIONS} == set(FAULTS) | OF_ALL


@pytest.fixture(scope="module")
def passing(digits, tmp_path_factory) -> tuple[dict[str, ExpectationResult], Path]:
    folder = tmp_path_factory.mktemp("passing")
    return check(digits, folder), folder


@pytest.fixture(scope="module")
def faults(digits) -> pd.DataFrame:
    return plant(digits)


def plant(digits: pd.DataFrame) -> pd.DataFrame:
    """The table with every fault in it."""
    table = digits.copy()
    for name, (change, _) in FAULTS.items():
        for column, value in change.items():
            table.loc[ROW[name], column] = value
    return table


@pytest.fixture(scope="module")
def faulty(faults, tmp_path_factory) -> dict[str, ExpectationResult]:
    """The results of the table with the faults, and with drift of a statistic."""
    return check(faults, tmp_path_factory.mktemp("faulty"), {**NO_DRIFT, "ink": 0.26, "mode": 0.24})


@pytest.fixture(scope="module")
def few(digits, tmp_path_factory) -> dict[str, ExpectationResult]:
    """The results of 36 pictures without a 4: 20 of the 1, and two of each other label."""
    chosen = digits[digits["label"] != 4].groupby("label").head(2)
    table = pd.concat([chosen[chosen["label"] != 1], digits[digits["label"] == 1]], ignore_index=True)
    return check(table, tmp_path_factory.mktemp("few"))


def test_real_digits_pass_and_data_docs_are_written(digits, passing):
    results, folder = passing
    assert [name for name, result in results.items() if not result.success] == []
    assert list(results) == [
        *(one.name for one in PICTURE_EXPECTATIONS),
        *(f"drift of {name}" for name in PROFILE_COLUMNS),
    ]
    assert bad_rows(digits, list(results.values())) == {}
    assert (folder / "docs" / "index.html").is_file()
    assert len(list((folder / "docs" / "validations").rglob("*.html"))) == 2


def test_the_drift_of_a_statistic_that_the_reference_lacks_fails(digits, tmp_path):
    found = check(digits, tmp_path, {name: score for name, score in NO_DRIFT.items() if name != "stroke"})
    assert [name for name, result in found.items() if not result.success] == ["drift of stroke"]
    result = found["drift of stroke"]
    assert (result.severity, result.expected) == ("warning", "at most 0.25")
    assert result.observed == (
        "data/reference.json lacks it: restore that file, or renew it with `digits data reference`"
    )


@pytest.mark.parametrize(
    ("name", "expected", "observed"),
    [
        ("pictures", "at least 100", 200),
        ("readable", "none", "0 of 200"),
        ("width", "at least 8 and at most 10,000", "28"),
        ("mode", f"one of {', '.join(MODES)}", "L"),
        ("frames", "at most 1", "1"),
        ("label", "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("balance", "at most 0.1", 0),
        ("digits_in_splits", "0 to 9 in each", "all"),
        ("drift of ink", "at most 0.25", 0),
    ],
)
def test_a_result_has_the_expected_and_the_observed_value(passing, name, expected, observed):
    assert (passing[0][name].expected, passing[0][name].observed) == (expected, observed)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_its_expectation_which_names_the_row(faulty, name):
    result = faulty[name]
    assert not result.success
    assert result.unexpected == 1
    assert result.failing[["row", "finding"]].to_numpy().tolist() == [[ROW[name], FAULTS[name][1]]]
    assert result.severity == BOUNDS.severity(name)
    assert result.critical == (result.severity == "critical")


def test_critical_faults_are_bad_rows_and_warnings_are_not(faults, faulty):
    critical = [name for name in FAULTS if BOUNDS.severity(name) == "critical"]
    assert 0 < len(critical) < len(FAULTS)
    expected = {ROW[name]: f"{name}: {FAULTS[name][1]}" for name in critical}
    assert bad_rows(faults, list(faulty.values())) == expected
    assert ValidationRun(PandasTable(faults), NO_DRIFT, list(faulty.values())).count_bad() == len(expected)


def test_a_row_with_two_faults_has_two_reasons(faults, faulty):
    table = faults.copy()
    table.loc[ROW["ink"], "border_changes"] = 0.6
    ink, border_changes = (faulty[name] for name in ("ink", "border_changes"))
    both = {
        ROW["ink"]: "ink: ink 0.9; border_changes: border_changes 0.6",
        ROW["border_changes"]: "border_changes: border_changes 0.5",
    }
    assert bad_rows(table, [ink, border_changes, replace(faulty["stroke"], success=True)]) == both
    assert [*bad_rows(table, [border_changes])] == [ROW["ink"], ROW["border_changes"]]


def test_all_failing_rows_are_counted_and_the_first_thousand_are_named(digits, tmp_path):
    table = pd.concat([digits] * 6, ignore_index=True).assign(row=range(1200), ink=0.9)
    found = check(table, tmp_path)["ink"]
    assert (found.unexpected, len(found.failing), found.failing["row"].iloc[-1]) == (1200, 1000, 999)
    assert len(bad_rows(table, [found])) == 1200


def test_drift_of_one_statistic_fails_its_expectation_only(faulty):
    failed = {name for name, result in faulty.items() if name.startswith("drift of") and not result.success}
    assert failed == {"drift of ink"}
    ink = faulty["drift of ink"]
    assert (ink.severity, ink.observed, ink.expected, ink.unexpected) == ("warning", 0.26, "at most 0.25", 0)


def test_too_few_pictures(few):
    result = few["pictures"]
    assert (result.success, result.critical, result.observed, result.unexpected) == (False, True, 36, 0)


def test_a_digit_that_never_occurs(few):
    assert (few["every_digit"].success, few["every_digit"].critical) == (False, True)
    assert few["label"].success


def test_a_digit_that_is_missing_in_a_split_is_named_with_the_seed_and_the_fractions(digits, tmp_path):
    table = digits.copy()
    table.loc[(table["label"] == 4) & (table["split"] == "validation"), "split_label"] = "train 4"
    (result,) = (
        one
        for one in run.check(PandasTable(table), NO_DRIFT, BOUNDS, tmp_path / "docs", split_rule={**RULE, "seed": 7})
        if one.name == "digits_in_splits"
    )
    assert (result.success, result.critical, result.unexpected) == (False, True, 0)
    assert (
        result.observed == "no validation 4: add pictures, or change fraction, seed or ingest.near_duplicate_distance"
    )
    fractions = "ingest.test_fraction = 0.2, ingest.validation_fraction = 0.1"
    assert result.description == f"every digit occurs in each split, as drawn with ingest.seed = 7, {fractions}"


def test_drift_may_exceed_its_bound_by_chance(digits, tmp_path):
    scores, chances = {**NO_DRIFT, "ink": 0.3, "extent": 0.3}, {**NO_DRIFT, "ink": 0.06, "extent": 0.04}
    results = {one.name: one for one in run.check(PandasTable(digits), scores, BOUNDS, tmp_path / "docs", chances)}
    assert (results["drift of ink"].success, results["drift of ink"].expected) == (True, "at most 0.31")
    assert (results["drift of extent"].success, results["drift of extent"].expected) == (False, "at most 0.29")


def test_unbalanced_classes_are_a_warning(few):
    result = few["balance"]
    assert (result.success, result.critical) == (False, False)
    shares = np.array([2] * 8 + [20]) / 36
    assert result.observed == pytest.approx(float(np.sum(shares * np.log(shares / 0.1))), abs=1e-3)


def test_an_undecodable_picture_fails_no_other_expectation(digits, tmp_path):
    table = digits.copy()
    absent = [one.column for one in PICTURE_EXPECTATIONS if one.column not in (None, "problem", "label", "misnamed")]
    table.loc[42, absent] = None
    table.loc[42, "problem"] = "not a picture (5 bytes)"
    failed = [name for name, result in check(table, tmp_path).items() if not result.success]
    assert failed == ["readable"]

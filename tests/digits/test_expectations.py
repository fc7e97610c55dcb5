"""Real digits hold; each planted fault is found, named and, where it is critical, refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from digits import expectations, pictures
from digits.drift import PROFILED
from digits.expectations import PICTURES, VERSION, Outcome
from digits.measurements import measure
from digits.params import Expectations, load
from digits.relations import relate

BOUNDS = load(Path(__file__).parents[2] / "params.yaml").validate_.expectations
STILL = dict.fromkeys(PROFILED, 0.0)


@pytest.fixture(scope="module")
def real(mnist_digits) -> pd.DataFrame:
    """What is known of 200 real digits, 20 of each label, four fifths of them to train on."""
    rows = np.concatenate([np.flatnonzero(mnist_digits.labels == label)[:20] for label in range(10)])
    place = pd.DataFrame({"split": "train", "row": range(200), "label": mnist_digits.labels[rows]})
    place.loc[np.arange(200) % 20 < 4, "split"] = "test"
    place["path"] = place["name"] = [
        f"{label}/{row}.png" for label, row in zip(place["label"], range(200), strict=True)
    ]
    measured = place.join(measure([pictures.write(image) for image in mnist_digits.images[rows]]))
    related = relate(measured, BOUNDS.no_near_leak.min, BOUNDS.looks_like_label.max)
    words = [
        "problem",
        "mode",
        "misnamed",
        "odd_ink",
        "copy_of",
        "also_in_test",
        "other_label",
        "near_copy",
        "unlike_label",
    ]
    return related.astype(dict.fromkeys(words, object))


def check(table: pd.DataFrame, docs: Path, moved: dict[str, float] = STILL) -> dict[str, Outcome]:
    """The outcomes by name."""
    return {outcome.name: outcome for outcome in expectations.check(table, moved, BOUNDS, docs / "docs")}


# What is planted, a fault a row: the expectation that must see it, and what it says of the picture.
FAULTS = {
    "readable": ({"problem": "not a picture (5 bytes)"}, "not a picture (5 bytes)"),
    "mode": ({"mode": "CMYK"}, "mode CMYK"),
    "frames": ({"frames": 2}, "frames 2"),
    "file_name": ({"misnamed": "named .jpg, but holds PNG"}, "named .jpg, but holds PNG"),
    "width": ({"width": 4}, "width 4"),
    "height": ({"height": 20_000}, "height 20000"),
    "aspect": ({"aspect": 8.5}, "aspect 8.5"),
    "lowest_level": ({"lowest": -1.0}, "lowest -1"),
    "highest_level": ({"highest": 70_000.0}, "highest 70000"),
    "contrast": ({"contrast": 63.0}, "contrast 63"),
    "ink_colour": ({"odd_ink": "dark ink on light, among light on dark"}, "dark ink on light, among light on dark"),
    "ink": ({"ink": 0.9}, "ink 0.9"),
    "centre_x": ({"centre_x": 0.1}, "centre_x 0.1"),
    "centre_y": ({"centre_y": 0.9}, "centre_y 0.9"),
    "extent": ({"extent": 0.1}, "extent 0.1"),
    "stroke": ({"stroke": 0.01}, "stroke 0.01"),
    "border": ({"border": 0.5}, "border 0.5"),
    "sharpness": ({"sharpness": 0.05}, "sharpness 0.05"),
    "parts": ({"parts": 5.0}, "parts 5"),
    "second_digit": ({"second": 0.4}, "second 0.4"),
    "label": ({"label": 11}, "label 11"),
    "one_label": ({"other_label": "also labelled 9: 9/3.png"}, "also labelled 9: 9/3.png"),
    "looks_like_label": ({"unlike_label": "looks like a 3, 2.0 times as much"}, "looks like a 3, 2.0 times as much"),
    "no_copies": ({"copy_of": "a copy of 1/1.png"}, "a copy of 1/1.png"),
    "no_leak": ({"also_in_test": "also 1/1.png"}, "also 1/1.png"),
    "no_near_leak": ({"near_copy": "nearly the same as 1/1.png"}, "nearly the same as 1/1.png"),
}
ROW = {name: 7 * place + 3 for place, name in enumerate(FAULTS)}
OF_ALL = {"pictures", "every_digit", "balance"}  # what no single picture can miss


def test_params_yaml_bounds_every_expectation_and_no_other():
    names = [one.name for one in PICTURES]
    assert len(set(names)) == len(names)
    assert {*names, "drift"} == set(Expectations.model_fields)
    assert {one.name for one in VERSION} == {"drift"}
    assert [one.column for one in VERSION] == PROFILED
    assert len(PICTURES) + len(VERSION) >= 25


def test_every_expectation_has_its_fault_here():
    assert {one.name for one in PICTURES} == set(FAULTS) | OF_ALL


@pytest.fixture(scope="module")
def held(real, tmp_path_factory) -> tuple[dict[str, Outcome], Path]:
    folder = tmp_path_factory.mktemp("held")
    return check(real, folder), folder


@pytest.fixture(scope="module")
def faulty(real, tmp_path_factory) -> dict[str, Outcome]:
    """The outcomes of a table with every fault in it, and with a measurement that moved."""
    table = real.copy()
    for name, (change, _) in FAULTS.items():
        for column, value in change.items():
            table.loc[ROW[name], column] = value
    return check(table, tmp_path_factory.mktemp("faulty"), {**STILL, "ink": 0.26, "mode": 0.24})


@pytest.fixture(scope="module")
def few(real, tmp_path_factory) -> dict[str, Outcome]:
    """The outcomes of 36 pictures without a 4: 20 of the 1, and two of each other label."""
    chosen = real[real["label"] != 4].groupby("label").head(2)
    table = pd.concat([chosen[chosen["label"] != 1], real[real["label"] == 1]], ignore_index=True)
    return check(table, tmp_path_factory.mktemp("few"))


def test_real_digits_hold_and_data_docs_appear(held):
    outcomes, folder = held
    assert [name for name, outcome in outcomes.items() if not outcome.success] == []
    assert list(outcomes) == [*(one.name for one in PICTURES), *(f"drift of {name}" for name in PROFILED)]
    assert expectations.bad_rows(list(outcomes.values())) == {}
    assert (folder / "docs" / "index.html").is_file()
    assert len(list((folder / "docs" / "validations").rglob("*.html"))) == 2


@pytest.mark.parametrize(
    ("name", "expected", "observed"),
    [
        ("pictures", "at least 100", 200),
        ("readable", "none", "0 of 200"),
        ("width", "at least 8 and at most 10,000", "28"),
        ("mode", f"one of {', '.join(expectations.MODES)}", "L"),
        ("frames", "at most 1", "1"),
        ("label", "one of 0, 1, 2, 3, 4, 5, 6, 7, 8, 9", "0, 1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("balance", "at most 0.1", 0),
        ("drift of ink", "at most 0.25", 0),
    ],
)
def test_an_outcome_says_what_was_expected_and_what_was_found(held, name, expected, observed):
    assert (held[0][name].expected, held[0][name].observed) == (expected, observed)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_seen_by_its_expectation_which_names_the_row(faulty, name):
    outcome = faulty[name]
    assert not outcome.success
    assert outcome.rows == [ROW[name]]
    assert outcome.found == [FAULTS[name][1]]
    assert outcome.severity == BOUNDS.severity(name)
    assert outcome.critical == (outcome.severity == "critical")


def test_critical_faults_are_bad_rows_and_warnings_are_not(faulty):
    critical = [name for name in FAULTS if BOUNDS.severity(name) == "critical"]
    assert 0 < len(critical) < len(FAULTS)
    expected = {ROW[name]: [f"{name}: {FAULTS[name][1]}"] for name in critical}
    assert expectations.bad_rows(list(faulty.values())) == expected


def test_a_row_with_two_faults_has_two_reasons(faulty):
    one, other = (replace(faulty[name], rows=[5, 2], found=["a", "b"]) for name in ("ink", "border"))
    held = replace(other, success=True)
    assert expectations.bad_rows([one, other, held]) == {2: ["ink: b", "border: b"], 5: ["ink: a", "border: a"]}
    assert list(expectations.bad_rows([one])) == [2, 5]


def test_a_measurement_that_moved_is_a_drift_and_the_others_are_not(faulty):
    missed = {name for name, outcome in faulty.items() if name.startswith("drift of") and not outcome.success}
    assert missed == {"drift of ink"}
    moved = faulty["drift of ink"]
    assert (moved.severity, moved.observed, moved.expected, moved.rows) == ("warning", 0.26, "at most 0.25", [])


def test_too_few_pictures(few):
    outcome = few["pictures"]
    assert (outcome.success, outcome.critical, outcome.observed, outcome.rows) == (False, True, 36, [])


def test_a_digit_that_never_occurs(few):
    assert (few["every_digit"].success, few["every_digit"].critical) == (False, True)
    assert few["label"].success


def test_labels_out_of_balance_warn(few):
    outcome = few["balance"]
    assert (outcome.success, outcome.critical) == (False, False)
    shares = np.array([2] * 8 + [20]) / 36
    assert outcome.observed == pytest.approx(float(np.sum(shares * np.log(shares / 0.1))), abs=1e-3)


def test_what_cant_be_read_misses_nothing_else(real, tmp_path):
    table = real.copy()
    absent = [one.column for one in PICTURES if one.column not in (None, "problem", "label", "misnamed")]
    table.loc[42, absent] = None
    table.loc[42, "problem"] = "not a picture (5 bytes)"
    missed = [name for name, outcome in check(table, tmp_path).items() if not outcome.success]
    assert missed == ["readable"]

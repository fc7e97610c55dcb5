"""Real digits hold; each planted fault is found, named and, where it is critical, fatal."""

import numpy as np
import pandas as pd
import pytest

from digits import expectations, pictures
from digits.measurements import measure
from digits.params import load


@pytest.fixture(scope="module")
def real(mnist_digits) -> pd.DataFrame:
    """Measurements of 200 real digits, 20 of each label, four fifths of them to train on."""
    rows = []
    for label in range(10):
        for number, image in enumerate(mnist_digits.images[mnist_digits.labels == label][:20]):
            split = "test" if number < 4 else "train"
            place = {"split": split, "row": len(rows), "path": f"{label}/{number}.png", "label": label}
            rows.append({**place, **measure(pictures.write(image)), "splits_with_picture": 1})
    return pd.DataFrame(rows)


@pytest.fixture
def outcomes(tmp_path):
    """Check a table against the shipped limits; returns the outcomes by name."""
    from pathlib import Path

    limits = load(Path(__file__).parents[2] / "params.yaml").validate_

    def check(table: pd.DataFrame, **changes) -> dict[str, expectations.Outcome]:
        found = expectations.check(table, limits.model_copy(update=changes), tmp_path / "docs")
        return {outcome.name: outcome for outcome in found}

    return check


def test_real_digits_hold_and_data_docs_appear(real, outcomes, tmp_path):
    found = outcomes(real)
    assert [name for name, outcome in found.items() if not outcome.success] == []
    assert (tmp_path / "docs" / "index.html").is_file()
    assert list((tmp_path / "docs" / "validations").rglob("*.html"))


FAULTS = {
    "every picture can be read": ({"problem": "not a picture (5 bytes)"}, "problem not a picture (5 bytes)"),
    "known mode": ({"mode": "CMYK"}, "mode CMYK"),
    "width": ({"width": 4}, "width 4"),
    "height": ({"height": 20_000}, "height 20000"),
    "lowest level": ({"lowest": -1.0}, "lowest -1"),
    "highest level": ({"highest": 70_000.0}, "highest 70000"),
    "not blank": ({"contrast": 3}, "contrast 3"),
    "ink": ({"ink": 0.9}, "ink 0.9"),
    "label is a digit": ({"label": 11}, "label 11"),
    "no picture in two splits": ({"splits_with_picture": 2}, "splits_with_picture 2"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_row_is_named(real, outcomes, name):
    change, words = FAULTS[name]
    table = real.astype({"problem": object, "mode": object})
    for column, value in change.items():
        table.loc[42, column] = value
    outcome = outcomes(table)[name]
    assert (outcome.success, outcome.critical, outcome.unexpected) == (False, True, 1)
    assert "train row 42, 2/2.png" in str(outcome) or "test row 42, 2/2.png" in str(outcome)
    assert words in str(outcome)


def test_too_few_pictures(real, outcomes):
    outcome = outcomes(real, min_pictures=500)["enough pictures"]
    assert (outcome.success, outcome.observed) == (False, 200)
    assert "expected at least 500, found 200" in str(outcome)


def test_a_digit_that_never_occurs(real, outcomes):
    assert not outcomes(real[real["label"] != 4])["every digit occurs"].success


def test_labels_out_of_balance_warn(real, outcomes):
    few = real.groupby("label").head(2)
    table = pd.concat([few[few["label"] != 1], real[real["label"] == 1]])
    outcome = outcomes(table)["labels in balance"]
    assert (outcome.success, outcome.critical) == (False, False)
    shares = np.array([2] * 9 + [20]) / 38
    assert outcome.observed == pytest.approx(float(np.sum(shares * np.log(shares / 0.1))), abs=1e-3)


def test_a_picture_twice_in_a_split_warns_and_names_both(real, outcomes):
    table = real.copy()
    table.loc[11, "picture"] = table.loc[10, "picture"]
    outcome = outcomes(table)["no picture twice in a split"]
    assert (outcome.success, outcome.critical, outcome.unexpected) == (False, False, 2)


def test_a_missing_column_is_a_failure_with_its_cause(real, outcomes):
    outcome = outcomes(real.drop(columns="ink"))["ink"]
    assert not outcome.success
    assert '"ink"' in str(outcome)


def test_at_most_ten_rows_are_named_and_the_rest_counted(real, outcomes):
    table = real.copy()
    table.loc[:29, "contrast"] = 0
    text = str(outcomes(table)["not blank"])
    assert text.count(" row ") == 10
    assert "and 20 more" in text

"""Bad data stops the validate stage or is quarantined, and is named in the output, in a table and on a page."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from digits import paths
from digits.data import pictures, processed_tables
from digits.data.statistics import COLUMNS
from digits.errors import UserError
from digits.validation.suite import DRIFT_EXPECTATIONS, PICTURE_EXPECTATIONS
from pipeline import preprocess, validate
from tests.raw import BLANK, SIZES, raw, read_raw, set_params

OUTPUTS = [
    *(paths.STATISTICS, paths.PROFILE, paths.QUARANTINE, paths.VALIDATION, paths.VALIDATION_REPORT),
    paths.DATA_CARD,
]
EXPECTATIONS = len(PICTURE_EXPECTATIONS) + len(DRIFT_EXPECTATIONS)
STOPPED = "the data fails a critical expectation"


def metrics() -> dict:
    return json.loads(paths.VALIDATION.read_text())


def failed() -> dict[str, int]:
    """The expectations that failed, and for how many pictures."""
    return {name: one["unexpected"] for name, one in metrics()["expectations"].items() if not one["success"]}


def quarantined() -> list[dict]:
    with paths.QUARANTINE.open(newline="") as file:
        return list(csv.DictReader(file))


def three_bad(mnist_digits) -> None:
    """Raw data with three pictures that fail critical expectations, and one duplicate."""
    real = {label: mnist_digits.images[mnist_digits.labels == label] for label in (0, 9)}
    raw(
        mnist_digits,
        train_3={"label": 11},
        train_20={"data": BLANK},
        train_5={"data": pictures.encode_png(real[0][0])},  # the test split's first
        train_132={"data": pictures.encode_png(real[9][4])},  # the first 9 of the training split
    )


BAD = [("3", "0/7.png", "11"), ("5", "0/9.png", "0"), ("20", "1/10.png", "1")]


def test_real_digits_pass(workspace, mnist_digits, capsys):
    raw(mnist_digits)
    validate.main()
    verdict = f"{EXPECTATIONS} of {EXPECTATIONS} expectations pass for 200 pictures; details in reports/validation.html"
    assert verdict in capsys.readouterr().out
    assert all(path.is_file() for path in [*OUTPUTS, paths.DATA_DOCS / "index.html"])
    assert (metrics()["success"], metrics()["pictures"], metrics()["quarantined"]) == (True, 200, 0)
    assert (len(metrics()["expectations"]), failed()) == (EXPECTATIONS, {})
    table = pd.read_parquet(paths.STATISTICS)
    assert table["split"].value_counts().to_dict() == SIZES
    assert set(table) == {"split", "row", "path", "label", "source", *COLUMNS} - {"thumbnail"}
    assert table["width"].tolist() == [28] * 200
    assert metrics()["sources"] == {"mnist-5k": SIZES}
    assert paths.QUARANTINE.read_text() == "split,row,path,label,reasons\n"
    profile = json.loads(paths.PROFILE.read_text())
    assert (profile["pictures"], profile["statistics"]["width"]) == (160, {"edges": [28.0], "counts": [0, 160, 0]})
    assert "Validation passed<" in paths.VALIDATION_REPORT.read_text()


def test_a_broken_description_of_a_source_is_reported_before_any_picture_is_measured(
    workspace, mnist_digits, monkeypatch
):
    raw(mnist_digits)
    (paths.SOURCES / "mnist-5k" / "source.yaml").write_text("title: [")
    monkeypatch.setattr(validate, "raw_statistics", lambda: pytest.fail("pictures were measured"))
    with pytest.raises(UserError, match=r"data/sources/mnist-5k/source.yaml can't be read"):
        validate.main()


def test_near_duplicates_in_two_splits_warn(workspace, mnist_digits):
    raw(mnist_digits, train_5={"data": pictures.encode_png(mnist_digits.images[0] // 2)})  # the test split's first
    validate.main()
    assert failed() == {"no_near_leak": 1}


def test_bad_rows_stop_it_and_are_named_in_the_output_and_on_the_page(workspace, mnist_digits, capsys):
    three_bad(mnist_digits)
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    printed = capsys.readouterr().out
    page = paths.VALIDATION_REPORT.read_text()
    for words in (
        "critical: label (the label is a digit)",
        "train row 3, 0/7.png, label 11: label 11",
        "critical: contrast (brightest minus darkest pixel value: not blank): expected at least 64, found",
        "train row 20, 1/10.png, label 1: contrast 0",
        "critical: no_leak (",
        "train row 5, 0/9.png, label 0: also test row 0, 0/0.png",
        "warning: no_duplicates (",
        "train row 132, 9/10.png, label 9: duplicate of train row 126, 9/4.png",
    ):
        assert words in printed
    for words in ("0/7.png<br>label 11", "1/10.png<br>contrast 0", "0/9.png<br>also test row 0, 0/0.png"):
        assert words in page
    assert "Validation failed<" in page
    assert metrics()["success"] is False
    assert failed().items() >= {"label": 1, "contrast": 1, "no_leak": 1, "no_duplicates": 1}.items()
    assert quarantined() == []
    with pytest.raises(UserError, match=r"metrics/validate\.json: the data fails a critical expectation"):
        preprocess.main()
    assert not Path("data/processed").exists()


def test_bad_rows_are_quarantined_and_the_others_are_used(workspace, mnist_digits, capsys):
    three_bad(mnist_digits)
    set_params("validate", on_bad_rows="quarantine")
    validate.main()
    assert [(row["row"], row["path"], row["label"]) for row in quarantined()] == BAD
    reasons = [row["reasons"] for row in quarantined()]
    for one, words in zip(
        reasons, ("label: label 11", "no_leak: also test row 0, 0/0.png", "contrast: contrast 0"), strict=True
    ):
        assert words in one.split("; ")
    assert {row["split"] for row in quarantined()} == {"train"}
    assert (metrics()["success"], metrics()["pictures"], metrics()["quarantined"]) == (True, 197, 3)
    assert failed()["no_duplicates"] == 1  # a warning quarantines nothing
    assert json.loads(paths.PROFILE.read_text())["pictures"] == 157
    printed = capsys.readouterr().out
    assert "quarantined: train row 3, 0/7.png, label 11: label: label 11" in printed
    assert "3 pictures quarantined; details in reports/validation.html" in printed
    page = paths.VALIDATION_REPORT.read_text()
    assert "Quarantined: 3 pictures" in page
    assert "0/9.png<br>no_leak: also test row 0, 0/0.png" in page
    assert len(pd.read_parquet(paths.STATISTICS)) == 200

    preprocess.main()
    kept = [
        example
        for split in ("train", "validation")
        for example in read_raw(split)
        if example.path not in {path for _, path, _ in BAD}
    ]
    prepared = [processed_tables.read_processed(split) for split in ("train", "validation")]
    found = sorted(image.tobytes() for digits in prepared for image in digits.images)
    assert found == sorted(pictures.decode(example.data).pixels.tobytes() for example in kept)
    assert len(processed_tables.read_processed("test").labels) == 40


def test_more_bad_rows_than_allowed_quarantine_none(workspace, mnist_digits, capsys):
    three_bad(mnist_digits)
    set_params("validate", on_bad_rows="quarantine", max_quarantined=0.0149)
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    words = "3 of 200 pictures are bad, more than validate.max_quarantined = 1.5%: none is quarantined"
    assert words in capsys.readouterr().out
    assert quarantined() == []
    assert (metrics()["success"], metrics()["pictures"], metrics()["quarantined"]) == (False, 200, 0)


def test_a_fault_of_the_whole_data_stops_it_and_quarantines_nothing(workspace, mnist_digits):
    each = {"train": 14, "validation": 2, "test": 4}
    fours = [f"{split}_{row}" for split, per in each.items() for row in range(4 * per, 5 * per)]
    changes = {place: {"label": 5} for place in fours}
    raw(mnist_digits, **changes)  # there is no 4 any more
    set_params("validate", on_bad_rows="quarantine")
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    assert failed()["every_digit"] == 0
    assert quarantined() == []


def test_warnings_do_not_stop_it(workspace, mnist_digits, capsys):
    inverted = pictures.encode_png(255 - mnist_digits.images[mnist_digits.labels == 3][10])
    raw(mnist_digits, train_50={"data": inverted}, train_51={"path": "3/odd.jpg"})
    validate.main()
    assert failed() == {"file_name": 1, "ink_colour": 1}
    assert metrics()["success"] is True
    printed = capsys.readouterr().out
    assert "train row 51, 3/odd.jpg, label 3: named .jpg, but contains PNG" in printed
    assert "failed: 0 critical, 2 warnings" in printed
    assert "Validation passed, with warnings<" in paths.VALIDATION_REPORT.read_text()


@pytest.mark.parametrize("splits", [["train", "validation", "test"], ["test"]], ids=["all", "test split"])
def test_without_a_readable_picture_it_fails_without_a_traceback(workspace, mnist_digits, capsys, splits):
    raw(mnist_digits, **{f"{split}_{row}": {"data": b"x"} for split in splits for row in range(SIZES[split])})
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    unreadable = sum(SIZES[split] for split in splits)
    printed = capsys.readouterr().out
    assert f"critical: readable (every picture can be decoded): expected none, found {unreadable} of 200" in printed
    assert f"    and {unreadable - 10} more\n" in printed
    assert failed()["readable"] == unreadable


def test_the_same_data_give_the_same_bytes(workspace, mnist_digits):
    three_bad(mnist_digits)
    set_params("validate", on_bad_rows="quarantine")
    validate.main()
    before = {path: path.read_bytes() for path in OUTPUTS}
    validate.main()
    assert {path: path.read_bytes() for path in OUTPUTS} == before

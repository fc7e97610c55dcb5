"""Known-bad data stop the validate stage or are set aside, and are named on the screen, in a table and on a page."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from digits import dataset, pictures
from digits.errors import UserError
from digits.measurements import MEASURED
from pipeline import preprocess, validate
from tests.pipeline.raw import BLANK, SIZES, raw, set_params

WRITTEN = [
    "data/measurements.parquet",
    "data/profile.json",
    "data/quarantine.csv",
    "metrics/validate.json",
    "reports/data_docs/index.html",
    "reports/validation.html",
]
STOPPED = "the data do not meet a critical expectation"


def verdict() -> dict:
    return json.loads(Path("metrics/validate.json").read_text())


def missed() -> dict[str, int]:
    """The expectations that were missed, and by how many pictures."""
    return {name: one["unexpected"] for name, one in verdict()["expectations"].items() if not one["success"]}


def set_aside() -> list[dict]:
    with Path("data/quarantine.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def three_bad(mnist_digits) -> None:
    """Raw data with three pictures that critical expectations refuse, and one that is a copy."""
    real = {label: mnist_digits.images[mnist_digits.labels == label] for label in (0, 9)}
    raw(
        mnist_digits,
        train_3={"label": 11},
        train_20={"data": BLANK},
        train_5={"data": pictures.write(real[0][0])},  # the test split's first
        train_150={"data": pictures.write(real[9][4])},  # the first 9 to train on
    )


BAD = [("3", "0/7.png", "11"), ("5", "0/9.png", "0"), ("20", "1/8.png", "1")]


def test_real_digits_pass(workspace, mnist_digits, capsys):
    raw(mnist_digits)
    validate.main()
    assert "45 of 45 expectations hold for 200 pictures; open reports/validation.html" in capsys.readouterr().out
    assert all(Path(name).is_file() for name in WRITTEN)
    assert (verdict()["success"], verdict()["pictures"], verdict()["quarantined"]) == (True, 200, 0)
    assert (len(verdict()["expectations"]), missed()) == (45, {})
    table = pd.read_parquet("data/measurements.parquet")
    assert table["split"].value_counts().to_dict() == SIZES
    assert set(table) == {"split", "row", "path", "label", *MEASURED} - {"thumbnail"}
    assert table["width"].tolist() == [28] * 200
    assert Path("data/quarantine.csv").read_text() == "split,row,path,label,reasons\n"
    profile = json.loads(Path("data/profile.json").read_text())
    assert (profile["pictures"], profile["measurements"]["width"]) == (160, {"edges": [28.0], "counts": [0, 160, 0]})
    assert "The data hold<" in Path("reports/validation.html").read_text()


def test_bad_rows_stop_it_and_are_named_wherever_one_looks(workspace, mnist_digits, capsys):
    three_bad(mnist_digits)
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    printed = capsys.readouterr().out
    page = Path("reports/validation.html").read_text()
    for words in (
        "critical: label (the label is a digit)",
        "train row 3, 0/7.png, label 11: label 11",
        "critical: contrast (brightest minus darkest grey level: not blank): expected at least 64, found",
        "train row 20, 1/8.png, label 1: contrast 0",
        "critical: no_leak (",
        "train row 5, 0/9.png, label 0: also test row 0, 0/0.png",
        "warning: no_copies (",
        "train row 150, 9/10.png, label 9: a copy of train row 144, 9/4.png",
    ):
        assert words in printed
    for words in ("0/7.png<br>label 11", "1/8.png<br>contrast 0", "0/9.png<br>also test row 0, 0/0.png"):
        assert words in page
    assert "The data do not hold<" in page
    assert verdict()["success"] is False
    assert missed().items() >= {"label": 1, "contrast": 1, "no_leak": 1, "no_copies": 1}.items()
    assert set_aside() == []
    with pytest.raises(UserError, match=r"metrics/validate\.json says that the data do not meet the expectations"):
        preprocess.main()
    assert not Path("data/processed").exists()


def test_bad_rows_are_set_aside_and_the_rest_goes_on(workspace, mnist_digits, capsys):
    three_bad(mnist_digits)
    set_params("validate", on_bad_rows="quarantine")
    validate.main()
    assert [(row["row"], row["path"], row["label"]) for row in set_aside()] == BAD
    reasons = [row["reasons"] for row in set_aside()]
    for one, words in zip(
        reasons, ("label: label 11", "no_leak: also test row 0, 0/0.png", "contrast: contrast 0"), strict=True
    ):
        assert words in one.split("; ")
    assert {row["split"] for row in set_aside()} == {"train"}
    assert (verdict()["success"], verdict()["pictures"], verdict()["quarantined"]) == (True, 197, 3)
    assert missed()["no_copies"] == 1  # a warning sets nothing aside
    assert json.loads(Path("data/profile.json").read_text())["pictures"] == 157
    printed = capsys.readouterr().out
    assert "set aside: train row 3, 0/7.png, label 11: label: label 11" in printed
    assert "3 pictures set aside; open reports/validation.html" in printed
    page = Path("reports/validation.html").read_text()
    assert "Set aside: 3 pictures" in page
    assert "0/9.png<br>no_leak: also test row 0, 0/0.png" in page
    assert len(pd.read_parquet("data/measurements.parquet")) == 200

    preprocess.main()
    kept = [example for example in dataset.read_raw("train") if example.path not in {path for _, path, _ in BAD}]
    prepared = [dataset.read_prepared(split) for split in ("train", "validation")]
    found = sorted(image.tobytes() for digits in prepared for image in digits.images)
    assert found == sorted(pictures.read(example.data).grey.tobytes() for example in kept)
    assert len(dataset.read_prepared("test").labels) == 40


def test_more_bad_rows_than_allowed_set_none_aside(workspace, mnist_digits, capsys):
    three_bad(mnist_digits)
    set_params("validate", on_bad_rows="quarantine", max_quarantined=0.0149)
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    words = "3 of 200 pictures are bad, more than validate.max_quarantined = 1.5%: none is set aside"
    assert words in capsys.readouterr().out
    assert set_aside() == []
    assert (verdict()["success"], verdict()["pictures"], verdict()["quarantined"]) == (False, 200, 0)


def test_what_no_picture_is_guilty_of_stops_it_all_the_same(workspace, mnist_digits):
    changes = {
        f"{split}_{row}": {"label": 5} for split, per in (("train", 16), ("test", 4)) for row in range(4 * per, 5 * per)
    }
    raw(mnist_digits, **changes)  # there is no 4 any more
    set_params("validate", on_bad_rows="quarantine")
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    assert missed()["every_digit"] == 0
    assert set_aside() == []


def test_warnings_let_it_go_on(workspace, mnist_digits, capsys):
    inverted = pictures.write(255 - mnist_digits.images[mnist_digits.labels == 3][10])
    raw(mnist_digits, train_60={"data": inverted}, train_61={"path": "3/odd.jpg"})
    validate.main()
    assert missed() == {"file_name": 1, "ink_colour": 1}
    assert verdict()["success"] is True
    printed = capsys.readouterr().out
    assert "train row 61, 3/odd.jpg, label 3: named .jpg, but holds PNG" in printed
    assert "missed: 0 critical, 2 warnings" in printed
    assert "The data hold, with warnings<" in Path("reports/validation.html").read_text()


@pytest.mark.parametrize("splits", [["train", "test"], ["test"]], ids=["anywhere", "to test on"])
def test_not_one_readable_picture_is_said_and_not_a_traceback(workspace, mnist_digits, capsys, splits):
    raw(mnist_digits, **{f"{split}_{row}": {"data": b"x"} for split in splits for row in range(SIZES[split])})
    with pytest.raises(UserError, match=STOPPED):
        validate.main()
    unreadable = sum(SIZES[split] for split in splits)
    printed = capsys.readouterr().out
    assert f"critical: readable (every picture can be read): expected none, found {unreadable} of 200" in printed
    assert f"    and {unreadable - 10} more\n" in printed
    assert missed()["readable"] == unreadable


def test_the_same_data_give_the_same_bytes(workspace, mnist_digits):
    three_bad(mnist_digits)
    set_params("validate", on_bad_rows="quarantine")
    outputs = [name for name in WRITTEN if "data_docs" not in name]
    validate.main()
    before = {name: Path(name).read_bytes() for name in outputs}
    validate.main()
    assert {name: Path(name).read_bytes() for name in outputs} == before

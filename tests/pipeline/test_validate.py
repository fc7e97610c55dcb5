"""Known-bad data stop the validate stage, which names their rows."""

import json

import numpy as np
import pandas as pd
import pytest

from digits import pictures
from digits.errors import UserError
from pipeline import preprocess, validate
from tests.pipeline.raw import SIZES, raw


def test_real_digits_pass(workspace, mnist_digits, capsys):
    raw(mnist_digits)
    validate.main()
    assert "14 of 14 expectations hold for 200 pictures" in capsys.readouterr().out
    report = json.loads((workspace / "metrics/validate.json").read_text())
    assert (report["success"], report["pictures"], len(report["expectations"])) == (True, 200, 14)
    table = pd.read_parquet(workspace / "data/measurements.parquet")
    assert table["width"].tolist() == [28] * 200
    assert (workspace / "reports/data_docs/index.html").is_file()


BLANK = pictures.write(np.full((28, 28), 7, np.uint8))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_3": {"label": 11}}, ["label is a digit (critical)", "train row 3, 0/7.png, label 11"]),
        ({"train_3": {"data": BLANK}}, ["not blank (critical)", "train row 3, 0/7.png, label 0: contrast 0"]),
        (
            {"test_5": {"data": b"seven"}},
            ["every picture can be read", "test row 5, 1/1.png, label 1", "not a picture"],
        ),
        (
            {"test_0": {"data": BLANK}, "train_0": {"data": BLANK}},
            ["no picture in two splits (critical)", "train row 0, 0/4.png", "test row 0, 0/0.png"],
        ),
    ],
)
def test_bad_rows_stop_it_and_are_named(workspace, mnist_digits, capsys, changes, words):
    raw(mnist_digits, **changes)
    with pytest.raises(UserError, match="the data do not meet a critical expectation"):
        validate.main()
    printed = capsys.readouterr().out
    for word in words:
        assert word in printed
    assert json.loads((workspace / "metrics/validate.json").read_text())["success"] is False
    with pytest.raises(UserError, match=r"metrics/validate\.json says that the data do not meet"):
        preprocess.main()


def test_not_one_readable_picture_is_said_and_not_a_traceback(workspace, mnist_digits, capsys):
    raw(mnist_digits, **{f"{split}_{row}": {"data": b"x"} for split, of in SIZES.items() for row in range(of)})
    with pytest.raises(UserError, match="the data do not meet a critical expectation"):
        validate.main()
    assert "every picture can be read (critical): expected none, 200 rows do not hold" in capsys.readouterr().out

"""`digits read`: the lines of digits in each picture, in the order given; what can't be read has its error in its row.

The model is not taken from the registry, which costs two seconds: tests/system/test_default_pipeline.py does that.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from digits.cli import commands
from digits.cli.read import _as_text
from digits.data import pictures
from digits.model.classifier import Classifier
from digits.reading import Digit, Limits, Page, results
from digits.reading.results import Result


@pytest.fixture
def champion(constant_model, monkeypatch):
    """A model that always predicts 3, by 91 %, in the champion's place."""
    model = Classifier(constant_model(3))
    monkeypatch.setattr("digits.cli.read.start", lambda: None)
    monkeypatch.setattr("digits.cli.read.load", lambda champion, min_probability: model)


@pytest.fixture
def files(workspace, mnist_digits) -> None:
    """Three pictures: six digits in two lines, dark on light, no digit, and no picture."""
    page = np.full((120, 160), 240, np.uint8)
    for top, left in ((10, 10), (10, 40), (10, 110), (70, 10), (70, 40), (70, 70)):
        page[top : top + 28, left : left + 28] -= mnist_digits.images[0] // 2
    Path("page.png").write_bytes(pictures.encode_png(page))
    Path("blank.png").write_bytes(pictures.encode_png(np.full_like(page, 240)))
    Path("text.png").write_bytes(b"3")


def read(*arguments: str, stdin: bytes | None = None):
    return CliRunner().invoke(commands, ["read", *arguments], input=stdin)


def test_each_picture_has_its_lines_and_one_failure_fails_the_command(champion, files):
    done = read("text.png", "page.png", "blank.png", "-", stdin=Path("page.png").read_bytes())
    text, *lines = done.stdout.splitlines()
    assert text.startswith("text.png  error: not a picture (1 bytes)")
    page = ["digits: 6 accepted, 0 refused", "  33 3", "  333"]
    assert lines == [f"page.png  {page[0]}", *page[1:], "blank.png  no digit found", f"-  {page[0]}", *page[1:]]
    assert (done.exit_code, str(done.exception)) == (1, "1 of 4 pictures can't be read: see their rows")


def test_a_refusal_is_an_answer(champion, files):
    done = read("page.png", "--min-probability", "0.95")
    assert done.stdout == "page.png  no digit accepted, 6 refused\n"
    assert done.exit_code == 0


def test_a_limit_that_is_exceeded_is_an_error_of_its_picture(champion, files, constant_model):
    done = read("page.png", "--max-digits", "5")
    assert "error: more than 5 digits; cut the picture into smaller ones" in done.stdout and done.exit_code == 1
    late = results.result("page.png", Path("page.png"), Classifier(constant_model(3)), limits=Limits(seconds=0))
    assert late.error.startswith("takes longer than 0 s; cut the picture into smaller ones")


def test_a_larger_picture_is_averaged_down_and_its_boxes_are_those_of_the_original(champion, files):
    page = pictures.decode(Path("page.png").read_bytes()).pixels
    Path("large.png").write_bytes(pictures.encode_png(page.repeat(4, axis=0).repeat(4, axis=1)))
    done = read("page.png", "large.png", "--json", "--max-pixels", str(page.size))
    small, large = (json.loads(line) for line in done.stdout.splitlines())
    assert (large["width"], large["height"], large["lines"]) == (640, 480, small["lines"])
    assert [[4 * side for side in one["box"]] for one in small["digits"]] == [one["box"] for one in large["digits"]]


def test_files_are_written_and_pictures_drawn(champion, files):
    for suffix in ("jsonl", "csv", "parquet"):
        done = read("page.png", "text.png", "blank.png", "--out", f"new/a.{suffix}", "--show", "drawn")
        assert done.stdout == (f"3 pictures, 1 failed; digits: 6 accepted, 0 refused; see new/a.{suffix}\n")
    assert sorted(path.name for path in Path("new").iterdir()) == ["a.csv", "a.jsonl", "a.parquet"]
    page, text, blank = (json.loads(line) for line in Path("new/a.jsonl").read_text().splitlines())
    assert list(page) == ["path", "width", "height", "digits", "lines"]
    assert text.keys() == {"path", "error"} and blank["digits"] == blank["lines"] == []
    places = [(one["line"], one["position"]) for one in page["digits"]]
    assert places == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    with Path("new/a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {name: "" if value is None else str(value) for name, value in row.items()}
        for row in (pq.read_table("new/a.parquet").to_pylist())
    ]
    assert [row["path"] for row in rows] == ["page.png"] * 6 + ["text.png", "blank.png"]
    assert [int(rows[2][side]) for side in ("left", "top", "right", "bottom")] == page["digits"][2]["box"]
    assert sorted(path.name for path in Path("drawn").iterdir()) == ["1-page.png", "3-blank.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "nothing does not exist"),
        (["--out", "a.txt"], "a.txt: the suffix names the format; expected one of .csv, .jsonl, .parquet"),
        (["--show", "a.jpg"], "a.jpg: the suffix names the format; expected one of .png"),
        (["--show", "page.png"], "page.png would be read and written"),
        (["blank.png", "--show", "a.png"], "a.png: 2 pictures can't be drawn in one file; name a folder"),
        (["--show", "."], ". lies where pictures are read; name another folder"),
        (["--json", "--out", "a.csv"], "give one of the two"),
    ],
)
def test_a_wrong_argument_is_an_error_before_any_work(champion, files, arguments, words):
    done = read("page.png", *arguments)
    assert words in str(done.exception) + done.output
    assert done.stdout == "" and done.exit_code != 0


def test_a_grid_is_a_table_with_dots_for_empty_cells_and_question_marks_for_refused_digits():
    digits = [Digit((0, 0, 9, 9), 7, 0.9, True, None, 0, 1), Digit((0, 0, 9, 9), 4, 0.5, False, "why", 1, 0)]
    page = Page(99, 99, digits, [".7", "?."], [[None, 7], [4, None]])
    assert _as_text(Result("a.png", page), True) == "a.png  digits: 1 accepted, 1 refused\n  . 7\n  ? ."
    without = page._replace(grid=None, digits=[], lines=[])
    assert _as_text(Result("a.png", without), True) == "a.png  no grid found; no digit found"


def test_the_help_has_the_defaults_of_the_limits():
    words = " ".join(read("--help").output.split())
    assert all(f"[default: {limit:g}]".replace("1.6e+07", "16000000") in words for limit in Limits())

"""`digits predict`: an answer for each picture, in the order given; what can't be read has its error in its row.

A run of the command costs two seconds: MLflow is imported in a process of its own.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

from digits.cli import commands
from digits.data import pictures
from digits.model.acceptance import Acceptance
from digits.tracking import registry
from digits.visualization.contact_sheet import CELL_HEIGHT, CELL_WIDTH, GAP, STEP
from tests.imports import ROOT
from tests.tracking_store import registered_version

CERTIFICATE = {"certificate": "valid", "certified_error": "0.02", "certified_at": "0.9", "certificate_digits": "204"}
CERTIFIED = (
    "certificate of version 1: at most 2.00% of accepted answers are wrong, at 90% confidence: for digits like the 204 "
    "validation digits, not for other pictures, such as photographs\n"
)


@pytest.fixture
def champion(store, constant_model):
    """A champion that always predicts 3."""
    version = registered_version(constant_model(3), **CERTIFICATE)
    registry.set_alias(registry.CHAMPION, version)


@pytest.fixture
def files(tmp_path, mnist_digits) -> dict[str, str]:
    """Paths of four pictures, by what is special of each."""
    digit = mnist_digits.images[3600]
    contents = {
        "good": pictures.encode_png(digit),
        "text": b"seven",
        "blank": pictures.encode_png(np.full((40, 40), 255, np.uint8)),
        "last": pictures.encode_png(255 - digit),
    }
    for name, data in contents.items():
        (tmp_path / f"{name}.png").write_bytes(data)
    return {name: str(tmp_path / f"{name}.png") for name in [*contents, "missing"]}


def predict(*arguments: str, stdin: bytes | None = None):
    return CliRunner().invoke(commands, ["predict", *arguments], input=stdin)


def test_each_picture_has_its_row_and_one_failure_fails_the_command(champion, files):
    names = ["text", "good", "missing", "blank", "last"]
    done = predict("--json", *(files[name] for name in names))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert [row["picture"] for row in rows] == [files[name] for name in names]
    assert [(row.get("label"), row.get("accepted")) for row in rows] == [
        (None, None),
        (3, True),
        (None, None),
        (None, False),
        (3, True),
    ]
    assert [str(row.get("error") or row.get("reason")).split(":")[0] for row in rows] == [
        "not a picture (5 bytes); supported",
        "None",
        "can't be read",
        "blank",
        "None",
    ]
    assert sum(rows[1]["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_the_text_has_the_same_answers(champion, files):
    done = predict(files["missing"], files["good"])
    missing, good, probabilities = done.stdout.splitlines()
    assert done.exit_code == 1
    assert missing == f"{files['missing']}  error: can't be read: No such file or directory"
    assert good == f"{files['good']}  is 3  (91.0%)"
    assert probabilities.startswith("  0: 1.0%  1: 1.0%")


def test_a_refusal_is_an_answer_with_a_reason_and_the_best_guess(champion, files):
    done = predict(files["good"], files["blank"], "--min-probability", "0.95")
    good, reason, probabilities, blank, no_stroke = done.stdout.splitlines()
    assert (done.exit_code, done.stderr) == (0, CERTIFIED)
    assert good == f"{files['good']}  refused, guess 3 (91.0%)"
    assert reason == "  probability 91.0% is below 95.0%"
    assert probabilities.startswith("  0: 1.0%  1: 1.0%")
    assert blank == f"{files['blank']}  refused"
    assert no_stroke == "  blank: contrast 0 of 255, and no stroke with at least 16"


@pytest.mark.parametrize("share", ["0", "0.5", "0.9"])
def test_min_probability_loosens_nothing(store, files, constant_model, share):
    version = registered_version(constant_model(3, Acceptance(1, 0.9, -1)))
    registry.set_alias(registry.CHAMPION, version)
    done = predict(files["good"], "--min-probability", share)
    assert "refused, guess 3 (91.0%)\n  looks like no digit: outlier score -0.7 is above -1.0\n" in done.stdout
    nothing = "--min-probability 0.5 changes nothing: version 1 refuses what is below 0.9 itself\n"
    certificate = "certificate of version 1: none: this version was registered before certificates\n"
    assert done.stderr == (nothing if share == "0.5" else "") + certificate


def test_a_champion_of_contract_1_refuses_nothing_and_says_so_once(store, files, constant_model, workspace):
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(3, None)))
    done = predict(*[files["good"]] * 70, "--json")  # two batches
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {(row["label"], row["accepted"], row["reason"]) for row in rows} == {(3, True, None)}
    assert done.stderr.startswith("version 1 refuses nothing by itself: an earlier version of this project trained it")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("share", ["-0.1", "1.1", "90", "nan", "much"])
def test_a_share_out_of_range_is_a_wrong_argument(files, share):
    done = predict(files["good"], "--min-probability", share)
    assert done.exit_code == 2
    assert "Invalid value for '--min-probability'" in done.output


def test_readable_pictures_succeed(champion, files):
    assert predict(files["good"], files["last"]).exit_code == 0


def test_without_a_readable_picture_no_champion_is_needed(store, files):
    done = predict(files["text"], files["missing"])
    assert (done.exit_code, len(done.stdout.splitlines()), done.stderr) == (1, 2, "")


def test_standard_input_and_parquet_are_read_too(champion, files, workspace):
    table = {"image": [{"bytes": Path(files["good"]).read_bytes(), "path": None}, {"bytes": b"no", "path": None}]}
    pq.write_table(pa.table(table), "a.parquet")
    done = predict("-", "a.parquet", stdin=Path(files["last"]).read_bytes())
    lines = [line for line in done.stdout.splitlines() if line[0] != " "]
    assert lines[:2] == ["-  is 3  (91.0%)", "a.parquet#0  is 3  (91.0%)"]
    assert lines[2].startswith("a.parquet#1  error: not a picture (2 bytes)")
    assert done.stderr == CERTIFIED and done.exit_code == 1


def test_a_file_is_written_and_a_contact_sheet_drawn(champion, files, workspace):
    done = predict(files["good"], files["text"], files["blank"], "--out", "new/a.csv", "--show", "new/a.png")
    assert done.exit_code == 1
    assert done.stdout == "3 pictures: 1 read, 1 refused, 1 failed; see new/a.csv\n"
    assert done.stderr == CERTIFIED
    with Path("new/a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [files[name] for name in ("good", "text", "blank")]
    assert [(row["label"], row["probability"], row["accepted"], bool(row["error"])) for row in rows] == [
        ("3", "0.91", "True", False),
        ("", "", "", True),
        ("", "", "False", False),
    ]
    drawn = np.asarray(Image.open("new/a.png").convert("L"))
    assert drawn.shape[1] == GAP + 3 * (CELL_WIDTH + GAP)
    corners = drawn[-CELL_HEIGHT - GAP + 5, GAP + 5 + 2 * STEP :: CELL_WIDTH + GAP]  # of the saliency, on white paper
    assert (corners == 255).tolist() == [True, False, False]
    assert sorted(path.name for path in Path("new").iterdir()) == ["a.csv", "a.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing"], "nothing does not exist"),
        (["--out", "a.txt"], "a.txt: the suffix names the format; expected one of .csv, .jsonl, .parquet"),
        (["--show", "a.jpg"], "a.jpg: the suffix names the format; expected one of .png"),
        (["--out", "folder.csv"], "folder.csv is a folder; expected the name of a file to write"),
        (["--show", "here.png"], "here.png is a folder; expected the name of a file to write"),
        (["a.parquet", "--out", "./a.parquet"], "a.parquet would be read and written"),
        (["--json", "--out", "a.csv"], "give one of the two"),
    ],
)
def test_a_wrong_argument_is_an_error_before_any_work(store, files, workspace, arguments, words):
    for folder in ("folder.csv", "here.png"):
        (workspace / folder).mkdir()
    pq.write_table(pa.table({"bytes": [b"no"]}), "a.parquet")
    done = predict(files["good"], *arguments)
    assert words in str(done.exception) + done.output
    assert done.stdout == "" and done.exit_code != 0


def test_without_a_champion_nothing_is_written(store, files, workspace):
    done = predict(files["good"], "--out", "a.csv")
    assert "models:/digits@champion is not in the registry" in str(done.exception)
    assert not [path for path in workspace.iterdir() if "a.csv" in path.name]


# The command with batches of two pictures and a pause after each, so that there is time to kill it on a busy machine
COMMAND = """
import os, sys, time
from digits import cli
from digits.prediction import files, inputs

inputs.BATCH_PICTURES = 2
append = files.PredictionLog.append

def append_and_pause(*arguments):
    append(*arguments)
    time.sleep(float(os.environ["PAUSE"]))

files.PredictionLog.append = append_and_pause
if __name__ == "__main__":
    sys.argv[0] = "digits"
    cli.main()
"""


@pytest.mark.parametrize(
    ("suffix", "number", "message"),
    [
        ("csv", signal.SIGKILL, ""),
        ("parquet", signal.SIGINT, "interrupted: the same command goes on where it stopped"),
    ],
)
def test_an_interrupted_run_goes_on_to_the_same_bytes(champion, mnist_digits, workspace, suffix, number, message):
    """Costs 6 s: three runs with 400 pictures."""
    (workspace / "command.py").write_text(COMMAND)
    (workspace / "in").mkdir()
    for row in range(400):
        data = b"text" if row % 50 == 7 else pictures.encode_png(mnist_digits.images[row * 12])
        (workspace / "in" / f"{row:03d}.png").write_bytes(data)
    log = workspace / f".partial-a.{suffix}.jsonl"

    def start(name: str, pause: float = 0) -> subprocess.Popen:
        command = [sys.executable, "command.py", "predict", "in", "--out", f"{name}.{suffix}"]
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PAUSE": str(pause)}
        return subprocess.Popen(command, env=env, **streams)

    with start("a", pause=0.02) as killed:
        while not log.exists() or log.read_bytes().count(b"\n") < 20:
            assert killed.poll() is None
            time.sleep(0.001)
        killed.send_signal(number)
        assert killed.communicate()[1].removeprefix(CERTIFIED).strip() == message
    kept = log.read_bytes().count(b"\n") - 1
    assert 19 <= kept < 200
    assert not (workspace / f"a.{suffix}").exists()
    with start("a") as resumed, start("b") as whole:
        assert resumed.communicate()[1].startswith(f"a.{suffix}: going on after {2 * kept} pictures")
        assert whole.communicate()[0] == f"400 pictures: 392 read, 0 refused, 8 failed; see b.{suffix}\n"
    assert not log.exists()
    assert (workspace / f"a.{suffix}").read_bytes() == (workspace / f"b.{suffix}").read_bytes()


def test_a_run_does_not_go_on_after_one_of_another_champion_and_other_pictures(champion, files, workspace):
    (workspace / ".partial-a.csv.jsonl").write_text('{"champion": "another", "pictures": "others"}\n[[]]\n')
    done = predict(files["good"], "--out", "a.csv")
    changed = "the champion and pictures and --min-probability"
    assert done.stderr.startswith(f"a.csv: {changed} changed since the earlier run: starting afresh")
    assert done.stdout == "1 pictures: 1 read, 0 refused, 0 failed; see a.csv\n"

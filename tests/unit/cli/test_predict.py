"""`digits predict`: an answer for each picture, in the order given; what can't be read has its error in its row."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from digits.cli import commands
from digits.data import pictures
from digits.tracking import registry
from tests.tracking_store import registered_version


@pytest.fixture
def champion(store, constant_model):
    """A champion that always predicts 3."""
    version = registered_version(constant_model(3))
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


def predict(*arguments: str):
    return CliRunner().invoke(commands, ["predict", *arguments])


def test_each_picture_has_its_row_and_one_failure_fails_the_command(champion, files):
    names = ["text", "good", "missing", "blank", "last"]
    done = predict("--json", *(files[name] for name in names))
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.exit_code == 1
    assert [row["picture"] for row in rows] == [files[name] for name in names]
    assert [row.get("label") for row in rows] == [None, 3, None, None, 3]
    assert [row.get("error", "").split(":")[0] for row in rows] == [
        "not a picture (5 bytes); supported",
        "",
        "can't be read",
        "blank",
        "",
    ]
    assert sum(rows[1]["probabilities"]) == pytest.approx(1, abs=1e-4)


def test_the_text_has_the_same_answers(champion, files):
    done = predict(files["missing"], files["good"])
    missing, good, probabilities = done.stdout.splitlines()
    assert done.exit_code == 1
    assert missing == f"{files['missing']}  error: can't be read: No such file or directory"
    assert good == f"{files['good']}  is 3  (91.0%)"
    assert probabilities.startswith("  0: 1.0%  1: 1.0%")


def test_readable_pictures_succeed(champion, files):
    assert predict(files["good"], files["last"]).exit_code == 0


def test_without_a_readable_picture_no_champion_is_needed(store, files):
    done = predict(files["text"], files["missing"])
    assert (done.exit_code, len(done.stdout.splitlines())) == (1, 2)

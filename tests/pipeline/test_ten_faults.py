"""Ten faults planted at once in a folder of 600 real digits: all are found, named and shown, and can be set aside."""

import json
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from digits import dataset, pictures
from digits.errors import UserError
from pipeline import ingest, preprocess, validate
from tests.pipeline.raw import raw
from tests.variants import encoded

EXTERNAL = Path("data/external")
EACH = 60  # pictures a label: fewer, and there is no saying what a label usually looks like


def plant(digits) -> dict[str, str]:
    """Spoil the folder; returns each spoiled file's path and the expectation that must name it."""
    of = {label: digits.images[digits.labels == label] for label in range(10)}
    large = {label: np.kron(255 - of[label][3], np.ones((6, 6), np.uint8)) for label in range(10)}
    two = np.concatenate([np.pad(of[3][70], 6), np.pad(of[8][70], 6)], axis=1)
    noise = np.random.default_rng(0).integers(0, 256, (60, 60)).astype(np.uint8)
    still = Image.fromarray(of[6][70])
    planted = {
        "0/truncated.png": (pictures.write(of[0][70])[:150], "readable"),
        "1/empty page.png": (pictures.write(np.full((40, 40), 250, np.uint8)), "contrast"),
        "2/noise.png": (pictures.write(noise), "border"),
        "3/three and eight.png": (pictures.write(two), "second_digit"),
        "4/print.jpg": (encoded(Image.fromarray(large[4]).convert("CMYK"), "JPEG"), "mode"),
        "5/thumb.png": (pictures.write(of[5][70][10:16, 10:16]), "width"),
        "6/moving.gif": (encoded(still, "GIF", save_all=True, append_images=[still.rotate(90)]), "frames"),
        "7/renamed.jpg": (pictures.write(of[7][70]), "file_name"),
        "8/negative.png": (pictures.write(large[8]), "ink_colour"),
        "9/a one.png": (pictures.write(of[1][1]), "one_label"),
    }
    for name, (data, _) in planted.items():
        (EXTERNAL / name).write_bytes(data)
    return {(EXTERNAL / name).as_posix(): expectation for name, (_, expectation) in planted.items()}


@pytest.fixture
def planted(workspace, mnist_digits) -> dict[str, str]:
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["ingest"]["source"] = "folder"
    Path("params.yaml").write_text(yaml.safe_dump(content))
    for label in range(10):
        (EXTERNAL / str(label)).mkdir(parents=True)
        for number, image in enumerate(mnist_digits.images[mnist_digits.labels == label][:EACH]):
            (EXTERNAL / str(label) / f"{number:03d}.png").write_bytes(pictures.write(image))
    faults = plant(mnist_digits)
    ingest.main()
    return faults


def test_all_ten_are_named_on_the_screen_and_shown_on_the_page(planted, capsys):
    with pytest.raises(UserError, match="the data do not meet a critical expectation"):
        validate.main()
    printed, page = capsys.readouterr().out, Path("reports/validation.html").read_text()
    sections = dict(part.split('"', 1) for part in page.split('<h3 id="')[1:])
    for path, expectation in planted.items():
        assert path in printed, path
        assert path in sections[expectation], (path, expectation)
    assert "The data do not hold" in page
    shown = sections["second_digit"].split('src="data:image/png;base64,')[1].split('"')[0]
    assert np.asarray(Image.open(BytesIO(b64decode(shown)))).shape == (40, 80)


def test_the_bad_ones_are_set_aside_with_their_reasons_and_the_rest_goes_on(planted, capsys):
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["validate"]["on_bad_rows"] = "quarantine"
    Path("params.yaml").write_text(yaml.safe_dump(content))
    validate.main()
    aside = pd.read_csv("data/quarantine.csv").set_index("path")["reasons"]
    critical = {"readable", "contrast", "border", "mode", "width", "one_label"}
    for path, expectation in planted.items():
        assert (path in aside.index) == (expectation in critical), path
        assert path not in aside.index or f"{expectation}: " in aside[path]
    assert "data/external/1/001.png" in aside.index  # one of the two labels is wrong, and nobody knows which
    assert len(aside) == 7
    assert json.loads(Path("metrics/validate.json").read_text())["quarantined"] == 7
    assert "7 pictures set aside" in capsys.readouterr().out
    preprocess.main()
    assert sum(dataset.count(path) for path in dataset.PREPARED.glob("*.parquet")) == 610 - 7


def test_what_turns_bad_only_without_the_bad_ones_is_set_aside_too(workspace, mnist_digits):
    content = yaml.safe_load(Path("params.yaml").read_text())
    content["validate"] |= {"on_bad_rows": "quarantine", "max_quarantined": 0.2}
    content["validate"]["expectations"]["ink_colour"]["severity"] = "critical"
    Path("params.yaml").write_text(yaml.safe_dump(content))
    raw(mnist_digits)
    examples = [example for split in ("train", "test") for example in dataset.read_raw(split)]
    # 21 of 200 are dark on light, more than a tenth; without the 3 that have no label, 18 of 197 are, which is odd.
    for row in range(0, 105, 5):
        negative = pictures.write(255 - pictures.read(examples[row].data).grey)
        examples[row] = examples[row]._replace(data=negative, label=11 if row < 15 else examples[row].label)
    dataset.write_raw(examples)
    validate.main()
    aside = pd.read_csv("data/quarantine.csv")
    assert aside["reasons"].str.startswith("label: ").sum() == 3
    assert aside["reasons"].str.startswith("ink_colour: dark ink on light").sum() == 18
    assert json.loads(Path("metrics/validate.json").read_text())["success"]

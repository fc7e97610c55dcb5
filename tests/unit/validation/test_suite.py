"""The bounds in params.yaml: honest digits of every kind pass, what shows no digit does not; some 8 s a test."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from digits.data import pictures
from digits.data.statistics import compute_statistics
from digits.validation import run
from digits.validation.findings import add_findings
from digits.validation.suite import DRIFT_EXPECTATIONS
from digits.validation.table import PandasTable
from tests import kinds
from tests.imports import ROOT
from tests.unit.validation.conftest import BOUNDS, MAX_DISTANCE, MAX_MINORITY, MAX_RATIO

EACH = 20  # pictures of a kind
COLLECTIONS = ("scans-binary", "canvas", "tablet-chars74k", "photos", "form-cells-framed", "crops28")


def reasons(folder: Path, **encoded: list[bytes]) -> pd.DataFrame:
    """The `kind` and the `reasons` of each picture that fails a critical expectation, of pictures by kind."""
    names = [name for name, data in encoded.items() for _ in data]
    rows = pd.DataFrame({"split": "train", "row": range(len(names)), "path": "one", "label": 0})
    rows = rows.assign(name="one").join(compute_statistics([one for data in encoded.values() for one in data]))
    table = PandasTable(add_findings(rows, MAX_MINORITY, MAX_DISTANCE, MAX_RATIO))
    scores = {one.column: 0.0 for one in DRIFT_EXPECTATIONS}
    results = run.check(table, scores, BOUNDS, folder / "docs")
    bad = run.ValidationRun(table, scores, results).bad_rows()
    return bad.assign(kind=[names[row] for row in bad["row"]])[["kind", "reasons"]]


@pytest.fixture(scope="module")
def collection():
    """A function that reads the pictures of a collection, of other projects, which this one may not contain."""

    def read(name: str) -> list[bytes]:
        folder = ROOT.parent / "shared" / "data" / "pictures" / name
        if not folder.exists():
            pytest.skip(f"{folder} is missing")
        return [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]

    return read


def test_digits_by_a_thin_pen_and_digits_cut_to_their_ink_pass(mnist_digits, tmp_path):
    digits = mnist_digits.images[:: 5000 // EACH]
    made = {
        "thin": kinds.thin_pen(digits, 280, 2),
        "hair": kinds.thin_pen(digits, 500, 2),
        "tight": kinds.tight(digits),
    }
    found = reasons(tmp_path, **{name: [*map(pictures.encode_png, pixels)] for name, pixels in made.items()})
    assert found.empty, found.to_string()


def test_blank_pictures_noise_and_text_fail(tmp_path):
    random = np.random.default_rng(0)
    made = {
        "blank": lambda: np.full((40, 40), random.integers(256), np.uint8),
        **{f"Gaussian {side}": lambda side=side: kinds.gaussian_noise(random, side) for side in (28, 60, 200)},
        **{f"salt {side}": lambda side=side: kinds.salt_and_pepper(random, side) for side in (28, 60, 200)},
        "fine print": lambda: kinds.text_page(random, 300, 12),
        "large print": lambda: kinds.text_page(random, 300, 40),
    }
    found = reasons(
        tmp_path, **{name: [pictures.encode_png(make()) for _ in range(EACH)] for name, make in made.items()}
    )
    assert found["kind"].value_counts().to_dict() == dict.fromkeys(made, EACH)


def test_pictures_that_people_made_pass(collection, tmp_path):
    found = reasons(tmp_path, **{name: collection(name) for name in COLLECTIONS})
    assert found.empty, found.to_string()


def test_blank_pictures_and_several_digits_that_people_made_fail(collection, tmp_path):
    several = collection("many-digits")
    found = reasons(tmp_path, blank=collection("not-digits/blank"), several=several)
    assert (found["kind"] == "blank").sum() == len(collection("not-digits/blank"))
    assert (found["kind"] == "several").sum() >= len(several) / 2

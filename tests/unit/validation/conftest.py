"""Tables of statistics: made by hand, and of the 5,000 real digits."""

import numpy as np
import pandas as pd
import pytest

from digits.data import pictures
from digits.data.statistics import compute_statistics
from digits.params import load
from digits.validation.suite import NULL, PICTURE_EXPECTATIONS
from tests.imports import ROOT

BOUNDS = load(ROOT / "params.yaml").validate_.expectations
MAX_MINORITY = BOUNDS.ink_colour.max
MAX_DISTANCE, MAX_RATIO = BOUNDS.no_near_leak.min, BOUNDS.class_typical.max
FINDINGS = [one.column for one in PICTURE_EXPECTATIONS if one.type == NULL and one.name != "readable"]


def table(*rows: dict) -> pd.DataFrame:
    """A table of unrelated pictures, with these values in its rows."""
    defaults = {"split": "train", "label": 0, "format": "PNG", "dark_ink": 0.0, "thumbnail": None}
    made = [
        {**defaults, "path": f"{n}.png", "picture": f"hash {n}", **row, "name": f"picture {n}"}
        for n, row in enumerate(rows)
    ]
    return pd.DataFrame(made)


@pytest.fixture(scope="session")
def real(mnist_digits) -> pd.DataFrame:
    """The statistics of the 5,000 real digits, every fifth of them in the test split."""
    split = np.where(np.arange(5000) % 5 == 0, "test", "train")
    rows = pd.DataFrame({"split": split, "label": mnist_digits.labels, "path": [f"{row}.png" for row in range(5000)]})
    statistics = rows.join(compute_statistics([pictures.encode_png(image) for image in mnist_digits.images]))
    return statistics.assign(name="real " + statistics["path"])

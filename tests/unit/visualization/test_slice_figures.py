"""The figure of slices: large enough, the same bytes each time, also with one group and one digit."""

import numpy as np
import pandas as pd
import pytest

from digits.data import pictures
from digits.data.dataset import Digits
from digits.visualization import slice_figures

COLUMNS = ["slice", "group", "pictures", "accuracy", "accuracy_low", "accuracy_high"]
ONE = pd.DataFrame([["source", "$of_a_user$", 9, 1.0, 0.7, 1.0]], columns=COLUMNS)
MANY = pd.DataFrame(
    [
        ["class", "0", 500, 0.99, 0.98, 0.999],
        ["class", "1", 400, 0.97, 0.95, 0.98],
        ["slant", "leaning left", 900, 0.981, 0.97, 0.99],
    ],
    columns=COLUMNS,
)


@pytest.mark.parametrize(("table", "digits"), [(ONE, 1), (MANY, 10)], ids=["one", "many"])
def test_the_figure_is_drawn_the_same_each_time(mnist_digits, tmp_path, table, digits):
    hardest = Digits(mnist_digits.images[:digits], mnist_digits.labels[:digits])
    files = [tmp_path / name for name in ("one.png", "two.png")]
    for path in files:
        slice_figures.slices(table, table.loc[table["accuracy"].idxmin()], hardest, np.eye(10)[[0] * digits], path)
    assert files[0].read_bytes() == files[1].read_bytes()
    pixels = pictures.decode(files[0].read_bytes()).pixels
    assert min(pixels.shape) >= 150
    assert np.ptp(pixels) > 100

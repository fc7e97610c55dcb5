"""The figure of digits in rows and columns: each digit is in its place, and the same digits give the same bytes."""

import numpy as np
import pytest
from PIL import Image

from digits.visualization import corruption_figures


def test_digits_are_in_the_rows_and_columns_of_their_names(tmp_path):
    values = np.array([[30, 60], [90, 120], [150, 180]], np.uint8)
    digits = np.broadcast_to(values[..., None, None], (3, 2, 28, 28))
    for name in ("a.png", "b.png"):
        corruption_figures.table(digits, ["one", "two", "three"], ["left", "right"], "A title", tmp_path / name)
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("L")).astype(int)
    middles = np.array(
        [[np.median(np.argwhere(np.abs(pixels - value) <= 1), axis=0) for value in row] for row in values]
    )
    down, right = middles[1, 0] - middles[0, 0], middles[0, 1] - middles[0, 0]
    assert down[0] == pytest.approx(right[1], abs=1) and down[0] > 20
    for place in np.ndindex(3, 2):
        assert middles[place] == pytest.approx(middles[0, 0] + place[0] * down + place[1] * right, abs=2)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()

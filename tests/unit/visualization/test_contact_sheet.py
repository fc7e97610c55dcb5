"""The contact sheet: every picture and digit is on it, in its place; the same pictures give the same bytes."""

import numpy as np
from PIL import Image

from digits.visualization import contact_sheet
from digits.visualization.contact_sheet import CELL_HEIGHT, CELL_WIDTH, GAP, SIDE, TITLE_HEIGHT, Cell


def sheet(path, cells: list[Cell], total: int) -> np.ndarray:
    contact_sheet.write(cells, total, path)
    return np.asarray(Image.open(path).convert("L"))


def test_pictures_and_digits_are_in_their_places(tmp_path, mnist_digits):
    digit = mnist_digits.images[0]
    wide = np.full((50, 100), 77, np.uint8)
    error = Cell("日本 $x$_\x1b.png", None, None, "no digit", None, "not a picture; supported: $PNG$" + " more" * 30)
    cells = [Cell("a" * 100, wide, digit, "is 0  (99.0%)"), error, *[Cell("b", wide, digit, "is 0")] * 4]
    found = sheet(tmp_path / "a.png", cells, 1000)
    assert found.shape == (TITLE_HEIGHT + 2 * (CELL_HEIGHT + GAP), GAP + 5 * (CELL_WIDTH + GAP))
    cell = found[TITLE_HEIGHT : TITLE_HEIGHT + SIDE, GAP : GAP + CELL_WIDTH]
    assert np.ptp(cell[2 : SIDE // 2 - 2, 2 : SIDE - 2]) <= 1 and abs(int(cell[9, 9]) - 77) <= 1
    assert (cell[SIDE // 2 + 2 :, : SIDE - 2] == cell[-1, 0]).all()  # the background, below a wide picture
    enlarged = cell[2::4, -SIDE + 2 :: 4]
    assert np.abs(enlarged.astype(int) - digit).max() <= 1
    below = found[TITLE_HEIGHT + CELL_HEIGHT + GAP :, GAP : GAP + CELL_WIDTH]
    assert abs(int(below[9, 9]) - 77) <= 1


def test_the_same_pictures_give_the_same_bytes(tmp_path, mnist_digits):
    cells = [Cell("a.png", mnist_digits.images[1], mnist_digits.images[1], "is 0")]
    sheet(tmp_path / "a.png", cells, 1)
    sheet(tmp_path / "b.png", cells, 1)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_title_says_how_many_are_left_out(tmp_path, mnist_digits):
    assert contact_sheet.title(100, 1_001) == "the first 100 of 1,001 pictures: 901 left out"
    assert contact_sheet.title(100, 100) == "pictures: 100"
    cells = [Cell("a.png", None, mnist_digits.images[1], "is 0")]
    assert not np.array_equal(sheet(tmp_path / "a.png", cells, 1), sheet(tmp_path / "b.png", cells, 901))

"""The contact sheet: each picture, digit and saliency is in its place; the same pictures give the same bytes."""

import numpy as np
import pytest
from PIL import Image

from digits.visualization import contact_sheet
from digits.visualization.contact_sheet import CELL_HEIGHT, CELL_WIDTH, GAP, LEGEND_LINE, SIDE, STEP, TITLE_HEIGHT, Cell


def sheet(path, cells: list[Cell], total: int) -> np.ndarray:
    contact_sheet.write(cells, total, path)
    return np.asarray(Image.open(path).convert("L"))


def test_pictures_and_digits_are_in_their_places(tmp_path, mnist_digits):
    digit = mnist_digits.images[0]
    wide, no_evidence = np.full((50, 100), 77, np.uint8), np.zeros((28, 28))
    error = Cell("日本 $x$_\x1b.png", None, None, None, "error", None, "not a picture; supported: $PNG$" + " more" * 30)
    cells = [Cell("a" * 100, wide, digit, no_evidence, "is 0  (99.0%)"), error]
    found = sheet(tmp_path / "a.png", cells + [Cell("b", wide, digit, None, "is 0")] * 4, 1000)
    top = TITLE_HEIGHT + LEGEND_LINE
    assert found.shape == (top + 2 * (CELL_HEIGHT + GAP), GAP + 5 * (CELL_WIDTH + GAP))
    cell = found[top : top + SIDE, GAP : GAP + CELL_WIDTH]
    assert np.ptp(cell[2 : SIDE // 2 - 2, 2 : SIDE - 2]) <= 1 and abs(int(cell[9, 9]) - 77) <= 1
    assert (cell[SIDE // 2 + 2 :, : SIDE - 2] == cell[-1, SIDE + 2]).all()  # the background, below a wide picture
    second, third = (cell[2::4, step + 2 : step + SIDE : 4].astype(int) for step in (STEP, 2 * STEP))
    assert np.abs(second - digit).max() <= 1
    assert np.abs(third - (255 - digit * (65 / 255))).max() <= 1  # grey ink on white paper
    below = found[top + CELL_HEIGHT + GAP :, GAP : GAP + CELL_WIDTH]
    assert abs(int(below[9, 9]) - 77) <= 1
    assert (below[2:SIDE, 2 * STEP + 2 :] == below[-1, -1]).all()  # no saliency


@pytest.mark.parametrize(("accepted", "colour"), [(True, "#1b2a41"), (False, "#a35c00"), (None, "#d1495b")])
def test_the_answer_has_the_colour_of_its_kind(tmp_path, mnist_digits, accepted, colour):
    contact_sheet.write([Cell("", None, mnist_digits.images[0], None, "is 0", accepted)], 1, tmp_path / "a.png")
    answer = np.asarray(Image.open(tmp_path / "a.png").convert("RGB"))[SIDE - CELL_HEIGHT :]
    assert (answer == [int(colour[at : at + 2], 16) for at in (1, 3, 5)]).all(axis=2).any()


def test_a_note_is_below_the_answer_or_in_the_place_of_the_digit(tmp_path, mnist_digits):
    for digit in (mnist_digits.images[0], None):
        without, found = (
            sheet(tmp_path / "a.png", [Cell("a.png", None, digit, None, "refused", False, note)], 1)
            for note in (None, "blank: no ink")
        )
        rows = np.flatnonzero((without != found).any(axis=1))
        assert len(rows) and (rows > len(found) - CELL_HEIGHT - GAP + SIDE + 31).all() == (digit is not None)


def test_the_same_pictures_give_the_same_bytes(tmp_path, mnist_digits):
    cells = [Cell("a.png", mnist_digits.images[1], mnist_digits.images[1], mnist_digits.images[2] / 100, "is 0")]
    sheet(tmp_path / "a.png", cells, 1)
    sheet(tmp_path / "b.png", cells, 1)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_the_title_says_how_many_are_left_out(tmp_path, mnist_digits):
    assert contact_sheet.title(100, 1_001) == "the first 100 of 1,001 pictures: 901 left out"
    assert contact_sheet.title(100, 100) == "pictures: 100"
    cells = [Cell("a.png", None, mnist_digits.images[1], None, "is 0")]
    assert not np.array_equal(sheet(tmp_path / "a.png", cells, 1), sheet(tmp_path / "b.png", cells, 901))

"""The printed digits: fonts that have the digits, are not trained on, and do not look the same. Takes 1 s."""

from itertools import combinations
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib.ft2font import FT2Font
from scipy import ndimage

from digits.data import canonical
from digits.data.non_digits import TRAIN_FONTS
from digits.evaluation import fonts

NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FOLDER = Path(matplotlib.get_data_path(), "fonts", "ttf")


@pytest.fixture(scope="module")
def printed():
    return fonts.printed_digits()


def glyphs(path: Path) -> list[str]:
    """The names of the glyphs for 0 to 9 in a font file, as far as it has them; old-style figures like the others."""
    font = FT2Font(path)
    found = font.get_charmap()
    return [font.get_glyph_name(found[ord(one)]).removesuffix("oldstyle") for one in "0123456789" if ord(one) in found]


def test_they_are_all_fonts_of_the_package_that_have_digits():
    with_digits = {path.stem for path in FOLDER.glob("*.ttf") if glyphs(path) == NAMES}
    assert set(fonts.ALL_FONTS) == with_digits
    assert len(fonts.ALL_FONTS) == 22


def test_none_is_a_font_that_is_trained_on():
    assert set(fonts.FONTS) == {*fonts.ALL_FONTS} - {*TRAIN_FONTS}
    assert len(fonts.FONTS) == 18


def test_each_digit_is_drawn_in_each_font_size_and_tilt(printed):
    variants = len(fonts.SIZES) * len(fonts.TILTS)
    assert printed.pictures.shape == (18 * 10 * variants, fonts.SIDE, fonts.SIDE)
    for name in fonts.FONTS:
        assert np.bincount(printed.labels[printed.fonts == name]).tolist() == [variants] * 10
    assert canonical.dark_on_light(printed.pictures).all()
    assert (printed.pictures[:, [0, -1]] == fonts.PAPER).all()  # no digit is cut
    assert (printed.pictures[:, :, [0, -1]] == fonts.PAPER).all()


def test_each_picture_has_the_holes_of_its_label(printed):
    chosen = slice(30, 60)  # the larger size of DejaVu Sans Bold
    paper = [ndimage.label(pixels > 138)[1] for pixels in printed.pictures[chosen]]  # the page and the holes
    assert paper == [1 + [1, 0, 0, 0, 1, 0, 1, 0, 2, 1][label] for label in printed.labels[chosen]]


def test_no_two_fonts_have_the_same_digits(printed):
    digits = canonical.canonical(printed.pictures)
    for label in range(10):
        by_font = [digits[(printed.labels == label) & (printed.fonts == name)] for name in fonts.FONTS]
        for one, other in combinations(by_font, 2):
            assert np.abs(one.astype(int) - other).mean() > 2


def test_the_same_digits_are_drawn_each_time(printed):
    assert np.array_equal(fonts.printed_digits().pictures, printed.pictures)

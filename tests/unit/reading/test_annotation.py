"""The picture with the boxes of its digits: its size, the colours, and where labels are."""

import numpy as np
import pytest

from digits.data.picture_files import PictureFile
from digits.data.pixel_values import colours
from digits.reading.annotation import COLOURS, annotated
from digits.reading.page import Digit, Page


def shown(picture: np.ndarray, *boxes: tuple[int, int, int, int], accepted: bool = True) -> np.ndarray:
    """(height, width, 3) RGB of the annotated picture."""
    digits = [Digit(box, 8, 0.9, accepted, None, 0, place) for place, box in enumerate(boxes)]
    file = PictureFile(annotated(picture, Page(*picture.shape[1::-1], digits, [])))
    file.load()
    return colours(file, 1)


@pytest.mark.parametrize("accepted", [True, False])
def test_a_digit_has_a_box_and_a_label_above_it_in_its_colour(accepted):
    pixels = shown(np.full((300, 400), 200, np.uint8), (100, 100, 140, 160), accepted=accepted)
    coloured = (pixels == COLOURS[accepted]).all(axis=2)
    assert pixels.shape == (900, 1200, 3)
    assert not (pixels == COLOURS[not accepted]).all(axis=2).any()
    down, across = np.nonzero(coloured)
    assert coloured[300:480, 297:300].any(axis=1).all()  # its left side, at three times the size
    assert 240 < down.min() < 290 and down.max() < 490
    assert across.min() >= 290 and across.max() <= 430


@pytest.mark.parametrize(("size", "height", "expected"), [((4000, 3000), 100, (1280, 960)), ((4000, 3000), 12, None)])
def test_a_large_picture_is_reduced_as_far_as_its_digits_stay_legible(size, height, expected):
    width, high = size
    pixels = shown(np.full((high, width), 255, np.uint8), (50, 500, 58, 500 + height))
    assert pixels.shape[1::-1] == (expected or (4619, 3464))


def test_a_label_hides_no_other_digit():
    page = np.full((1200, 1200), 255, np.uint8)
    page[100:160] = 0
    boxes = [(300, 100, 340, 160), (300, 162, 340, 222)]
    pixels = shown(page, *boxes)
    left, top, right, bottom = boxes[0]
    assert (pixels[top : bottom - 1, left:right] == 0).all()


def test_a_picture_without_a_digit_keeps_its_colours():
    page = np.full((10, 20, 3), (10, 200, 90), np.uint8)
    assert (shown(page) == (10, 200, 90)).all()

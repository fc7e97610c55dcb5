"""Ruled and squared paper is erased, also tilted, and the strokes that cross its rules stay whole. 0.5 s."""

import cv2
import numpy as np
import pytest

from digits.reading.rules import without_rules
from tests.unit.reading.pages import ruled, write

INK, RULE, THRESHOLD = 250, 110, 22


def strokes() -> np.ndarray:
    """(500, 700) uint8 ink: digits whose strokes cross rules."""
    ink = np.zeros((500, 700), np.uint8)
    for bottom in (120, 260, 420):
        write(ink, "3 8 5 2 6", 60, bottom, 90, INK)
    return ink


@pytest.mark.parametrize("squared", [False, True], ids=["ruled", "squared"])
@pytest.mark.parametrize("degrees", [0, 5, -10, 13])
def test_rules_are_erased_and_strokes_across_them_stay_whole(degrees, squared):
    expected = strokes()
    page = np.maximum(expected, ruled(np.zeros_like(expected), degrees, squared, RULE))
    rest = without_rules(page, THRESHOLD)
    far = cv2.dilate(expected, np.ones((9, 9), np.uint8)) == 0
    assert (rest[far] > 0).sum() < 0.1 * (page[far] > 0).sum()
    assert (rest[expected == INK] == INK).mean() > 0.97
    whole, found = (cv2.connectedComponents((one > 180).astype(np.uint8))[0] for one in (expected, rest))
    assert found == whole == 16


def test_a_frame_is_erased_and_the_digit_that_touches_it_is_not():
    page = np.zeros((400, 600), np.uint8)
    cv2.rectangle(page, (50, 60), (550, 340), RULE, 3)
    cv2.line(page, (300, 200), (300, 339), INK, 8)  # down to the frame
    rest = without_rules(page, THRESHOLD)
    assert (rest[:, :290] > THRESHOLD).mean() < 0.001
    assert (rest[200:335, 298:303] == INK).all()


def test_strokes_alone_are_left_as_they_are():
    ink = strokes()
    assert without_rules(ink, THRESHOLD) is ink


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (60, 60)])
def test_a_page_that_is_ink_all_over_is_no_failure(shape):
    assert without_rules(np.full(shape, 255, np.uint8), THRESHOLD).shape == shape


@pytest.mark.parametrize("height", [80, 110, 180])
def test_the_strokes_of_a_fine_pen_that_are_as_tall_as_the_picture_are_no_rules(height):
    ink = np.zeros((height, 500), np.uint8)
    for left in (60, 160, 260):
        cv2.line(ink, (left, height - 12), (left - 6, 12), INK, height // 16)
    assert without_rules(ink, THRESHOLD) is ink

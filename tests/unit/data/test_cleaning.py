"""What is no digit is removed from a picture, and the digit is left: each step, and all of them together.

Takes some 3 seconds.
"""

import itertools
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from digits.data.canonical import canonical, clean, ink_fractions
from digits.data.lines import may_have_lines, without_lines
from digits.data.paper import without_paper
from digits.data.strokes import (
    NARROW,
    WIDE,
    has_several_parts,
    relative_stroke_width,
    with_usual_stroke_width,
    without_edge_parts,
    without_specks,
)

SIDE = 200  # pixels of the pictures
PAPER, PEN = 230, 40


@pytest.fixture
def ink(mnist_digits) -> np.ndarray:
    """(10, 200, 200) float32: a digit of each label, 120 pixels high, in the middle."""
    digits = mnist_digits.images[3::500] / np.float32(255)
    large = np.stack([cv2.resize(digit, (168, 168), interpolation=cv2.INTER_CUBIC) for digit in digits])
    return np.pad(np.clip(large, 0, 1), ((0, 0), (16, 16), (16, 16)))


def drawn(ink: np.ndarray) -> np.ndarray:
    return np.rint(PAPER + (PEN - PAPER) * ink).astype(np.uint8)


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) mean difference of the pixel values of two stacks of digits."""
    return np.abs(one.astype(int) - other).mean(axis=(1, 2))


def frame(ink: np.ndarray) -> None:
    ink[:, [6, 7, -8, -7], 6:-6] = 1
    ink[:, 6:-6, [6, 7, -8, -7]] = 1


def double_frame(ink: np.ndarray) -> None:
    frame(ink)
    ink[:, [10, -11], 10:-10] = 1
    ink[:, 10:-10, [10, -11]] = 1


def cell(ink: np.ndarray) -> None:
    ink[:, :, [3, 4, 5]] = 0.8
    ink[:, [-5, -4]] = 0.8


def ruled(ink: np.ndarray) -> None:
    for row in range(17, SIDE, 40):
        ink[:, row] = np.maximum(ink[:, row], 0.5)


def squared(ink: np.ndarray) -> None:
    ruled(ink)
    for column in range(9, SIDE, 40):
        ink[:, :, column] = np.maximum(ink[:, :, column], 0.5)


def black_border(ink: np.ndarray) -> None:
    ink[:, :10] = ink[:, :, -14:] = 1


def specks(ink: np.ndarray) -> None:
    for row, column in np.random.default_rng(0).integers(0, SIDE - 2, (12, 2)):
        ink[:, row : row + 2, column : column + 2] = 1


def punch_hole(ink: np.ndarray) -> None:
    for one in ink:
        cv2.circle(one, (12, 60), 9, 1.0, -1)


DIRT: list[Callable[[np.ndarray], None]] = [
    frame,
    double_frame,
    cell,
    ruled,
    squared,
    black_border,
    specks,
    punch_hole,
]


@pytest.mark.parametrize("dirt", DIRT, ids=lambda dirt: dirt.__name__)
def test_what_is_no_digit_changes_the_canonical_digit_little(ink, dirt):
    expected = canonical(drawn(ink))
    dirty = ink.copy()
    dirt(dirty)
    found = canonical(drawn(dirty))
    assert np.median(apart(found, expected)) < 5  # without the cleaning 26 to 45
    assert apart(found, expected).max() < 20


@pytest.mark.parametrize("angle", [0, 1, 2.5])
def test_a_shadow_with_an_edge_changes_the_canonical_digit_little(ink, angle):
    y, x = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    shade = 1 - 0.45 / (1 + np.exp(-60 * (np.cos(angle) * x + np.sin(angle) * y - 0.1)))
    found = canonical(np.rint(drawn(ink) * shade).astype(np.uint8))
    assert np.median(apart(found, canonical(drawn(ink)))) < 6


def test_lines_are_erased_and_strokes_that_cross_them_kept(ink):
    dirty = ink.copy()
    squared(dirty)
    for clean_ink, with_lines in zip(ink, dirty, strict=True):
        rest = without_lines(with_lines)
        strokes = clean_ink > 0.5
        assert (rest[strokes] > 0.5).mean() > 0.97
        assert (rest[clean_ink == 0] > 0).mean() < 0.01


@pytest.mark.parametrize("tilt", [-2, 1.5])
def test_tilted_lines_are_erased(tilt):
    dirty = np.zeros((SIDE, SIDE), np.float32)
    cv2.circle(dirty, (100, 90), 40, 1.0, 9)
    for row in range(20, SIDE, 45):
        drop = round(np.tan(np.radians(tilt)) * SIDE / 2)
        cv2.line(dirty, (0, row - drop), (SIDE - 1, row + drop), 1.0, 2)
    rest = without_lines(dirty)
    assert dirty[:30].any()
    assert not rest[:30].any() and not rest[-40:].any()


def test_a_digit_that_fills_its_picture_keeps_its_straight_strokes():
    four = np.zeros((100, 70), np.float32)
    four[:, 50:53] = 1  # the upright stroke of a 4 as long as the picture, and thin
    four[60:63] = 1
    cv2.line(four, (48, 0), (0, 60), 1.0, 3)
    with_margin = np.pad(four, ((9, 9), (20, 20)))
    one = np.zeros((100, 30), np.float32)
    one[:, 14:17] = 1
    with_base = np.pad(one, ((3, 3), (30, 30)))
    cv2.line(with_base, (45, 6), (25, 30), 1.0, 3)
    with_base[-6:-3, 12:-12] = 1
    for digit in (four, with_margin, one, with_base):
        assert np.array_equal(without_lines(digit), digit)


def test_small_pictures_with_lines_are_found(mnist_digits):
    plain = np.pad(mnist_digits.images[::50] / np.float32(255), ((0, 0), (6, 6), (6, 6)))
    lined = plain.copy()
    lined[:, 2] = lined[:, :, 37] = 0.7
    assert not may_have_lines(plain).any()
    assert may_have_lines(lined).all()


def test_the_broken_strokes_of_one_digit_stay_together(ink):
    for one in ink:
        broken = one.copy()
        broken[95:98] = 0
        broken[:, 100:103] = 0
        kept = without_specks(without_edge_parts(broken)) > 0.5
        assert kept.sum() > 0.98 * (broken > 0.5).sum()


def placed(one: np.ndarray, left: int) -> np.ndarray:
    """The digit 72 pixels high, in the middle of the picture's height, its margin beginning at the column `left`."""
    small = cv2.resize(one[32:168, 32:168], (82, 82), interpolation=cv2.INTER_AREA)
    ink = np.zeros((SIDE, SIDE), np.float32)
    ink[59:141, left : left + 82] = small
    return ink


def test_two_digits_of_like_pens_stay_two_with_a_wide_gap_between_them(ink):
    tried, connected = 0, [one for one in ink if not has_several_parts(one)]
    for one, other in itertools.product(connected, connected):
        if not 0.45 < one.sum() / other.sum() < 1 / 0.45:
            continue
        two = np.maximum(placed(one, 8), placed(other, 110))
        assert np.diff(np.flatnonzero(two.any(axis=0))).max() > 16  # more than parts of one digit have
        assert (without_specks(without_edge_parts(two)) > 0.5).sum() > 0.98 * (two > 0.5).sum()
        tried += 1
    assert tried > 50


def test_a_speck_or_a_piece_of_a_frame_next_to_the_digit_is_removed(ink):
    for one in ink:
        digit = placed(one, 59)
        for piece in (np.s_[96:104, 170:178], np.s_[64:136, 170:172]):
            dirty = digit.copy()
            dirty[piece] = 1
            kept = without_specks(without_edge_parts(dirty))
            assert not kept[piece].any()
            assert (kept > 0.5).sum() > 0.98 * (digit > 0.5).sum()


@pytest.mark.parametrize("size", [1, 31], ids=["thin", "thick"])
def test_strokes_get_a_usual_width(size):
    digit = np.zeros((240, 240), np.float32)
    cv2.polylines(digit, [np.array([[80, 60], [160, 60], [110, 190]])], False, 1.0, size * 2 - 1)
    before = relative_stroke_width(digit[None])[0]
    after = relative_stroke_width(with_usual_stroke_width(digit)[None])[0]
    assert not NARROW <= before <= WIDE
    assert NARROW <= after <= WIDE


def test_a_usual_stroke_keeps_its_width(ink):
    usual = [one for one in ink if NARROW <= relative_stroke_width(one[None])[0] <= WIDE]
    assert len(usual) > 5
    assert all(with_usual_stroke_width(one) is one for one in usual)


def test_blank_paper_with_a_shadow_has_no_ink():
    shade = np.where(np.arange(SIDE) < 90, 230, 120) + np.random.default_rng(0).normal(0, 2, (SIDE, SIDE))
    assert (without_paper(shade.astype(np.uint8)) > 0.5).mean() < 0.02


def test_cleaning_removes_no_digit(mnist_digits):
    large = np.kron(255 - mnist_digits.images[::100], np.ones((1, 4, 4), np.uint8))
    ink = ink_fractions(large)
    kept = [(clean(one) > 0.5).sum() / (one > 0.5).sum() for one in ink]
    assert min(kept) > 0.7

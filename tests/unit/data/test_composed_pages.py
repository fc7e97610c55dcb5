"""Composed pages: the same each time, and their truth is that of what they show. 1 s."""

import numpy as np
import pytest

from digits.data.composed_difficulty import DIFFICULTIES
from digits.data.composed_layout import Glyph, Layout, PageSource, cropped_fractions, sample_digit, sample_style
from digits.data.composed_pages import compose, compose_grid
from digits.data.composed_photo import drawn, placed_sheet
from digits.data.non_digits import TEST_FONTS, TRAIN_FONTS

PAPER = 250.0


def source(mnist_digits, level: int, for_training: bool = False, **changes) -> PageSource:
    difficulty = DIFFICULTIES[level]._replace(**changes)
    random = np.random.default_rng(0)
    return PageSource(random, difficulty, mnist_digits.images, mnist_digits.labels, for_training, (PAPER,) * 3)


def bounds(mask: np.ndarray) -> list[int]:
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


@pytest.mark.parametrize("difficulty", DIFFICULTIES)
def test_a_page_has_its_digits_in_reading_order_inside_the_picture(difficulty, mnist_digits):
    page = compose(difficulty, 3, mnist_digits.images, mnist_digits.labels)
    height, width, _ = page.pixels.shape
    assert page.pixels.dtype == np.uint8
    assert 15 <= len(page.labels) <= 80
    assert page.boxes.shape == (len(page.labels), 4)
    assert (page.boxes[:, :2] > 0).all() and (page.boxes[:, 2:] < (width, height)).all()
    for line in range(page.line.max() + 1):
        rows = page.line == line
        assert page.position[rows].tolist() == list(range(rows.sum()))
        assert (np.diff(page.boxes[rows][:, [0, 2]].mean(axis=1)) > 0).all()
        assert page.lines()[line].replace(" ", "") == "".join(map(str, page.labels[rows]))
        assert page.lines()[line].count(" ") == len(np.unique(page.group[rows])) - 1


def test_the_same_arguments_give_the_same_page_and_each_other_one_another(mnist_digits):
    digits = mnist_digits.images, mnist_digits.labels
    first = compose(2, 0, *digits)
    assert all(np.array_equal(one, other) for one, other in zip(first[:6], compose(2, 0, *digits)[:6], strict=True))
    for other in (compose(2, 1, *digits), compose(1, 0, *digits), compose(2, 0, *digits, for_training=True)):
        assert not np.array_equal(first.pixels, other.pixels)


def test_boxes_hold_all_ink_of_a_clean_page(mnist_digits):
    page = compose(1, 3, mnist_digits.images, mnist_digits.labels)
    darkness = 255 - page.pixels.min(axis=2)
    for left, top, right, bottom in page.boxes:
        digit = darkness[top:bottom, left:right]
        assert bounds(digit > 0.24 * digit.max()) == [0, 0, right - left, bottom - top]
        digit[:] = 0
    assert darkness.max() < 0.26 * 255


@pytest.mark.parametrize("level", [4, 5])
def test_a_box_is_that_of_the_ink_after_perspective_and_folds(level, mnist_digits):
    page = source(mnist_digits, level, desk=0, pressure=0)
    ink = cropped_fractions(mnist_digits.images[1234])
    for scale in (1, 4, 20):
        layout = Layout([Glyph(ink, 300, 200, scale, (0, 0, 0), label=2)], [])
        picture, boxes = drawn(page, placed_sheet(page, 1200, 900), layout, blur=0)
        darkness = PAPER - picture[..., 0]
        assert boxes.tolist() == [bounds(darkness > 0.25 * darkness.max())]


def test_glyphs_follow_perspective_and_folds_as_rules_do(mnist_digits):
    page = source(mnist_digits, 5, desk=0, pressure=0)
    sheet = placed_sheet(page, 1200, 900)
    for left, top in ((200, 100), (900, 200), (600, 700)):
        square = Glyph(np.ones((10, 10), np.float32), left, top, 4, (0, 0, 0), label=0)
        _, ((*corner, right, bottom),) = drawn(page, sheet, Layout([square], []), blur=0)
        middle = sheet.in_picture(np.array([[left + 20.0, top + 20.0]]))[0]
        assert np.add(corner, (right, bottom)) / 2 == pytest.approx(middle, abs=1.2)


def test_an_enlarged_digit_has_sharp_edges(mnist_digits):
    page = source(mnist_digits, 1)
    layout = Layout([Glyph(cropped_fractions(mnist_digits.images[1234]), 100, 50, 30, (0, 0, 0), label=2)], [])
    picture, ((left, top, right, bottom),) = drawn(page, placed_sheet(page, 900, 700), layout, blur=0)
    digit = picture[top:bottom, left:right, 0]
    assert len(digit) > 500
    assert ((digit > 25) & (digit < 225)).mean() < 0.03


def test_digits_touch_only_where_the_difficulty_says_so(mnist_digits):
    def overlapping(difficulty: int) -> int:
        page = compose(difficulty, 3, mnist_digits.images, mnist_digits.labels)
        neighbours = (np.diff(page.line) == 0) & (np.diff(page.group) == 0)
        return ((page.boxes[1:, 0] < page.boxes[:-1, 2]) & neighbours).sum()

    assert overlapping(1) == 0
    assert overlapping(5) > 0


def test_print_for_training_is_of_other_fonts(mnist_digits):
    for for_training, fonts in ((True, TRAIN_FONTS), (False, TEST_FONTS)):
        page = source(mnist_digits, 1, for_training, printed=1)
        assert {sample_style(page, 30).font for _ in range(40)} == {*fonts}


def test_a_digit_has_the_label_of_its_picture(mnist_digits):
    page = source(mnist_digits, 1, printed=0)._replace(
        digits=mnist_digits.images[::500], labels=mnist_digits.labels[::500]
    )
    style = sample_style(page, 20)
    for digit in (sample_digit(page, style) for _ in range(5)):
        assert np.array_equal(digit.ink, cropped_fractions(page.digits[digit.label]))


def test_a_grid_has_its_digits_in_their_cells(mnist_digits):
    page = compose_grid(4, 6, 0.4, 1, 0, mnist_digits.images, mnist_digits.labels)
    grid = page.grid
    assert (grid.rows, grid.columns) == (4, 6)
    assert 6 <= len(grid.cell) <= 20
    table = grid.table(page.labels)
    assert [len(row) for row in table] == [6] * 4
    assert [label for row in table for label in row if label is not None] == page.labels.tolist()
    assert page.line.tolist() == (grid.cell // 6).tolist()
    centres = page.boxes.reshape(-1, 2, 2).mean(axis=1)
    for axis, places in ((0, grid.cell % 6), (1, grid.cell // 6)):
        by_place = [centres[places == place, axis].mean() for place in np.unique(places)]
        steps = np.diff(by_place) / np.diff(np.unique(places))
        assert np.ptp(steps) < 0.35 * steps.mean()


def test_a_grid_may_be_full_or_empty(mnist_digits):
    full, empty = (compose_grid(9, 9, share, 3, 0, mnist_digits.images, mnist_digits.labels) for share in (0, 1))
    assert len(full.labels) == 81
    assert all(None not in row for row in full.grid.table(full.labels))
    assert (empty.boxes.shape, empty.lines()) == ((0, 4), [])
    assert empty.grid.table(empty.labels) == [[None] * 9] * 9

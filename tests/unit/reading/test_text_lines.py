"""Boxes stand in lines, in reading order. In hundredths of a second."""

import numpy as np
import pytest

from digits.reading.text_lines import text_lines

Boxes = list[tuple[int, int, int, int]]


def row(left: int, top: int, count: int, slope: float = 0.0, step: int = 40) -> Boxes:
    """The boxes of a row of digits, 25 x 40 pixels."""
    starts = [(left + place * step, round(top + slope * place * step)) for place in range(count)]
    return [(x, y, x + 25, y + 40) for x, y in starts]


def in_order(boxes: Boxes, **options: bool) -> list[Boxes]:
    """The lines of the boxes, given in a random order."""
    shuffled = [boxes[place] for place in np.random.default_rng(0).permutation(len(boxes))]
    lines = text_lines(np.array(shuffled), np.full(len(boxes), 200), **options)
    return [[tuple(shuffled[one]) for one in line.members] for line in lines]


@pytest.mark.parametrize("slope", [0.0, 0.15, -0.25])
def test_sloping_lines_are_told_apart_and_in_order(slope):
    lines = [row(30, 200 + 70 * place, 12, slope) for place in range(4)]
    assert in_order(np.concatenate(lines).tolist()) == lines
    found = text_lines(np.array(lines[0]), np.full(12, 200))[0]
    assert found.slope == pytest.approx(slope, abs=0.01)
    assert found.height == 40


def test_columns_of_a_table_are_one_line_each_row():
    left, right = ([row(start, 100 + 70 * place, 3) for place in range(3)] for start in (30, 700))
    assert in_order(np.concatenate(left + right).tolist()) == [
        one + other for one, other in zip(left, right, strict=True)
    ]


def test_a_digit_alone_far_lower_is_a_line_of_its_own():
    line, lone = row(30, 100, 3), row(600, 125, 1)
    assert in_order(line + lone) == [line, lone]


def test_the_bar_of_a_5_is_in_the_line_of_its_digit():
    line, below = row(30, 100, 3), row(30, 160, 3)
    bar = (75, 88, 98, 94)  # above the second digit
    assert in_order([*line, *below, bar]) == [[line[0], line[1], bar, line[2]], below]


def test_digits_of_two_sizes_in_one_line_stay_together():
    line = [(30, 100, 55, 140), (70, 90, 110, 145), (125, 112, 145, 140)]
    assert in_order(line) == [line]


def test_what_is_far_fainter_than_its_line_is_dropped():
    line = row(30, 100, 5)
    found = text_lines(np.array(line), np.array([200, 210, 60, 190, 205]))
    assert [one.members.tolist() for one in found] == [[0, 1, 3, 4]]


def test_all_boxes_are_one_line_if_there_is_one_alone():
    boxes = row(30, 100, 2) + row(40, 170, 2, step=50)
    assert in_order(boxes, one_line=True) == [sorted(boxes)]


def test_no_boxes_are_no_lines():
    assert text_lines(np.zeros((0, 4), int), np.zeros(0)) == []

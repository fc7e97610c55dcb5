"""The parts of a page that can be digits: what is dropped, and what is not. 0.1 s."""

import cv2
import numpy as np
import pytest

from digits.reading import parts
from digits.reading.finding import find
from tests.unit.reading.pages import blank, ruled, write

THRESHOLD = 22


def found(ink: np.ndarray, rules: np.ndarray | None = None) -> list[tuple[int, ...]]:
    """The boxes of the parts."""
    boxes = parts.find(ink, THRESHOLD, np.zeros_like(ink) if rules is None else rules).boxes
    return [tuple(box) for box in boxes.tolist()]


def with_a_digit() -> np.ndarray:
    """(200, 400) uint8 ink with one 3, at (40, 60, 70, 100) or so."""
    return write(np.zeros((200, 400), np.uint8), "3", 40, 100, 40, 250)


def test_a_part_has_the_box_and_the_strength_of_its_ink():
    ink = np.zeros((100, 100), np.uint8)
    cv2.line(ink, (20, 10), (40, 50), 90, 3)
    ink[30, 30] = 200
    kept = parts.find(ink, THRESHOLD, np.zeros_like(ink))
    assert kept.boxes.tolist() == [[18, 8, 43, 53]]
    assert (kept.strengths(ink).tolist(), kept.heights.tolist(), kept.widths.tolist()) == ([200], [45], [25])


@pytest.mark.parametrize(
    "draw",
    [
        lambda ink: cv2.circle(ink, (200, 80), 20, 250, -1),  # a blot
        lambda ink: cv2.rectangle(ink, (180, 80), (220, 88), 250, -1),  # a bar
        lambda ink: cv2.rectangle(ink, (20, 40), (90, 120), 250, 2),  # a frame around the digit
        lambda ink: cv2.circle(ink, (200, 80), 2, 250, -1),  # a speck
        lambda ink: cv2.line(ink, (399, 0), (330, 199), 250, 5),  # cut off by the border
    ],
    ids=["blot", "bar", "frame", "speck", "cut off"],
)
def test_what_is_no_digit_by_its_shape_is_dropped(draw):
    ink, expected = with_a_digit(), found(with_a_digit())
    draw(ink)
    assert len(expected) == 1
    assert found(ink) == expected


def test_separators_between_two_rules_are_dropped_and_a_lone_one_of_that_height_is_kept():
    rules = np.zeros((200, 400), np.uint8)
    rules[[50, 51, 110, 111]] = 100
    separated = with_a_digit()
    for left in (20, 100, 180, 260):
        separated[52:110, left : left + 3] = 250
    assert found(separated, rules) == found(with_a_digit())
    lone = with_a_digit()
    lone[52:110, 180:183] = 250
    assert len(found(lone, rules)) == 2


def test_pale_remnants_of_rules_are_dropped():
    rules, ink = np.zeros((200, 400), np.uint8), with_a_digit()
    rules[120] = 100
    ink[100:119, 200:202] = 100
    assert found(ink, rules) == found(with_a_digit())
    ink[ink == 100] = 250
    assert len(found(ink, rules)) == 2


@pytest.mark.parametrize("degrees", [0, 5])
def test_ones_on_squared_paper_are_kept(degrees):
    page = ruled(blank(400, 600), degrees, squared=True, value=160)
    for left in (110, 260, 430):
        cv2.line(page, (left + 4, 105), (left, 185), 50, 6)
    found = find(page)
    boxes = found.parts.boxes[np.concatenate([line.members for line in found.lines])]
    assert sorted((boxes[:, 0] + boxes[:, 2]) // 2) == pytest.approx([112, 262, 432], abs=3)
    assert (boxes[:, 3] - boxes[:, 1] > 70).all()


def test_of_very_many_parts_the_longest_are_kept(monkeypatch):
    monkeypatch.setattr(parts, "MAX_PARTS", 3)
    ink = np.zeros((100, 400), np.uint8)
    for place, height in enumerate((20, 60, 30, 50, 40)):
        ink[10 : 10 + height, 40 + 60 * place : 46 + 60 * place] = 250
    assert sorted(bottom - top for _, top, _, bottom in found(ink)) == [40, 50, 60]

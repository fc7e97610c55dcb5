"""Scores of systems that read pages, computed by hand. A few ms in all, after the imports."""

import numpy as np
import pytest

from benchmarks import page_scores
from benchmarks.ocr import Reading
from benchmarks.page_sets import Sample


@pytest.mark.parametrize(
    ("truth", "found", "right"),
    [
        ("12345", "1345", 4),
        ("121212", "212121", 5),
        ("99", "1999", 2),
        ("12", "192", 2),
        ("12", "21", 1),
        ("", "7", 0),
        ("7", "", 0),
    ],
)
def test_the_best_alignment_counts(truth, found, right):
    assert page_scores.matched(truth, found) == right


def test_a_page_is_scored_by_line_whatever_the_order_in_which_it_is_read():
    boxes = np.array([[10 * x, 40 * y, 10 * x + 8, 40 * y + 20] for y in range(2) for x in range(3)])
    page = Sample("page", np.zeros((60, 28, 3), np.uint8), ["123", "456"], boxes)
    order = [5, 0, 3, 2]  # the digits 6, 1, 4 and 3, of which the last one is read as 8, and its box is too wide
    found = boxes[order].astype(float)
    found[-1, 2] += 40
    score = page_scores.score_page(page, Reading(found, np.array([6, 1, 4, 8]), np.zeros(4, int)))
    assert score == page_scores.PageScore(right=3, missed=3, added=1, boxes_right=3, exact=0, lines=2)
    assert score.value == pytest.approx(6 / 10)
    assert page_scores.score_page(page, Reading(boxes.astype(float), np.arange(1, 7), np.zeros(6, int))).exact == 2


def test_without_boxes_all_digits_of_a_picture_are_one_line():
    picture = Sample("picture", np.zeros((9, 9, 3), np.uint8), ["12", "3"])
    found = Reading(np.zeros((3, 4)), np.array([1, 2, 3]), np.array([0, 0, 1]))
    assert page_scores.score_page(picture, found) == page_scores.PageScore(3, 0, 0, None, 1, 1)


def test_the_paired_test_is_exact_for_few_pages():
    assert page_scores.p_value([1, 1, 1, 1], [0, 0, 0, 0]) == pytest.approx(2 / 16)
    assert page_scores.p_value([0.5, 0.7], [0.5, 0.7]) == 1
    assert page_scores.p_value([1], [0]) == 1

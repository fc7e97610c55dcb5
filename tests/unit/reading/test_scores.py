"""Scores of pages, computed by hand. 0.1 s."""

import numpy as np
import pytest

from digits.reading import scores
from digits.reading.scores import Counts, Found, GridCounts

BOXES = np.array([(0, 0, 10, 20), (20, 0, 30, 20), (40, 0, 50, 20), (60, 0, 70, 20)])
LABELS = np.array([3, 4, 1, 5])


def found(*digits: tuple[tuple[int, int, int, int], int, bool], lines=()) -> Found:
    boxes, labels, accepted = zip(*digits, strict=True) if digits else ((), (), ())
    return Found(np.array(boxes, int).reshape(-1, 4), np.array(labels, int), np.array(accepted, bool), lines)


def test_iou_is_the_shared_area_of_the_whole():
    others = np.array([(0, 0, 10, 20), (5, 0, 15, 20), (0, 0, 5, 10), (10, 0, 20, 20)])
    assert scores.iou(BOXES[:1], others).tolist() == [[1, 100 / 300, 50 / 200, 0]]


def test_each_cause_is_counted():
    page = found(
        ((0, 0, 10, 20), 3, True),  # right
        ((21, 0, 31, 20), 9, True),  # 4 with the wrong label
        ((40, 0, 50, 20), 1, False),  # 1 refused
        ((60, 0, 70, 9), 5, True),  # not half of 5: extra, and 5 is missed
        ((90, 0, 99, 20), 7, True),  # extra
        ((120, 0, 130, 20), 7, False),  # a letter refused, as it should be
        lines=["39", "57"],
    )
    counts = scores.count(page, BOXES, LABELS, ["34", "15"])
    assert counts == Counts(right=1, wrong_label=1, refused=1, missed=1, extra=2, lines=2, exact_lines=0)
    assert counts.scores() == {"precision": 1 / 4, "recall": 1 / 4, "f1": 2 / 8, "exact_lines": 0}


def test_a_digit_is_counted_once_and_a_second_box_on_it_is_extra():
    page = found(((0, 0, 10, 20), 3, True), ((0, 0, 10, 19), 3, True), ((0, 0, 10, 18), 3, False))
    assert scores.count(page, BOXES[:1], LABELS[:1]) == Counts(right=1, extra=1)


def test_as_many_boxes_as_possible_are_matched():
    """Greedy matching by IoU would take the first pair alone, which has the best IoU."""
    truth = np.array([(0, 0, 10, 10), (0, 4, 10, 14)])
    boxes = np.array([(0, 1, 10, 11), (0, 0, 10, 7)])
    assert scores.iou(boxes, truth)[0].max() == pytest.approx(9 / 11)
    boxes_matched, truth_matched = scores.match(boxes, truth)
    assert dict(zip(boxes_matched.tolist(), truth_matched.tolist(), strict=True)) == {0: 1, 1: 0}


def test_a_line_counts_as_often_as_it_is_there_and_spaces_count():
    page = found(lines=["12", "3 4", "12", "7"])
    assert scores.count(page, BOXES[:0], LABELS[:0], ["12", "12", "34", "7", "7"])[-2:] == (5, 3)


def test_a_page_without_digits_or_without_findings():
    assert scores.count(found(), BOXES, LABELS, ["34", "15"]) == Counts(missed=4, lines=2)
    empty = scores.count(found(), BOXES[:0], LABELS[:0])
    assert empty.scores() == {"precision": 1, "recall": 1, "f1": 1, "exact_lines": 1}
    assert scores.count(found(((0, 0, 9, 9), 1, True)), BOXES[:0], LABELS[:0]).scores()["f1"] == 0


def test_cells_of_a_grid_are_right_if_empty_ones_are_empty():
    truth = [[1, None], [None, 4], [5, 6]]
    counts = scores.count_cells([[1, None], [7, 4], [None, 8]], truth)
    assert counts == GridCounts(grids=1, grids_found=1, cells=6, right_cells=3)
    for other in (None, [[1, None], [None, 4]], [[1], [None], [5]]):
        assert scores.count_cells(other, truth) == GridCounts(grids=1, cells=6)


def test_counts_are_summed_over_pages_and_grids():
    pages = scores.total([Counts(3, 1, 0, 0, 1, 2, 1), Counts(1, 0, 2, 1, 0, 1, 1)])
    assert pages == Counts(4, 1, 2, 1, 1, 3, 2)
    assert pages.scores() == {"precision": 4 / 6, "recall": 4 / 8, "f1": 8 / 14, "exact_lines": 2 / 3}
    grids = scores.total_cells([GridCounts(1, 1, 6, 3), GridCounts(1, 0, 4, 0)])
    assert grids.scores() == {"grids_found": 1 / 2, "cell_accuracy": 3 / 10}
    assert scores.total([]) == Counts()

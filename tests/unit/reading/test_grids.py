"""Grids are found on drawn pages: of unusual sizes, turned, in perspective and bent; and none where there is none."""

import cv2
import numpy as np
import pytest

from digits.reading.cells import read_cells
from digits.reading.grids import find_grid

CELL = 40  # pixels
# Where a page's corners are, as fractions of its width and height
UNCHANGED = [(0, 0), (1, 0), (1, 1), (0, 1)]
TURNED = [(0.15, 0.0), (1.0, 0.16), (0.85, 1.0), (0.0, 0.84)]
ASKEW = [(0.1, 0.05), (0.98, 0.0), (0.9, 0.95), (0.0, 0.85)]


PAPER, RULE, PEN = 215, 90, 60  # pixel values


def draw_grid(
    rows: int, columns: int, texts: dict[tuple[int, int], str] | None = None, rule: int = RULE
) -> tuple[np.ndarray, np.ndarray]:
    """A page, (height, width) uint8, with a ruled grid that has these texts in its cells; and its crossings."""
    page = np.full(((rows + 3) * CELL, (columns + 3) * CELL), PAPER, np.uint8)
    across, down = np.meshgrid(np.arange(columns + 1), np.arange(rows + 1))
    crossings = (np.stack([across, down], axis=2) * CELL + 60).astype(np.float32)
    for row in range(rows + 1):
        cv2.line(page, *crossings[row, [0, -1]].astype(int), rule, 3 if row in (0, rows) else 1, cv2.LINE_AA)
    for column in range(columns + 1):
        cv2.line(page, *crossings[[0, -1], column].astype(int), rule, 3 if column in (0, columns) else 1, cv2.LINE_AA)
    for (row, column), text in (texts or {}).items():
        place = (crossings[row, column] + (12, 30)).astype(int)
        cv2.putText(page, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.8, PEN, 2, cv2.LINE_AA)
    return page, crossings


def warp(page: np.ndarray, crossings: np.ndarray, corners: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """The page and the crossings, with the page's corners moved to these fractions of its width and height."""
    height, width = page.shape
    before, after = (np.array(one, np.float32) * np.float32([width, height]) for one in (UNCHANGED, corners))
    matrix = cv2.getPerspectiveTransform(before, after)
    warped = cv2.warpPerspective(page, matrix, (width, height), borderValue=PAPER)
    return warped, cv2.perspectiveTransform(crossings.reshape(-1, 1, 2), matrix).reshape(crossings.shape)


@pytest.mark.parametrize("corners", [UNCHANGED, TURNED, ASKEW], ids=["straight", "turned", "askew"])
@pytest.mark.parametrize("size", [(9, 9), (2, 5), (12, 3), (1, 6)], ids=str)
def test_a_grid_of_any_size_is_found_with_each_crossing_in_its_place(size, corners):
    page, crossings = warp(*draw_grid(*size), corners)
    for wanted in (None, size):
        found = find_grid(page, wanted)
        assert found is not None
        assert found.shape == crossings.shape
        assert np.abs(found - crossings).max() < 3


def test_crossings_follow_bent_paper_where_four_corners_would_not():
    page, crossings = draw_grid(6, 6)
    rows, columns = np.indices(page.shape, np.float32)
    bent = cv2.remap(page, columns, rows - 9 * np.sin(columns / 110), cv2.INTER_LINEAR, borderValue=PAPER)
    expected = crossings.copy()
    expected[..., 1] += 9 * np.sin(crossings[..., 0] / 110)
    found = find_grid(bent)
    assert found is not None
    assert np.abs(found - expected).max() < 3


def test_shadow_noise_and_a_stroke_across_the_frame_hide_no_rule():
    page, crossings = draw_grid(5, 4)
    cv2.line(page, (40, 30), (100, 130), PEN, 3)
    rows, columns = np.indices(page.shape)
    noise = np.random.default_rng(0).normal(0, 4, page.shape)
    shaded = np.clip(np.where(columns + rows / 2 > 180, 0.6, 1) * page + noise, 0, 255).astype(np.uint8)
    found = find_grid(shaded)
    assert found is not None
    assert np.abs(found - crossings).max() < 3


def test_a_line_close_to_the_grid_is_not_of_it():
    page, crossings = draw_grid(4, 4)
    cv2.line(page, (54, 60), (54, 220), RULE, 1)
    found = find_grid(page)
    assert found is not None
    assert found.shape == crossings.shape


def test_the_largest_grid_is_taken_and_a_size_chooses_another():
    large, small = draw_grid(5, 5)[0], draw_grid(3, 3)[0]
    page = np.hstack([np.pad(small, ((0, large.shape[0] - small.shape[0]), (0, 0)), constant_values=PAPER), large])
    assert find_grid(page).shape == (6, 6, 2)
    assert find_grid(page, (3, 3)).shape == (4, 4, 2)


def test_a_size_that_is_not_there_gives_none():
    assert find_grid(draw_grid(4, 5)[0], (5, 4)) is None


def pages_without_a_grid() -> dict[str, np.ndarray]:
    blank = np.full((300, 400), PAPER, np.uint8)
    text, frame, lines = blank.copy(), blank.copy(), blank.copy()
    for row in range(40, 280, 30):
        cv2.putText(text, "3415 78 960 and words", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, PEN, 2, cv2.LINE_AA)
        cv2.line(lines, (10, row), (390, row), 120, 1)
    cv2.rectangle(frame, (40, 40), (360, 260), PEN, 2)
    noise = np.random.default_rng(0).integers(0, 256, blank.shape, np.uint8)
    return {"blank": blank, "text": text, "a frame": frame, "ruled paper": lines, "noise": noise}


@pytest.mark.parametrize("name", pages_without_a_grid())
def test_a_page_without_a_grid_gives_none(name):
    assert find_grid(pages_without_a_grid()[name]) is None


def test_cells_are_read_with_their_places_and_boxes_and_empty_ones_are_left_out():
    texts = {(0, 0): "5", (1, 3): "3", (2, 1): "7"}
    page, crossings = warp(*draw_grid(3, 4, texts), ASKEW)
    cells = read_cells(page, find_grid(page))
    assert [tuple(place) for place in cells.places] == list(texts)
    assert cells.digits.shape == (3, 28, 28)
    assert cells.digits.dtype == np.uint8
    for (row, column), (left, top, right, bottom) in zip(cells.places, cells.boxes, strict=True):
        corners = crossings[row : row + 2, column : column + 2].reshape(4, 2)
        assert cv2.pointPolygonTest(corners[[0, 1, 3, 2]], ((left + right) / 2, (top + bottom) / 2), False) > 0
        assert page[top:bottom, left:right].min() < 120
        assert 10 < bottom - top < CELL


def test_a_digit_is_the_same_with_and_without_rules_around_and_dirt_in_the_corner():
    page, crossings = draw_grid(2, 2, {(0, 0): "4", (1, 1): "8"})
    clean, _ = draw_grid(2, 2, {(0, 0): "4", (1, 1): "8"}, rule=PAPER)
    page[67, 91] = PEN
    with_rules, without = (read_cells(one, crossings) for one in (page, clean))
    assert len(with_rules.digits) == len(without.digits) == 2
    assert np.abs(with_rules.digits.astype(int) - without.digits).mean() < 1
    assert np.array_equal(with_rules.boxes, without.boxes)


def test_a_stroke_that_crosses_a_rule_stays_whole():
    page, crossings = draw_grid(2, 2)
    cv2.line(page, (80, 72), (80, 104), PEN, 4, cv2.LINE_AA)  # down across the rule at 100
    boxes = read_cells(page, crossings).boxes
    assert len(boxes) == 1
    assert np.abs(boxes[0, [1, 3]] - (70, 107)).max() < 4


def test_a_grid_of_empty_cells_has_none():
    page, crossings = draw_grid(3, 3)
    noisy = np.clip(page + np.random.default_rng(0).normal(0, 4, page.shape), 0, 255).astype(np.uint8)
    cells = read_cells(noisy, crossings)
    assert (cells.places.shape, cells.boxes.shape, cells.digits.shape) == ((0, 2), (0, 4), (0, 28, 28))

"""A grid's cells, filled from the digits of a page and cut out one by one. A few ms in all."""

import numpy as np

from benchmarks import page_grids
from benchmarks.ocr import Reading

CROSSINGS = np.stack(np.meshgrid(np.arange(4) * 10.0, np.arange(3) * 20.0), axis=2)  # 2 rows of 3 cells, 10 x 20 pixels


def test_each_digit_counts_for_the_nearest_cell_and_the_nearest_digit_for_each_cell():
    boxes = np.array([[2, 6, 8, 14], [12, 24, 18, 36], [14, 21, 20, 25], [60, 5, 66, 15]], float)
    found = Reading(boxes, np.array([1, 2, 3, 4]), np.zeros(4, int))
    assert page_grids.in_cells(found, CROSSINGS) == [[1, None, None], [None, 2, None]]
    nothing = Reading(np.zeros((0, 4)), np.zeros(0, int), np.zeros(0, int))
    assert page_grids.in_cells(nothing, CROSSINGS) == [[None] * 3] * 2


def test_cells_are_cut_out_row_by_row_without_their_edges():
    pixels = np.zeros((40, 30, 3), np.uint8)
    for row in range(2):
        for column in range(3):
            pixels[20 * row + 1 : 20 * row + 20, 10 * column + 1 : 10 * column + 10] = 40 * (3 * row + column + 1)
    cells = page_grids.cut(pixels, CROSSINGS)
    assert [cell[20:40, 20:40].mean() for cell in cells] == [40, 80, 120, 160, 200, 240]
    assert cells[0].shape == (page_grids.CELL, page_grids.CELL, 3)
    assert min(cell.min() for cell in cells[1:]) > 60  # no black rule

"""The sets of pages with many digits: overlap of postal codes, and the truth of photographs. A few ms in all."""

import cv2
import numpy as np
import pytest

from benchmarks import page_sets
from digits.errors import UserError


def test_neighbours_overlap_by_a_share_of_the_narrower_one():
    line = page_sets.paste([np.full((4, 20), 100, np.uint8), np.full((4, 10), 200, np.uint8)], 0.3)
    assert line.shape == (4, 27)
    assert line[0].tolist() == [100] * 17 + [200] * 10
    assert page_sets.paste([np.ones((4, 10), np.uint8)] * 2, -0.5).sum() == 80  # a gap of 5


def test_a_photograph_of_a_sudoku_has_its_cells_from_the_file_of_the_same_name(tmp_path):
    cv2.imwrite(str(tmp_path / "one.jpg"), np.zeros((6, 8, 3), np.uint8))
    (tmp_path / "one.dat").write_text("camera\n8x6:24 JPG\n1 2 0 \n4 5 6\n")
    (sample,) = page_sets.sudokus(tmp_path)
    assert sample.grid == [[1, 2, None], [4, 5, 6]]
    assert page_sets.grid_size(sample) == (2, 3)
    assert sample.pixels.shape == (6, 8, 3)


def test_a_folder_without_sudokus_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"has no \*.jpg"):
        next(page_sets.sudokus(tmp_path))


def test_only_the_photographs_of_strings_are_taken_from_the_table(tmp_path):
    (tmp_path / "many-digits").mkdir()
    cv2.imwrite(str(tmp_path / "many-digits" / "a.png"), np.full((6, 8, 3), (0, 0, 255), np.uint8))  # red, as BGR
    (tmp_path / "sources.csv").write_text("file,label,repository\nscans/7/b.png,7,x\nmany-digits/a.png,12 3,y\n")
    (sample,) = page_sets.photographs(tmp_path)
    assert (sample.name, sample.lines, sample.pixels[0, 0].tolist()) == ("a", ["12", "3"], [255, 0, 0])

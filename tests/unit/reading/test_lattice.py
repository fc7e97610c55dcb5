"""The surest way to cut a line, by hand. In hundredths of a second."""

import numpy as np
import pytest

from digits.reading.lattice import Arc, best_path


def path(pieces: int, *arcs: tuple[int, int, float, float, bool], labels: tuple[int, ...] = ()) -> list[int]:
    """The best path; an arc is its first and last piece, its width, its probability, and whether it is a cut."""
    made = [Arc(first, last, number, width, cut) for number, (first, last, width, _, cut) in enumerate(arcs)]
    probabilities = np.array([arc[3] for arc in arcs])
    return best_path(pieces, made, np.log(probabilities), np.array(labels or [8] * len(arcs)))


def test_the_surer_parts_are_taken_from_left_to_right():
    halves = [(0, 1, 0.5, 0.98, True), (1, 2, 0.5, 0.97, True)]
    assert path(2, (0, 2, 1.0, 0.3, False), *halves) == [1, 2]
    assert path(2, (0, 2, 1.0, 0.99, False), *halves) == [0]


def test_of_nearly_equally_sure_ones_the_whole_is_taken():
    assert path(2, (0, 2, 1.0, 0.97, False), (0, 1, 0.5, 0.98, True), (1, 2, 0.5, 0.98, True)) == [0]


def test_a_cut_with_a_bad_piece_is_not_taken_over_a_poor_whole():
    assert path(2, (0, 2, 1.0, 0.2, False), (0, 1, 0.8, 0.99, True), (1, 2, 0.2, 0.4, True)) == [0]


def test_a_stroke_is_no_proof_of_a_cut_as_another_digit_is():
    arcs = (0, 2, 0.9, 0.85, False), (0, 1, 0.45, 0.99, True), (1, 2, 0.45, 0.99, True)
    assert path(2, *arcs) == [1, 2]
    assert path(2, *arcs, labels=(8, 1, 1)) == [0]


def test_what_is_wider_than_a_digit_is_cut():
    halves = [(0, 1, 0.8, 0.7, True), (1, 2, 0.8, 0.7, True)]
    assert path(2, (0, 2, 1.6, 0.95, False), *halves) == [1, 2]


@pytest.mark.parametrize(("together", "expected"), [(0.9, [2]), (0.3, [0, 1])])
def test_parts_are_grouped_where_they_are_surer_together(together, expected):
    assert path(2, (0, 1, 0.6, 0.6, False), (1, 2, 0.3, 0.5, False), (0, 2, 0.7, together, False)) == expected


def test_no_pieces_have_an_empty_path_and_an_impossible_digit_has_one():
    assert path(0) == []
    assert best_path(1, [Arc(0, 1, 0, 1.0, False)], np.array([-1e9]), np.array([1])) == [0]

"""Seams cross as little ink as they can, and pieces are what is between them. In hundredths of a second."""

import cv2
import numpy as np
import pytest

from digits.reading import cuts
from digits.reading.candidates import Candidate


def touching(lean: float) -> tuple[np.ndarray, np.ndarray]:
    """Two rings joined by a bar, 60 pixels high, leaning right by so much for each row; and where the left one is."""
    sides = [np.zeros((60, 130), np.uint8) for _ in range(2)]
    for ink, middle in zip(sides, (30, 68), strict=True):
        cv2.ellipse(ink, (middle, 30), (14, 28), 0, 0, 360, 255, 4)
    cv2.line(sides[0], (46, 40), (52, 40), 255, 3)
    shear = np.float32([[1, -lean, 30 * lean], [0, 1, 0]])
    left, right = (cv2.warpAffine(ink, shear, (130, 60)) for ink in sides)
    return np.maximum(left, right), left > 128


@pytest.mark.parametrize("lean", [0.0, 0.35, -0.35])
def test_one_of_the_seams_divides_touching_digits_along_their_slant(lean):
    ink, left = touching(lean)
    seams = cuts.seams(ink, 8)
    columns = np.arange(ink.shape[1])
    shares = [(left == ((columns < seam[:, None]) & (ink > 128)))[ink > 128].mean() for seam in seams]
    assert max(shares) > 0.95
    assert all((np.abs(np.diff(seam)) <= 2).all() for seam in seams)


def test_seams_are_in_order_and_different_and_a_tall_part_has_as_many_as_a_low_one():
    ink, _ = touching(0)
    large = cv2.resize(ink, None, fx=5, fy=5)
    low, tall = cuts.seams(ink, 9), cuts.seams(large, 45)
    assert len(low) == len(tall) > 5
    for seams, height in ((low, 60), (tall, 300)):
        assert seams.shape[1] == height
        assert (np.diff(seams.mean(axis=1)) > 0).all()
    assert np.abs(tall.mean(axis=1) / 5 - low.mean(axis=1)).max() < 3


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (8, 8)])
def test_a_part_too_small_to_cut_is_no_failure(shape):
    assert cuts.seams(np.full(shape, 255, np.uint8), 6).shape[1] == shape[0]


def test_pieces_are_the_ink_between_each_two_cuts_in_their_place_on_the_page():
    ink = np.zeros((20, 30), np.uint8)
    ink[5:15, 2:28] = 200
    straight = np.repeat([[9], [19]], 20, axis=1)
    pieces = cuts.pieces(Candidate((100, 50, 130, 70), ink, 0.1), straight, 30)
    assert {pair: one.box for pair, one in pieces.items()} == {
        (0, 1): (102, 55, 110, 65),
        (0, 2): (102, 55, 120, 65),
        (0, 3): (102, 55, 128, 65),
        (1, 2): (110, 55, 120, 65),
        (1, 3): (110, 55, 128, 65),
        (2, 3): (120, 55, 128, 65),
    }
    assert all((one.ink == 200).all() and one.slope == 0.1 for one in pieces.values())
    assert list(cuts.pieces(Candidate((0, 0, 30, 20), ink, 0.1), straight, 12)) == [(0, 1), (1, 2), (2, 3)]


def test_a_piece_without_ink_is_left_out():
    ink = np.zeros((20, 30), np.uint8)
    ink[:, 20:] = 255
    pieces = cuts.pieces(Candidate((0, 0, 30, 20), ink, 0.0), np.full((1, 20), 9), 30)
    assert list(pieces) == [(0, 2), (1, 2)]

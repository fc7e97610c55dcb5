"""The overlay of a digit: the ink has its strength, and the colour that its saliency says."""

import math

import numpy as np

from digits.visualization.overlay import overlay


def test_ink_is_red_where_it_supports_blue_where_it_opposes_and_paper_stays_white():
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 0] = 255
    saliency = np.ones((1, 28, 28)) * math.log(100)  # also where there is no ink
    saliency[0, 0, :6] = 0, math.log(100), -math.log(100), 99, math.log(10), -99
    found = overlay(images, saliency)
    assert (found.shape, found.dtype) == ((1, 28, 28, 3), np.uint8)
    red, blue = [178, 24, 43], [33, 102, 172]
    assert found[0, 0, :6].tolist() == [[190] * 3, red, blue, red, [184, 107, 116], blue]
    assert (found[0, 1:] == 255).all()


def test_faint_ink_has_a_faint_colour():
    images = np.full((1, 28, 28), 51, np.uint8)
    assert overlay(images, np.full((1, 28, 28), math.log(100)))[0, 3, 3].tolist() == [240, 209, 213]
    assert overlay(images[:0], np.zeros((0, 28, 28))).shape == (0, 28, 28, 3)

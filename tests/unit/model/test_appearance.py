"""Augmentation of how a digit is drawn: what each parameter does to it. Takes some 2 seconds, most of it for Keras."""

import numpy as np
import pytest

from digits.model.augmentation_values import APPEARANCE
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train
BOUNDS = ("stroke_width", "brightness", "contrast", "blur", "occlusion", "lines")


@pytest.fixture(scope="module")
def appearance():
    from digits.model import appearance

    return appearance


@pytest.fixture(scope="module")
def images(mnist_digits):
    return mnist_digits.images[::100].astype(np.float32)


@pytest.fixture
def draw(appearance):
    """A function that applies the layer: bounds, all others 0, and the parameters that are not 0, by their column."""

    def draw(images, parameters=None, **bounds):
        sampled = np.zeros((len(images), APPEARANCE), np.float32)
        sampled[:, [appearance.BRIGHTNESS, appearance.BLUR, appearance.HOLE, appearance.LINE]] = -1
        for column, value in (parameters or {}).items():
            sampled[:, getattr(appearance, column)] = value
        params = PARAMS.model_copy(update={**dict.fromkeys(BOUNDS, 0), **bounds})
        return np.asarray(appearance.Appearance(params)(images, sampled))

    return draw


def test_without_bounds_nothing_changes(draw, images):
    every = dict.fromkeys(["STROKE", "BRIGHTNESS", "CONTRAST", "BLUR", "HOLE", "LINE"], 1)
    assert np.array_equal(draw(images, every), images)


def test_parameters_in_the_middle_of_a_bound_change_nothing(draw, images):
    assert np.allclose(draw(images, stroke_width=1, contrast=1, lines=0.5), images, atol=0.01)


def test_strokes_become_wider_and_narrower_by_up_to_a_pixel_on_each_side(draw):
    stripe = np.zeros((1, 28, 28), np.float32)
    stripe[:, 4:24, 12:16] = 255
    for value, width in ((1, 6), (0.5, 5), (0, 4), (-0.5, 3), (-1, 2)):
        assert draw(stripe, {"STROKE": value}, stroke_width=1)[0, 14].sum() == pytest.approx(255 * width)
    assert draw(stripe, {"STROKE": 1}, stroke_width=0.5)[0, 14].sum() == pytest.approx(255 * 5)


def test_brightness_only_dims_and_at_most_by_its_bound(draw, images):
    assert np.allclose(draw(images, {"BRIGHTNESS": 1}, brightness=0.4), 0.6 * images, atol=0.01)
    assert np.allclose(draw(images, {"BRIGHTNESS": -1}, brightness=0.4), images)


def test_contrast_keeps_black_and_white_and_moves_what_is_between(draw, images):
    softer, harder = (draw(images, {"CONTRAST": value}, contrast=0.5) for value in (-1, 1))
    grey = (images > 20) & (images < 230)
    for changed in (softer, harder):
        assert np.allclose(changed[(images == 0) | (images == 255)], images[(images == 0) | (images == 255)])
    assert (softer[grey] > images[grey]).all() and (harder[grey] < images[grey]).all()


def test_blur_keeps_the_ink_and_spreads_it_over_five_pixels(draw, images):
    spot = np.zeros((1, 28, 28), np.float32)
    spot[0, 10, 20] = 250
    expected = np.zeros((28, 28), np.float32)
    expected[8:13, 18:23] = 10
    assert np.allclose(draw(spot, {"BLUR": 1}, blur=1)[0], expected)
    assert np.allclose(draw(spot, {"BLUR": 0}, blur=1)[0], (spot[0] + expected) / 2)
    assert np.allclose(draw(spot, {"BLUR": 1}, blur=0.5)[0], (spot[0] + expected) / 2)
    assert np.allclose(draw(images, {"BLUR": -1}, blur=1), images)


def test_a_hole_is_as_large_as_its_bound_and_where_its_parameters_are(draw):
    full = np.full((1, 28, 28), 255, np.float32)
    hole = 1 - draw(full, {"HOLE": 1, "HOLE_ACROSS": 1, "HOLE_DOWN": -0.5}, occlusion=4)[0] / 255
    assert hole.sum() == pytest.approx(16, abs=1)
    assert np.argwhere(hole > 0.9).mean(axis=0) == pytest.approx((13.5 - 5, 13.5 + 10))


def test_a_line_is_short_thin_and_in_its_fraction_of_the_digits(draw, appearance):
    empty = np.zeros((1, 28, 28), np.float32)
    level = draw(empty, {"LINE": 1, "LINE_TURN": 1, "LINE_OFFSET": 0.5}, lines=0.1)[0] / 255
    rows, columns = np.nonzero(level > 0.4)
    assert set(rows) <= {18, 19} and np.ptp(columns) < appearance.LINE_LENGTH
    assert np.array_equal(draw(empty, {"LINE": 1, "LINE_TURN": -1, "LINE_OFFSET": 0.5}, lines=0.1)[0] / 255, level.T)
    assert not draw(empty, {"LINE": 0.79}, lines=0.1).any()
    assert draw(empty, {"LINE": 0.81}, lines=0.1).any()

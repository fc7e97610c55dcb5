"""The ink of a page is where its strokes are, under any light; a page without strokes has none. 0.2 s."""

import cv2
import numpy as np
import pytest

from digits.reading.ink import page_ink
from tests.unit.reading.pages import blank, write

PAGE = write(write(blank(300, 400), "3415", 40, 110, 70), "78", 120, 240, 70)
ROWS, COLUMNS = np.indices(PAGE.shape)
LIGHT = {
    "even": np.ones(PAGE.shape),
    "gradient": 0.35 + 0.65 * COLUMNS / 400,
    "shadow": 1 - 0.45 / (1 + np.exp((180 - COLUMNS - ROWS / 4) / 8)),
    "lamp": 0.5 + 0.5 * np.exp(-((ROWS - 150) ** 2 + (COLUMNS - 200) ** 2) / 150**2),
}


@pytest.mark.parametrize("light_on_dark", [False, True], ids=["dark on light", "light on dark"])
@pytest.mark.parametrize("light", LIGHT)
def test_ink_is_where_the_strokes_are(light, light_on_dark):
    strokes = (PAGE < 130).astype(np.uint8)
    noise = np.random.default_rng(0).normal(0, 2, PAGE.shape)
    grey = np.clip(PAGE * LIGHT[light] + noise, 0, 255).astype(np.uint8)
    ink, threshold = page_ink(255 - grey if light_on_dark else grey)
    found = ink > threshold
    core, near = (one(strokes, np.ones((5, 5), np.uint8)) for one in (cv2.erode, cv2.dilate))
    assert found[core > 0].all()
    assert found[near == 0].mean() < 0.001


def test_the_same_stroke_is_as_strong_in_the_shadow_as_in_the_light():
    page = write(write(blank(300, 400), "8", 60, 180, 80), "8", 280, 180, 80)
    ink, _ = page_ink(np.where(COLUMNS > 200, page * 0.5, page).astype(np.uint8))
    left, right = (np.quantile(half[half > 0], 0.9) for half in (ink[:, :200], ink[:, 200:]))
    assert left == pytest.approx(right, rel=0.05)


@pytest.mark.parametrize("deviation", [2, 6, 15, 40])
def test_noise_is_no_ink(deviation):
    noise = np.random.default_rng(0).normal(180, deviation, PAGE.shape)
    ink, threshold = page_ink(np.clip(noise, 0, 255).astype(np.uint8))
    assert (ink > threshold).mean() < 0.001


@pytest.mark.parametrize("shape", [(1, 1), (1, 5000), (400, 20), (300, 400)])
@pytest.mark.parametrize("value", [0, 1, 128, 255])
def test_an_even_picture_has_no_ink(shape, value):
    ink, threshold = page_ink(np.full(shape, value, np.uint8))
    assert ink.shape == shape and ink.max() <= threshold


def test_what_is_far_weaker_than_the_stroke_next_to_it_is_no_ink_but_a_pale_stroke_is():
    page = blank(300, 400)
    page[50:250, 94:106] = 170  # the halo of a stroke out of focus
    page[50:250, 97:103] = 40
    page[50:250, 300:306] = 170
    ink, threshold = page_ink(page)
    assert np.flatnonzero((ink > threshold)[150]).tolist() == [*range(96, 104), *range(300, 306)]


@pytest.mark.parametrize("inverted", [False, True], ids=["dark ink", "light ink"])
@pytest.mark.parametrize("desk", [0, 60], ids=["dense print", "on a desk"])
def test_strokes_are_what_is_thin_and_differs_from_the_paper(desk, inverted):
    page = np.full((400, 600), 250, np.uint8)
    for left in range(20, 560, 18):
        for top in range(40, 380, 24 if desk == 0 else 120):
            cv2.putText(page, "8", (left, top), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 20, 2)
    strokes = np.pad(page < 60, desk)
    page = cv2.copyMakeBorder(page, *[desk] * 4, cv2.BORDER_CONSTANT, value=30)
    ink, threshold = page_ink(255 - page if inverted else page)
    assert (ink > threshold)[strokes].mean() > 0.95

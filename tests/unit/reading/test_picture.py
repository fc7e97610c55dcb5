"""From a picture to its upright grey: size, scale, orientation, colours."""

import numpy as np
import pytest
from PIL import Image

from digits.data.picture_files import PictureError
from digits.data.pictures import encode_png
from digits.reading.picture import upright_colours, upright_grey
from tests.encoding import encode

GRADIENT = np.add.outer(np.arange(60, dtype=np.uint8), 2 * np.arange(90, dtype=np.uint8))


def test_a_picture_is_read_at_full_resolution_as_it_is():
    large = np.tile(GRADIENT, (20, 20))  # a single digit would be averaged down to 512 pixels
    for picture in (large, encode_png(large)):
        found = upright_grey(picture)
        assert (found.grey == large).all() and found[1:] == (1800, 1200, 1)


@pytest.mark.parametrize("format", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("max_pixels", [60 * 90, 30 * 45])
def test_the_orientation_of_exif_is_applied_to_pixels_and_size(format, orientation, max_pixels):
    upright = np.rot90(GRADIENT, {1: 0, 3: 2, 6: 3, 8: 1}[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = upright_grey(encode(GRADIENT, format=format, exif=exif), max_pixels)
    height, width = upright.shape
    assert found[1:] == (width, height, 1 if max_pixels == 60 * 90 else 2)
    expected = upright if found.scale == 1 else upright.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
    assert np.abs(found.grey.astype(float) - expected).max() <= 2  # of a JPEG; exact else


def test_a_large_picture_is_averaged_down_to_at_most_max_pixels_by_the_least_factor():
    for max_pixels in (1, 2, 60 * 90 - 1, 100, 599, 600):
        found = upright_grey(GRADIENT, max_pixels)
        assert found.grey.size <= max_pixels
        assert found.grey.shape == (-(-60 // found.scale), -(-90 // found.scale))
        less = found.scale - 1
        assert less == 0 or -(-60 // less) * -(-90 // less) > max_pixels


def test_of_colours_the_band_that_shows_the_ink_is_read():
    paper = np.full((700, 800, 3), (255, 255, 255), np.uint8)  # more than the sample of the bands
    paper[300:400, 300:500] = (255, 250, 0)  # yellow
    for picture in (paper, encode_png(paper[..., ::-1])):
        assert (upright_grey(picture).grey == paper[..., 2]).all()
        assert (upright_colours(picture) == paper).all()


def test_a_picture_without_colours_is_shown_in_grey():
    sixteen_bits = GRADIENT.astype(np.uint16) * 257
    transparent = np.dstack([GRADIENT * 0, GRADIENT * 0, GRADIENT * 0, 255 - GRADIENT])
    for pixels in (sixteen_bits, transparent):
        shown = upright_colours(encode(pixels))
        assert (shown == GRADIENT[..., None]).all() and shown.shape[2] == 3


@pytest.mark.parametrize("shape", [(0, 5), (5,), (5, 5, 4), (2, 5, 5, 3)])
def test_another_array_is_an_error_that_says_what_is_expected(shape):
    with pytest.raises(PictureError, match=r"an array of uint8 with the shape .*; expected uint8, \(height, width\)"):
        upright_grey(np.zeros(shape, np.uint8))
    with pytest.raises(PictureError, match="an array of float64"):
        upright_grey(np.zeros((5, 5)))


def test_what_is_no_picture_is_an_error():
    with pytest.raises(PictureError, match="not a picture"):
        upright_grey(b"seven")

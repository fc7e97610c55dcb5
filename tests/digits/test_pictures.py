"""The one function that turns any picture into the canonical digit."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from digits import pictures


def encode(pixels: np.ndarray, mode: str | None = None, format: str = "PNG", **options) -> bytes:
    buffer = BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.fixture
def digit(mnist_digits) -> np.ndarray:
    return mnist_digits.images[7]


def test_every_real_mnist_digit_passes_unchanged(mnist_digits):
    for image in mnist_digits.images:
        assert pictures.canonical(image) is image


def test_a_written_picture_is_read_back_to_the_bit(digit):
    assert np.array_equal(pictures.read(pictures.write(digit)), digit)


@pytest.mark.parametrize(
    ("mode", "format"),
    [("L", "PNG"), ("RGB", "PNG"), ("RGBA", "PNG"), ("P", "PNG"), ("L", "BMP"), ("RGB", "TIFF"), ("L", "GIF")],
)
def test_lossless_formats_show_the_same_grey_levels(digit, mode, format):
    assert np.array_equal(pictures.read(encode(digit, mode, format)), digit)


def test_sixteen_bits_are_scaled_to_eight(digit):
    assert np.array_equal(pictures.read(encode(digit.astype(np.uint16) * 257)), digit)


def test_one_bit_is_black_and_white(digit):
    assert set(np.unique(pictures.read(encode(digit, "1")))) == {0, 255}


def test_dark_ink_on_a_transparent_background_is_put_on_white():
    pixels = np.zeros((40, 40, 4), np.uint8)  # black, and transparent all over
    pixels[5:35, 18:22, 3] = 255  # but for one stroke
    grey = pictures.read(encode(pixels))
    assert (grey[0, 0], grey[20, 20]) == (255, 0)


def test_light_ink_on_a_transparent_background_is_put_on_black():
    pixels = np.full((40, 40, 4), 255, np.uint8)
    pixels[..., 3] = 0
    pixels[5:35, 18:22, 3] = 255
    grey = pictures.read(encode(pixels))
    assert (grey[0, 0], grey[20, 20]) == (0, 255)


def test_the_camera_orientation_is_applied(digit):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 270 degrees
    turned = encode(np.rot90(digit).copy(), exif=exif)
    assert np.array_equal(pictures.read(turned), digit)


def test_dark_on_light_gives_the_same_digit(mnist_digits):
    for image in mnist_digits.images[::25]:
        assert np.abs(pictures.canonical(255 - image).astype(int) - image).max() <= 1  # its brightest may be 254


def test_low_contrast_paper_and_ink_give_the_same_digit_within_rounding(digit):
    faint = (180 - digit.astype(int) * 100 // 255).astype(np.uint8)
    assert np.abs(pictures.canonical(faint).astype(int) - digit).max() <= 3


def test_a_large_off_centre_picture_comes_near_the_digit_it_shows(digit):
    large = np.pad(np.kron(255 - digit, np.ones((9, 9), np.uint8)), ((40, 300), (100, 20)), constant_values=255)
    result = pictures.canonical(large)
    assert pictures.is_canonical(result)
    assert np.abs(result.astype(int) - digit).mean() < 8


def test_the_canonical_digit_is_as_lecun_describes_it(mnist_digits):
    for image in mnist_digits.images[:200]:
        shown = np.pad(np.kron(image, np.ones((3, 3), np.uint8)), ((10, 50), (0, 31)))
        result = pictures.canonical(shown)
        rows, columns = np.flatnonzero(result.any(axis=1)), np.flatnonzero(result.any(axis=0))
        centre = np.array([result.sum(1) @ np.arange(28), result.sum(0) @ np.arange(28)]) / result.sum()
        assert result.shape == (28, 28)
        assert result.max() == 255
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        assert np.abs(centre - 14).max() <= 0.52


def test_a_canonical_result_stays_as_it_is(digit):
    once = pictures.canonical(np.pad(digit, 30))
    assert np.array_equal(pictures.canonical(once), once)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_blank_picture_is_refused(level):
    with pytest.raises(pictures.PictureError, match="blank: its contrast is 0 of 255"):
        pictures.canonical(np.full((50, 40), level, np.uint8))


def test_a_text_file_is_no_picture():
    with pytest.raises(pictures.PictureError, match=r"not a picture \(5 bytes\)"):
        pictures.read(b"seven")


def test_a_truncated_picture_is_damaged(digit):
    data = encode(digit)
    with pytest.raises(pictures.PictureError, match="damaged"):
        pictures.read(data[: len(data) // 2])


def test_too_many_pixels_are_refused_before_they_are_decoded():
    bomb = encode(np.zeros((9000, 9000), np.uint8), "1")
    with pytest.raises(pictures.PictureError, match="9000 x 9000 pixels, at most 64,000,000"):
        pictures.read(bomb)


def test_ink_levels_run_from_the_paper_to_the_strongest_ink():
    grey = np.full((4, 4), 200, np.uint8)
    grey[1, 1], grey[2, 2] = 100, 150
    ink = pictures.ink_levels(grey)
    assert ink[0, 0] == 0
    assert ink[1, 1] == 1
    assert ink[2, 2] == pytest.approx(0.5)

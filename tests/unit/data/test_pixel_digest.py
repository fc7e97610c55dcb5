"""The digest of what a picture shows: equal for equal pixels in every lossless format."""

import hashlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from digits.data import pictures
from tests.encoding import encode, encode_image, header, png


@pytest.fixture
def digit(mnist_digits) -> np.ndarray:
    return mnist_digits.images[7]


def test_it_is_the_hash_of_mode_size_and_pixels(digit):
    expected = hashlib.sha256(b"L 28 28\0" + digit.tobytes()).digest()
    assert pictures.pixel_digest(pictures.encode_png(digit)) == expected


@pytest.mark.parametrize(
    ("format", "options"),
    [
        ("PNG", {"compress_level": 0}),
        ("PNG", {"dpi": (300, 300)}),  # decoded by Pillow
        ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("PPM", {}),
    ],
)
def test_lossless_formats_of_the_same_pixels_have_the_same(digit, format, options):
    assert pictures.pixel_digest(encode(digit, format=format, **options)) == pictures.pixel_digest(encode(digit))


def test_every_pixel_counts_once_whatever_the_bands(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (50, 40, 3), dtype=np.uint8)
    whole = hashlib.sha256(b"RGB 40 50\0" + pixels.tobytes()).digest()
    monkeypatch.setattr(pictures, "DIGEST_BAND", 3 * 40 + 1)
    assert pictures.pixel_digest(encode(pixels)) == whole


def test_a_large_jpeg_is_hashed_at_full_size(digit):
    large = np.asarray(Image.fromarray(digit).resize((2100, 2100)))
    data = encode(large, format="JPEG")
    full = np.asarray(Image.open(BytesIO(data)))
    assert pictures.pixel_digest(data) == hashlib.sha256(b"L 2100 2100\0" + full.tobytes()).digest()


def test_what_shows_another_picture_has_another(digit):
    turned, shown = Image.Exif(), Image.fromarray(digit)
    turned[0x0112] = 3
    inverted = shown.copy()
    inverted.putpalette([255 - value // 3 for value in range(768)])
    straight = shown.copy()
    straight.putpalette([value // 3 for value in range(768)])
    others = [
        encode(digit, exif=turned),
        encode(digit, transparency=0),
        encode(digit, transparency=9),
        encode(digit, "RGB"),
        encode(digit.reshape(14, 56)),
        encode(digit ^ 1),
        encode(np.asarray(digit > 99)),
        encode(digit.astype(np.uint16)),
        *(encode_image(image) for image in (straight, inverted)),
    ]
    assert len({pictures.pixel_digest(data) for data in (encode(digit), *others)}) == 1 + len(others)


def test_that_of_an_undecodable_one_is_the_hash_of_its_bytes(digit):
    wrong_sum, huge = bytearray(encode(digit)), png(header(9000, 9000), (b"IDAT", b""), (b"IEND", b""))
    wrong_sum[45] ^= 1
    for data in (b"seven", encode(digit)[:200], encode(digit, "RGB", "JPEG")[:400], bytes(wrong_sum), huge):
        assert pictures.pixel_digest(data) == hashlib.sha256(data).digest()

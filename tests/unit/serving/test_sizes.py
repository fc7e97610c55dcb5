"""The pixels that a header declares. Some milliseconds in all."""

import numpy as np
import pytest
from PIL import Image

from digits.serving.sizes import declared_pixels, png_sides
from tests.bad_pictures import declaring
from tests.encoding import encode_image

PICTURE = Image.fromarray(np.zeros((20, 30), np.uint8))


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": b"\xff\xd8" * 500}])
def test_the_size_of_a_jpeg_is_in_its_frame_header(options):
    assert declared_pixels(encode_image(PICTURE, "JPEG", **options)) == 600


def test_the_size_of_a_png_is_in_its_first_chunk():
    assert declared_pixels(encode_image(PICTURE, "PNG")) == 600
    assert declared_pixels(declaring(64_000, 64_000)) == 64_000**2


@pytest.mark.parametrize("more", [b"", declaring(9, 9)[8:33]], ids=["a text before it", "a second one"])
def test_a_png_whose_size_may_be_elsewhere_declares_nothing(more):
    png = encode_image(PICTURE, "PNG")
    text = b"\0\0\0\x14tEXt\0\0\0\x14\0\0\0\x14" + bytes(12) + b"\0\0\0\0"
    changed = png[:33] + more + png[33:] if more else png[:8] + text + png[8:]
    assert declared_pixels(changed) is None
    assert png_sides(changed) is None


def test_the_larger_of_two_frame_headers_counts():
    jpeg = encode_image(PICTURE, "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    second = jpeg[frame : frame + 5] + b"\xff\xff\xff\xff" + jpeg[frame + 9 : frame + 13]
    assert declared_pixels(jpeg[:frame] + second + jpeg[frame:]) == 65_535**2


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff\xda", b"\xff\xd8" + b"\xff" * 99])
def test_a_cut_header_declares_nothing(data):
    assert declared_pixels(data) is None


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "WEBP", "BMP"])
def test_other_formats_are_not_looked_into(kind):
    assert declared_pixels(encode_image(PICTURE, kind)) is None

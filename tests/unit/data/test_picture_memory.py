"""A picture takes at most 400 MiB, or is refused before it is decoded."""

import subprocess
import sys
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from digits.data import picture_files, pictures
from digits.data.pictures import PictureError


def saved(image: Image.Image, format: str, **options) -> bytes:
    buffer = BytesIO()
    if format == "HEIF":
        pillow_heif.from_pillow(image).save(buffer, **options)
    else:
        image.save(buffer, format, **options)
    return buffer.getvalue()


def drawn(side: int, mode: str) -> Image.Image:
    """A thick 1, dark on light."""
    image = Image.new("L", (side, side), 230)
    image.paste(20, (side * 9 // 20, side // 4, side * 11 // 20, side * 3 // 4))
    if mode == "I;16":
        return Image.fromarray(np.asarray(image).astype(np.uint16) * 257)
    if mode == "LAB":
        neutral = Image.new("L", image.size, 128)
        return Image.merge("LAB", [image, neutral, neutral])
    return image.convert(mode)


def progressive(**options) -> dict:
    return {"progressive": True, **options}


def one_strip() -> dict:
    return {"compression": "tiff_adobe_deflate", "strip_size": 1 << 30}


# Format, mode, options, and the bytes a pixel that its decoder keeps, without the file's own bytes
KEPT = [
    ("PNG", "1", {}, 1),
    ("PNG", "P", {}, 1),
    ("PNG", "I;16", {}, 2),
    ("PNG", "LA", {}, 4),
    ("PNG", "RGB", {}, 4),
    ("JPEG", "RGB", {"subsampling": 0}, 4),
    ("JPEG", "L", progressive(), 1 + 2),
    ("JPEG", "RGB", progressive(subsampling=2), 4 + 3),
    ("JPEG", "RGB", progressive(subsampling=0), 4 + 6),
    ("JPEG", "CMYK", progressive(subsampling=0), 4 + 8),
    ("TIFF", "F", {}, 4),
    ("TIFF", "I", {"compression": "tiff_lzw"}, 4 + 0.26),  # a strip
    ("TIFF", "RGB", one_strip(), 4 + 3),
    ("BMP", "RGB", {}, 4),
    ("PPM", "RGB", {}, 4),
    ("PPM", "I", {}, 4),
    ("GIF", "L", {}, 1),
    ("WEBP", "RGB", {}, 17),
    ("AVIF", "L", {}, 4.6),
    ("AVIF", "RGB", {}, 13.6),
    ("HEIF", "RGB", {}, 3 + 1.5),
    ("HEIF", "RGB", {"chroma": 444}, 3 + 3),
]


@pytest.mark.parametrize(
    ("format", "mode", "options", "kept"), KEPT, ids=[f"{format} {mode} {kept}" for format, mode, _, kept in KEPT]
)
def test_the_limit_of_each_format(monkeypatch, format, mode, options, kept):
    data = saved(drawn(500, mode), format, **options)
    copies = 2 if format in ("WEBP", "HEIF") else 1
    needed = round(kept * 250_000) + copies * len(data) + picture_files.IDLE_MEMORY
    monkeypatch.setattr(picture_files, "MAX_MEMORY", needed + 30_000)
    pictures.decode(data)
    monkeypatch.setattr(picture_files, "MAX_MEMORY", needed - 30_000)
    digest = pictures.pixel_digest(data)
    with pytest.raises(PictureError, match=r"500 x 500 pixels, at most 0\.\d million of a .* can be decoded within"):
        pictures.decode(data)
    monkeypatch.undo()
    assert digest != pictures.pixel_digest(data)  # that of the bytes


@pytest.mark.slow
def test_the_message_names_size_limit_and_fix():
    data = saved(drawn(8000, "L").convert("RGB").crop((0, 0, 8000, 10)), "BMP")
    header = data[:22] + (8000).to_bytes(4, "little") + data[26:54]
    words = (
        "8000 x 8000 pixels, at most 43.7 million of a BMP RGB can be decoded within 400 MiB; scale it down, or save it"
    )
    with pytest.raises(PictureError, match=words):
        pictures.decode(header + bytes(3 * 8000 * 8000))


@pytest.mark.slow
def test_webp_and_others_are_refused_before_they_are_decoded():
    data = saved(drawn(5000, "RGB"), "WEBP", method=0)
    with pytest.raises(PictureError, match=r"5000 x 5000 pixels, at most 18\.0 million of a WEBP"):
        pictures.decode(data[:200] + bytes(len(data) - 200))  # a decoder would report it as damaged


DECODE = r"""
import re, sys
from digits.data import pictures
data = sys.stdin.buffer.read()
assert pictures.decode_canonical(data).any()
pictures.pixel_digest(data)
status = open('/proc/self/status').read()  # getrusage would give the peak of the process that started this one
print(int(re.search(r'VmHWM:\s+(\d+)', status)[1]) // 1024)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "mode", "options"),
    [
        ("PNG", "RGBA", {"compress_level": 1}),
        ("PNG", "I;16", {"compress_level": 1}),
        ("JPEG", "RGB", {}),
        ("JPEG", "CMYK", {}),
        ("JPEG", "RGB", progressive()),
        ("TIFF", "F", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", "LAB", {"compression": "tiff_lzw"}),
        ("TIFF", "L", {}),
        ("GIF", "L", {}),
        ("HEIF", "RGB", {"quality": 30}),
    ],
    ids=str,
)
def test_a_64_megapixel_picture_takes_at_most_400_mib(format, mode, options):
    data = saved(drawn(8000, mode), format, **options)
    done = subprocess.run([sys.executable, "-c", DECODE], input=data, capture_output=True, check=True)
    assert int(done.stdout) <= 400

"""Faults of a picture in a user's folder, and how its file is made of a real digit."""

import zlib
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from digits.data import pictures
from tests import encoding
from tests.encoding import encode, encode_image
from tests.faults import ACCEPTED, DIR, MANY, VALIDATE_REFUSES, VALIDATE_WARNS, Made, Row

FONT = Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf"


# Faults of a picture: from a digit's pixel values, light on dark, to the bytes of a file.


def png(pixels: np.ndarray) -> bytes:
    return pictures.encode_png(np.ascontiguousarray(pixels))


def animated(digit: np.ndarray, kind: str) -> bytes:
    first, *others = (Image.fromarray(digit).rotate(angle) for angle in (0, 10, 20))
    return encode_image(first, kind, save_all=True, append_images=others)


def declaring(width: int, height: int) -> bytes:
    """A PNG whose header declares this size, with hardly any pixels."""
    return encoding.png(encoding.header(width, height), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b""))


def with_large_text(digit: np.ndarray) -> bytes:
    """A PNG with a comment that unpacks from a few kilobytes to a hundred megabytes."""
    whole = png(digit)
    return whole[:33] + encoding.chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9)) + whole[33:]


def flat(level: int) -> Callable[[np.ndarray], bytes]:
    return lambda digit: png(np.full((28, 28), level, np.uint8))


def noise(shape: tuple[int, int]) -> bytes:
    return png(np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8))


def salt_and_pepper(shape: tuple[int, int]) -> bytes:
    paper = np.full(shape, 128, np.uint8)
    random = np.random.default_rng(0).random(shape)
    paper[random < 0.1], paper[random > 0.9] = 0, 255
    return png(paper)


def letter(text: str) -> bytes:
    paper = Image.new("L", (28, 28))
    ImageDraw.Draw(paper).text((14, 14), text, fill=255, font=ImageFont.truetype(FONT, 22), anchor="mm")
    return png(np.asarray(paper))


def in_the_corner_of(side: int) -> Callable[[np.ndarray], bytes]:
    return lambda digit: png(np.pad(digit, (100, side - 128)))


def framed_by_a_hair(digit: np.ndarray) -> np.ndarray:
    return np.pad(np.full((26, 26), 255, np.uint8), 1) - np.pad(digit[1:-1, 1:-1] // 4, 1)


def blurred(digit: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(digit).filter(ImageFilter.GaussianBlur(1.7)))


def with_exif(digit: np.ndarray, spoil: Callable[[bytes], bytes]) -> bytes:
    """A JPEG as from a camera, with an error in its Exif data."""
    exif = Image.Exif()
    exif[0x0112], exif[0x011A] = 1, 72.5  # orientation, and the resolution across, a fraction
    return encode(digit, format="JPEG", exif=spoil(exif.tobytes()))


def a_fraction_for_its_width(noted: bytes) -> bytes:
    """Rotated by a quarter, and with a fraction where a whole number of pixels is expected."""
    assert noted.count(b"\x01\x1a\x00\x05") == noted.count(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01") == 1
    turned = noted.replace(b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x01", b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06")
    return turned.replace(b"\x01\x1a\x00\x05", b"\x01\x00\x00\x05")


def stretched(digit: np.ndarray, lowest: float, highest: float, kind: type) -> bytes:
    return encode((lowest + digit / 255 * (highest - lowest)).astype(kind), format="TIFF")


def not_everywhere_a_number(digit: np.ndarray) -> bytes:
    holed = digit.astype(np.float32)
    holed[:3] = np.nan
    return encode(holed, format="TIFF")


def sixteen_bits_and_opacity(digit: np.ndarray) -> bytes:
    """A PNG of 16-bit grey and 16-bit opacity, made by hand: Pillow writes none."""
    bands = np.stack([digit.astype(">u2") * 257, np.full((28, 28), 65535, ">u2")], axis=2)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in bands)
    return encoding.png(encoding.header(28, 28, 16, 4), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))


def no_exif(noted: bytes) -> bytes:
    return noted[:6] + b"not the data of a camera"


def cut_exif(noted: bytes) -> bytes:
    return noted[:-12]


# Faults of a picture: its file in data/external/3, how it is made of a digit, and the expectations that name it, with
# their findings.

CRITICAL = [
    ("a truncated PNG", "cut.png", lambda digit: png(digit)[:-60], {"readable": "damaged: "}),
    ("a truncated JPEG", "cut.jpg", lambda digit: encode(digit, format="JPEG")[:-60], {"readable": "damaged: "}),
    (
        "a GIF that ends within its second frame's header",
        "cut.gif",
        lambda digit: encode(digit, format="GIF")[:-1] + b"," + bytes(7),
        {"readable": "damaged: "},
    ),
    ("an empty file", "empty.png", lambda digit: b"", {"readable": "not a picture (0 bytes)"}),
    (
        "a text that is named as a picture",
        "text.png",
        lambda digit: b"three",
        {"readable": "not a picture (5 bytes); supported: PNG, JPEG"},
    ),
    (
        "a PNG of 50,000 x 50,000 pixels, refused before it is decoded",
        "bomb.png",
        lambda digit: declaring(50_000, 50_000),
        {"readable": "50000 x 50000 pixels, at most 64,000,000 are allowed"},
    ),
    (
        "a GIF of 65,535 x 65,535 pixels, refused before it is decoded",
        "bomb.gif",
        lambda digit: b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x08\x01\0\0;",
        {"readable": "65535 x 65535 pixels, at most 64,000,000 are allowed"},
    ),
    (
        "a comment that unpacks to a hundred megabytes",
        "comment.png",
        with_large_text,
        {"readable": "damaged: Decompressed data too large"},
    ),
    (
        "a JPEG in the four colours of print",
        "print.jpg",
        lambda digit: encode(digit, "CMYK", "JPEG"),
        {"mode": "mode CMYK"},
    ),
    ("a TIFF of fractions, some of which are no number", "nan.tif", not_everywhere_a_number, {"mode": "mode F"}),
    (
        "pixel values above 16 bits",
        "high.tif",
        lambda digit: stretched(digit, 0, 1_000_000, np.int32),
        {"max_pixel_value": "max_pixel_value 1000000"},
    ),
    (
        "pixel values below black",
        "low.tif",
        lambda digit: stretched(digit, -100, 255, np.int32),
        {"min_pixel_value": "min_pixel_value -100"},
    ),
    ("1 x 1 pixel", "dot.png", lambda digit: png(digit[:1, :1]), {"width": "width 1", "height": "height 1"}),
    (
        "20,000 x 1 pixels",
        "line.png",
        lambda digit: png(np.resize(digit, (1, 20_000))),
        {"width": "width 20000", "height": "height 1", "aspect": "aspect 20000"},
    ),
    ("nothing but black", "black.png", flat(0), {"contrast": "contrast 0"}),
    ("nothing but white", "white.png", flat(255), {"contrast": "contrast 0"}),
    ("nothing but grey", "grey.png", flat(128), {"contrast": "contrast 0"}),
    ("hardly to be seen", "faint.png", lambda digit: png(100 + digit // 12), {"contrast": "contrast 21"}),
    ("noise", "noise.png", lambda digit: noise((28, 28)), {"border_changes": "border_changes 0."}),
    ("noise as large as a photograph", "large.png", lambda digit: noise((200, 200)), {"ink": "ink 0"}),
    (
        "salt and pepper on nothing, as large as a photograph",
        "grains.png",
        lambda digit: salt_and_pepper((200, 200)),
        {"largest_part": "largest_part 0.00"},
    ),
    (
        "salt and pepper on nothing",
        "salt.png",
        lambda digit: salt_and_pepper((28, 28)),
        {"largest_part": "largest_part 0.0"},
    ),
    ("ink nearly everywhere", "blot.png", lambda digit: png(framed_by_a_hair(digit)), {"ink": "ink 0.5"}),
]

WARNED = [
    ("a PNG that is named as a JPEG", "named.jpg", png, {"file_name": "named .jpg, but contains PNG"}),
    ("an animated GIF", "moves.gif", lambda digit: animated(digit, "GIF"), {"frames": "frames 3"}),
    ("an animated PNG", "moves.png", lambda digit: animated(digit, "PNG"), {"frames": "frames 3"}),
    (
        "a negative among positives",
        "negative.png",
        lambda digit: png(255 - digit),
        {"ink_colour": "dark on light, most pictures light on dark"},
    ),
    ("two digits", "two.png", lambda digit: png(np.hstack([digit, digit])), {"second_digit": "second_digit 0."}),
    ("a small digit in the corner of a page", "small.png", in_the_corner_of(1000), {"extent": "extent 0.0"}),
]

PICTURES = [
    Row(
        what,
        Made(f"3/{name}", how),
        result,
        tuple(f"{severity}: {one} ( … {DIR}/3/{name}, label 3: {found}" for one, found in findings.items()),
    )
    for severity, result, rows in (("critical", VALIDATE_REFUSES, CRITICAL), ("warning", VALIDATE_WARNS, WARNED))
    for what, name, how, findings in rows
] + [
    Row(
        "out of focus",
        Made("3/blurred.png", lambda digit: png(blurred(digit)), digit=9),  # most digits' blur still has solid ink
        VALIDATE_WARNS,
        (f"warning: sharpness ( … {DIR}/3/blurred.png, label 3: sharpness 0.0",),
    ),
    Row(
        "a letter",
        Made("1/letter.png", lambda digit: letter("O")),
        VALIDATE_WARNS,
        (f"warning: class_typical ( … {DIR}/1/letter.png, label 1: looks like a 0:",),
        each=MANY,
    ),
    Row("EXIF that is no EXIF", Made("3/odd exif.jpg", lambda digit: with_exif(digit, no_exif)), ACCEPTED),
    Row("EXIF that ends in its middle", Made("3/cut exif.jpg", lambda digit: with_exif(digit, cut_exif)), ACCEPTED),
    Row(
        "EXIF that has a fraction for a number of pixels",
        Made("3/odd.jpg", lambda digit: with_exif(digit, a_fraction_for_its_width)),
        ACCEPTED,
    ),
    Row("16-bit greyscale with 16-bit opacity", Made("3/odd.png", sixteen_bits_and_opacity), ACCEPTED),
]

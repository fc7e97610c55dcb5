"""From the bytes of any picture to grey levels, and from there to the canonical digit; and back to bytes."""

import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from digits.canonical import MIN_CONTRAST, STACK, canonical, contrast

MAX_PIXELS = 64_000_000  # a 64-megapixel photograph; more is refused before it is decoded
WORKING_SIDE = 1024  # pixels: a larger picture is averaged down; a photograph costs little, and 28 x 28 loses nothing
PNG = b"\x89PNG\r\n\x1a\n"
SUFFIXES = {  # of file names, by the format that they announce: the formats that are read
    "PNG": {"png"},
    "JPEG": {"jpg", "jpeg"},
    "BMP": {"bmp"},
    "TIFF": {"tif", "tiff"},
    "WEBP": {"webp"},
    "GIF": {"gif"},
    "PPM": {"pgm", "ppm"},
}
FORMATS = tuple(SUFFIXES)
# Pillow's many words for a damaged file
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error)
TURNED = {  # by the orientation that a camera notes: what shows the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Image.MAX_IMAGE_PIXELS = None  # `read` holds a picture against MAX_PIXELS itself, and says so in our words


class PictureError(ValueError):
    """Says why a picture can't be read, or holds no digit."""


class Picture(NamedTuple):
    """A decoded picture: what its file says of it, and its grey levels as a viewer shows them.

    `grey` is (height, width) uint8, 0 black to 255 white, at most 1,024 on a side. `format`, `mode` (Pillow's name for
    bands and depth), `width`, `height` and `frames` are the file's own; `lowest` and `highest` the levels as stored.
    """

    grey: np.ndarray
    format: str
    mode: str
    width: int
    height: int
    frames: int
    lowest: float
    highest: float


def read(data: bytes) -> Picture:
    """Decode an encoded picture. Raises PictureError where `data` is no picture, is damaged or far too large.

    The camera's orientation is applied, 16-bit greys are scaled, of an animation the first frame is taken, and a
    transparent background becomes the opposite of what is drawn on it.
    """
    chunks = _png_chunks(data) if data.startswith(PNG) else None
    if chunks and _is_plain(data, chunks):
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if grey is None:
            raise PictureError("damaged: its pixels are cut off")
        height, width = grey.shape
        lowest, highest, *_ = cv2.minMaxLoc(grey)
        return Picture(grey, "PNG", "L", width, height, 1, lowest, highest)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's name no file
            image = Image.open(BytesIO(data), formats=FORMATS)
            if image.width * image.height > MAX_PIXELS:
                raise PictureError(f"{image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are read")
            format = "JPEG" if image.format == "MPO" else image.format  # a telephone's JPEG with a second one inside
            size, mode = image.size, image.mode
            frames = 1 if format == "JPEG" else getattr(image, "n_frames", 1)
            if format == "JPEG":
                image.draft("L" if mode in ("RGB", "L") else None, (WORKING_SIDE, WORKING_SIDE))
            image.load()
            levels = image.getextrema() if image.mode.startswith(("I", "F")) else None
            grey = _grey(image)
    except UnidentifiedImageError:
        raise PictureError(f"not a picture ({len(data):,} bytes); readable are {', '.join(FORMATS)}") from None
    except PictureError:
        raise
    except MemoryError:
        raise PictureError("damaged: it says that it is larger than memory") from None
    except DAMAGED as error:
        raise PictureError(f"damaged: {error or type(error).__name__}") from None
    if format == "PNG" and chunks is None:  # Pillow does not check the pixels' own
        raise PictureError("damaged: a checksum does not hold")
    lowest, highest = levels or (int(grey.min()), int(grey.max()))
    return Picture(grey, format, mode, *size, frames, float(lowest), float(highest))


def read_all(encoded: Iterable[bytes]) -> Iterator[list[Picture | PictureError]]:
    """Decode many, with the error in place of a picture that can't be read, in lists of a few million pixels each."""
    some, pixels = [], 0
    for data in encoded:
        try:
            some.append(read(data))
            pixels += some[-1].grey.size
        except PictureError as error:
            some.append(error)
        if pixels >= STACK:
            yield some
            some, pixels = [], 0
    if some:
        yield some


def digit(data: bytes) -> np.ndarray:
    """The canonical digit of one encoded picture, (28, 28) uint8. Raises PictureError where there is none to read."""
    stack = read(data).grey[None]
    found = canonical(stack)[0]
    if not found.any():
        raise PictureError(
            f"blank: its contrast is {contrast(stack)[0]} of 255, and no stroke stands out by {MIN_CONTRAST}"
        )
    return found


def write(pixels: np.ndarray) -> bytes:
    """Encode (height, width) uint8 as a PNG: lossless, so that `read(write(x)).grey` is `x`."""
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def thumbnail(data: bytes, side: int) -> bytes | None:
    """A PNG of the picture as it came, at most `side` pixels on a side; None where it can't be shown."""
    try:
        image = Image.fromarray(read(data).grey)
    except PictureError:
        return None
    image.thumbnail((side, side))
    return write(np.asarray(image))


def _png_chunks(data: bytes) -> list[bytes] | None:
    """The types of a PNG's chunks, or None where one is cut off or its checksum does not hold."""
    start, chunks = len(PNG), []
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        if end > len(data) or zlib.crc32(data[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            return None
        chunks.append(data[start + 4 : start + 8])
        start = end
    return chunks


def _is_plain(data: bytes, chunks: list[bytes]) -> bool:
    """Whether this PNG is of at most the working side, 8 bits of grey, and has no chunk that changes them.

    Nearly every picture of a digit is. OpenCV decodes such a one to the same levels as Pillow, some four times as fast;
    all others are Pillow's, which knows the formats.
    """
    size = max(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    plain = data[24:29] == b"\x08\x00\x00\x00\x00" and size <= WORKING_SIDE
    return plain and chunks[0] == b"IHDR" and set(chunks[1:-1]) == {b"IDAT"} and chunks[-1] == b"IEND"


def _grey(image: Image.Image) -> np.ndarray:
    turned = TURNED.get(image.getexif().get(ExifTags.Base.Orientation))
    image = image if turned is None else image.transpose(turned)
    if image.mode.startswith(("I", "F")):
        levels = np.nan_to_num(np.asarray(image, dtype=np.float32))
        top = 255 if levels.max() <= 255 else max(65535, levels.max())
        image = Image.fromarray(np.clip(levels * (255 / top), 0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        return _on_contrasting_paper(_reduced(image.convert("RGBA").convert("LA")))
    return np.asarray(_reduced(image.convert("L")))


def _reduced(image: Image.Image) -> Image.Image:
    """Averaged down by a whole factor, where it is larger than the working side."""
    factor = -(-max(image.size) // WORKING_SIDE)
    return image.reduce((min(factor, image.width), min(factor, image.height))) if factor > 1 else image


def _on_contrasting_paper(image: Image.Image) -> np.ndarray:
    level, opacity = (np.asarray(band, dtype=np.float32) for band in image.split())
    drawn = np.average(level, weights=opacity) if opacity.any() else 0
    paper = 255 if drawn < 128 else 0
    return np.rint(paper + (level - paper) * (opacity / 255)).astype(np.uint8)

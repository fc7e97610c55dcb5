"""Decoding of any picture to pixel values, and from there to the canonical digit; and encoding as PNG."""

import hashlib
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import NamedTuple

import cv2
import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from digits.data.canonical import DIGIT_SIZE, MAX_STACK_PIXELS, MIN_CONTRAST, by_shape, canonical, contrast

MAX_PIXELS = 64_000_000  # a 64-megapixel photograph; more is refused before it is decoded
MAX_SIDE = 1024  # pixels: a larger picture is averaged down, which saves time and does not affect a 28 x 28 digit
DIGEST_BAND = 1 << 20  # pixels hashed at a time
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SUFFIXES = {  # of file names, by supported format
    "PNG": {"png"},
    "JPEG": {"jpg", "jpeg"},
    "BMP": {"bmp"},
    "TIFF": {"tif", "tiff"},
    "WEBP": {"webp"},
    "GIF": {"gif"},
    "PPM": {"pgm", "ppm"},
}
FORMATS = tuple(SUFFIXES)
# What Pillow raises for a damaged file
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error)
TRANSPOSE_BY_ORIENTATION = {  # by the Exif tag Orientation: what shows the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Image.MAX_IMAGE_PIXELS = None  # `decode` checks MAX_PIXELS itself, and raises PictureError


class PictureError(ValueError):
    """The reason why a picture can't be decoded, or has no digit."""


class Picture(NamedTuple):
    """A decoded picture: its pixel values as displayed, and the properties of its file.

    `pixels` is (height, width) uint8, 0 black to 255 white, at most 1,024 on a side. `format`, `mode` (Pillow's name
    for bands and depth), `width`, `height` and `frames` are the file's own; `min_pixel_value` and `max_pixel_value` are
    the extremes as stored.
    """

    pixels: np.ndarray
    format: str
    mode: str
    width: int
    height: int
    frames: int
    min_pixel_value: float
    max_pixel_value: float


def decode(data: bytes) -> Picture:
    """Decode an encoded picture. Raises PictureError where `data` is no picture, is damaged or far too large.

    The camera's orientation is applied, 16-bit values are scaled, the first frame of an animation is taken, and a
    transparent background becomes white behind dark ink and black behind light ink.
    """
    chunks = _png_chunks(data) if data.startswith(PNG_SIGNATURE) else None
    if chunks and _is_plain(data, chunks):
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if pixels is None:
            raise PictureError("damaged: its pixels are cut off")
        height, width = pixels.shape
        return Picture(pixels, "PNG", "L", width, height, 1, *cv2.minMaxLoc(pixels)[:2])
    with _pillow_errors(data):
        image = _opened(data)
        format = "JPEG" if image.format == "MPO" else str(image.format)  # a JPEG that contains a second one
        size, mode = image.size, image.mode
        frames = 1 if format == "JPEG" else getattr(image, "n_frames", 1)
        if format == "JPEG":
            image.draft("L" if mode in ("RGB", "L") else None, (MAX_SIDE, MAX_SIDE))
        image.load()
        extremes = image.getextrema() if image.mode.startswith(("I", "F")) else None
        pixels = _pixels(image)
    if format == "PNG" and chunks is None:  # Pillow does not check the checksums of the pixels
        raise PictureError("damaged: wrong checksum")
    lowest, highest = np.ravel(extremes or (pixels.min(), pixels.max()))
    return Picture(pixels, format, mode, *size, frames, float(lowest), float(highest))


def pixel_digest(data: bytes) -> bytes:
    """The SHA-256 (32 bytes) of what an encoded picture shows: its mode, size and pixels, decoded at full size.

    Equal pixels have equal digests in every lossless format: compression, file name, dates and comments count for
    nothing. The pixels are hashed as stored, in rows from the top; what changes their meaning is hashed too: a palette,
    a transparent value, and an orientation other than upright. Of an animation it is the first frame. The digest of
    what can't be decoded is that of its bytes.
    """
    try:
        chunks = _png_chunks(data) if data.startswith(PNG_SIGNATURE) else None
        if chunks and _is_plain(data, chunks):
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
            if pixels is None:
                raise PictureError("damaged: its pixels are cut off")
            return hashlib.sha256(_digest_header("L", pixels.shape[1], pixels.shape[0]) + pixels.tobytes()).digest()
        if data.startswith(PNG_SIGNATURE) and chunks is None:
            raise PictureError("damaged: wrong checksum")
        with _pillow_errors(data):
            image = _opened(data)
            image.load()
            palette = image.palette.tobytes() if image.palette else b""
            meaning = [palette, image.info.get("transparency"), image.getexif().get(ExifTags.Base.Orientation, 1)]
            found = hashlib.sha256(_digest_header(image.mode, *image.size))
            found.update(repr(meaning).encode() if meaning != [b"", None, 1] else b"")
            rows = max(1, DIGEST_BAND // image.width)
            for top in range(0, image.height, rows):
                band = image.crop((0, top, image.width, min(top + rows, image.height)))
                found.update(band.tobytes())
            return found.digest()
    except PictureError:
        return hashlib.sha256(data).digest()


def decode_batches(encoded: Iterable[bytes]) -> Iterator[list[Picture | PictureError]]:
    """Decode pictures in lists of a few million pixels each. An undecodable one gives its PictureError."""
    batch: list[Picture | PictureError] = []
    pixels = 0
    for data in encoded:
        try:
            picture = decode(data)
            batch.append(picture)
            pixels += picture.pixels.size
        except PictureError as error:
            batch.append(error)
        if pixels >= MAX_STACK_PIXELS:
            yield batch
            batch, pixels = [], 0
    if batch:
        yield batch


def decode_canonical(data: bytes) -> np.ndarray:
    """The canonical digit of one encoded picture, (28, 28) uint8. Raises PictureError where there is none."""
    stack = decode(data).pixels[None]
    digit = canonical(stack)[0]
    if not digit.any():
        raise PictureError(f"blank: contrast {contrast(stack)[0]} of 255, and no stroke with at least {MIN_CONTRAST}")
    return digit


def decode_canonical_batch(encoded: Iterable[bytes]) -> np.ndarray:
    """The canonical digits of encoded pictures, (n, 28, 28) uint8: zeros where there is none."""
    digits = [np.zeros((0, DIGIT_SIZE, DIGIT_SIZE), np.uint8)]
    for batch in decode_batches(encoded):
        digits.append(np.zeros((len(batch), DIGIT_SIZE, DIGIT_SIZE), np.uint8))
        decoded = {position: one.pixels for position, one in enumerate(batch) if isinstance(one, Picture)}
        for positions, stack in by_shape(list(decoded.values())):
            digits[-1][np.array(list(decoded))[positions]] = canonical(stack)
    return np.concatenate(digits)


def encode_png(pixels: np.ndarray) -> bytes:
    """Encode (height, width) uint8 as a PNG: lossless, so that `decode(encode_png(x)).pixels` is `x`."""
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def thumbnail(data: bytes, side: int) -> bytes | None:
    """A PNG of the picture, at most `side` pixels on a side; None where it can't be decoded."""
    try:
        image = Image.fromarray(decode(data).pixels)
    except PictureError:
        return None
    image.thumbnail((side, side))
    return encode_png(np.asarray(image))


@contextmanager
def _pillow_errors(data: bytes) -> Iterator[None]:
    """Whatever Pillow raises while it decodes `data`, as a PictureError."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's warnings do not name the file
            yield
    except UnidentifiedImageError:
        raise PictureError(f"not a picture ({len(data):,} bytes); supported: {', '.join(FORMATS)}") from None
    except PictureError:
        raise
    except MemoryError:
        raise PictureError("damaged: its header declares more pixels than memory holds") from None
    except DAMAGED as error:
        raise PictureError(f"damaged: {error or type(error).__name__}") from None


def _opened(data: bytes) -> Image.Image:
    """The picture, not yet decoded. Raises PictureError where it has too many pixels."""
    image = Image.open(BytesIO(data), formats=FORMATS)
    if image.width * image.height > MAX_PIXELS:
        raise PictureError(f"{image.width} x {image.height} pixels, at most {MAX_PIXELS:,} are allowed")
    return image


def _digest_header(mode: str, width: int, height: int) -> bytes:
    return f"{mode} {width} {height}\0".encode()


def _png_chunks(data: bytes) -> list[bytes] | None:
    """The types of a PNG's chunks, or None where one is cut off or its checksum is wrong."""
    start, chunks = len(PNG_SIGNATURE), []
    while start < len(data):
        end = start + 12 + int.from_bytes(data[start : start + 4])
        if end > len(data) or zlib.crc32(data[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end]):
            return None
        chunks.append(data[start + 4 : start + 8])
        start = end
    return chunks


def _is_plain(data: bytes, chunks: list[bytes]) -> bool:
    """Whether this PNG has 8-bit greyscale, at most MAX_SIDE pixels a side, and no chunk that changes the pixels.

    OpenCV decodes such a file to the same pixels as Pillow in a quarter of the time. Pillow decodes all others.
    """
    size = max(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    plain = data[24:29] == b"\x08\x00\x00\x00\x00" and size <= MAX_SIDE
    return plain and chunks[0] == b"IHDR" and set(chunks[1:-1]) == {b"IDAT"} and chunks[-1] == b"IEND"


def _pixels(image: Image.Image) -> np.ndarray:
    transpose = TRANSPOSE_BY_ORIENTATION.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    image = image if transpose is None else image.transpose(transpose)
    if image.mode.startswith(("I", "F")):
        values = np.nan_to_num(np.asarray(image, dtype=np.float32))
        white = 255 if values.max() <= 255 else max(65535, values.max())
        image = Image.fromarray(np.clip(values * (255 / white), 0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        return _on_contrasting_background(_reduced(image.convert("RGBA").convert("LA")))
    return np.asarray(_reduced(image.convert("L")))


def _reduced(image: Image.Image) -> Image.Image:
    """Averaged down by a whole factor, where it is larger than MAX_SIDE."""
    factor = -(-max(image.size) // MAX_SIDE)
    return image.reduce((min(factor, image.width), min(factor, image.height))) if factor > 1 else image


def _on_contrasting_background(image: Image.Image) -> np.ndarray:
    value, opacity = (np.asarray(band, dtype=np.float32) for band in image.split())
    ink = np.average(value, weights=opacity) if opacity.any() else 0
    background = 255 if ink < 128 else 0
    return np.rint(background + (value - background) * (opacity / 255)).astype(np.uint8)

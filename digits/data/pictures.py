"""Decoding of any picture to pixel values, and from there to the canonical digit; and encoding as PNG."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from digits.arrays import Pixels
from digits.data import picture_files, pixel_values
from digits.data.canonical import canonical
from digits.data.paper import MIN_CONTRAST
from digits.data.picture_files import PNG_SIGNATURE, BlankPictureError, PictureError, PictureFile
from digits.data.pixel_values import MAX_SIDE
from digits.data.stacks import DIGIT_SIZE, MAX_STACK_PIXELS, by_shape, contrast

__all__ = ["BlankPictureError", "Picture", "PictureError", "decode", "pixel_digest"]
DIGEST_BAND = 1 << 18  # pixels hashed at a time


class Picture(NamedTuple):
    """A decoded picture: its pixel values as displayed, and the properties of its file.

    `pixels` is (height, width) uint8, 0 black to 255 white, at most 512 on a side. `format`, `mode` (Pillow's name
    for bands and depth), `width`, `height` and `frames` are the file's own; `min_pixel_value` and `max_pixel_value` are
    the extremes as stored.
    """

    pixels: Pixels
    format: str
    mode: str
    width: int
    height: int
    frames: int
    min_pixel_value: float
    max_pixel_value: float


def decode(data: bytes) -> Picture:
    """Decode an encoded picture. Raises PictureError where `data` is no picture, is damaged or too large.

    The camera's orientation is applied, fractions and values of up to 16 bits are scaled, the first frame of an
    animation is taken, and a transparent background becomes white behind dark ink and black behind light ink.
    """
    pixels = _plain_pixels(data)
    if pixels is not None:
        height, width = pixels.shape
        return Picture(pixels, "PNG", "L", width, height, 1, *cv2.minMaxLoc(pixels)[:2])
    with picture_files.errors(data):
        file = PictureFile(data)
        size = file.width, file.height
        file.load(at_least=MAX_SIDE)
        values = pixel_values.grey(file)
    return Picture(values.pixels, file.format, file.mode, *size, file.frames, values.lowest, values.highest)


def pixel_digest(data: bytes) -> bytes:
    """The SHA-256 (32 bytes) of what an encoded picture shows: its mode, size and pixels, decoded at full size.

    Equal pixels of one mode have equal digests in every lossless format: compression, file name, dates and comments
    count for nothing. The pixels are hashed as stored, in rows from the top; what changes their meaning is hashed too:
    a palette, a transparent value, and an orientation other than upright. Of an animation it is the first frame. The
    digest of what can't be decoded at full size within the memory limit is that of its bytes.
    """
    try:
        pixels = _plain_pixels(data)
        if pixels is not None:
            return hashlib.sha256(_digest_header("L", pixels.shape[::-1]) + pixels.tobytes()).digest()
        with picture_files.errors(data):
            file = PictureFile(data)
            file.load()
            image = file.image
            found = hashlib.sha256(_digest_header(image.mode, file.size))
            palette = image.palette.tobytes() if image.palette else b""
            meaning = [palette, image.info.get("transparency"), file.orientation]
            found.update(repr(meaning).encode() if meaning != [b"", None, 1] else b"")
            for band in file.bands(max(1, DIGEST_BAND // file.width)):
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


def decode_canonical(data: bytes) -> Pixels:
    """The canonical digit of one encoded picture, (28, 28) uint8. Raises PictureError where there is none."""
    return canonical_digit(decode(data).pixels)


def canonical_digit(pixels: Pixels) -> Pixels:
    """The canonical digit, (28, 28) uint8, of (height, width) uint8 pixel values. Raises BlankPictureError."""
    stack = pixels[None]
    digit: Pixels = canonical(stack)[0]
    if not digit.any():
        found = contrast(stack)[0]
        raise BlankPictureError(f"blank: contrast {found} of 255, and no stroke with at least {MIN_CONTRAST}")
    return digit


def decode_canonical_batch(encoded: Iterable[bytes]) -> Pixels:
    """The canonical digits of encoded pictures, (n, 28, 28) uint8: zeros where there is none."""
    digits = [np.zeros((0, DIGIT_SIZE, DIGIT_SIZE), np.uint8)]
    for batch in decode_batches(encoded):
        digits.append(np.zeros((len(batch), DIGIT_SIZE, DIGIT_SIZE), np.uint8))
        decoded = {position: one.pixels for position, one in enumerate(batch) if isinstance(one, Picture)}
        for positions, stack in by_shape(list(decoded.values())):
            digits[-1][np.array(list(decoded))[positions]] = canonical(stack)
    return np.concatenate(digits)


def encode_png(pixels: Pixels) -> bytes:
    """Encode (height, width) uint8 as a PNG: lossless, so that `decode(encode_png(x)).pixels` is `x`.

    (height, width, 3) are blue, green and red.
    """
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def thumbnail(data: bytes, side: int) -> bytes | None:
    """A PNG of the picture, at most `side` pixels on a side; None where it can't be decoded."""
    try:
        image = Image.fromarray(decode(data).pixels)
    except PictureError:
        return None
    image.thumbnail((side, side))
    return encode_png(np.asarray(image))


def _digest_header(mode: str, size: tuple[int, ...]) -> bytes:
    return "{} {} {}\0".format(mode, *size).encode()


def _plain_pixels(data: bytes) -> np.ndarray | None:
    """The pixels of a plain PNG, (height, width) uint8; None for another picture. PictureError for a damaged PNG."""
    if not data.startswith(PNG_SIGNATURE):
        return None
    chunks = picture_files.png_chunks(data)
    if not (chunks and _is_plain(data, chunks)):
        return None
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise PictureError("damaged: its pixels are cut off")
    return pixels


def _is_plain(data: bytes, chunks: list[bytes]) -> bool:
    """Whether this PNG has 8-bit greyscale, at most MAX_SIDE pixels a side, and no chunk that changes the pixels.

    OpenCV decodes such a file to the same pixels as Pillow in a quarter of the time. Pillow decodes all others.
    """
    size = max(int.from_bytes(data[16:20]), int.from_bytes(data[20:24]))
    plain = data[24:29] == b"\x08\x00\x00\x00\x00" and size <= MAX_SIDE
    return plain and chunks[0] == b"IHDR" and set(chunks[1:-1]) == {b"IDAT"} and chunks[-1] == b"IEND"

"""The form in which a picture of feedback is kept, and its identity."""

import hashlib
from typing import NamedTuple

import numpy as np

from digits.data.pictures import decode, encode_png


class StoredPicture(NamedTuple):
    """A picture as the model reads it: grey, averaged down to at most 512 pixels on a side, as a PNG.

    Nothing else that its file had is left, such as Exif. `sha256` is `pixel_digest` of the PNG, in hexadecimal.
    """

    sha256: str
    png: bytes


def stored(picture: bytes) -> StoredPicture:
    """The form in which an encoded picture is kept; of that form itself it is the same. Raises PictureError."""
    pixels = decode(picture).pixels
    return StoredPicture(_pixel_digest(pixels), encode_png(pixels))


def identity(picture: bytes) -> str:
    """The `sha256` of its stored form, without encoding that. Raises PictureError."""
    return _pixel_digest(decode(picture).pixels)


def _pixel_digest(pixels: np.ndarray) -> str:
    """`digits.data.pictures.pixel_digest` of a PNG of these (height, width) uint8 pixels, in hexadecimal."""
    height, width = pixels.shape
    return hashlib.sha256(f"L {width} {height}\0".encode() + pixels.tobytes()).hexdigest()

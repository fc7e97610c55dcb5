"""From a picture to the pixels that are read, and those that are shown: upright, averaged down where it is large."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from digits.arrays import Pixels
from digits.data import picture_files, pixel_values
from digits.data.picture_files import PictureError, PictureFile

MAX_PIXELS = 16_000_000  # that are read at full resolution
TURNED_ASIDE = (5, 6, 7, 8)  # of the Exif tag Orientation: where rows are columns


class UprightGrey(NamedTuple):
    """`grey` (height, width) uint8 pixel values, of a picture that upright has `width` x `height` pixels.

    A pixel of `grey` is `scale` pixels of the picture on each side, fewer at the right and the lower edge.
    """

    grey: Pixels
    width: int
    height: int
    scale: int


def upright_grey(picture: bytes | np.ndarray, max_pixels: int = MAX_PIXELS) -> UprightGrey:
    """The grey of an encoded picture, or of (height, width) or (height, width, 3) uint8 RGB, at most `max_pixels`.

    Exif's orientation is applied. Raises PictureError for what is no picture, or damaged, or too large to be decoded.
    """
    if isinstance(picture, np.ndarray):
        image, factor = _of_array(picture, max_pixels)
        height, width = picture.shape[:2]
        return UprightGrey(np.asarray(pixel_values.most_telling_band(image)), width, height, factor)
    with picture_files.errors(picture):
        file, factor = _load(picture, max_pixels)
        grey = pixel_values.grey(file, factor).pixels
    whole = file.width, file.height
    drafted = round(max(whole) / max(file.size))  # by how much a JPEG became smaller
    size = whole if drafted > 1 else file.size  # which may be turned already
    width, height = size[::-1] if file.orientation in TURNED_ASIDE else size
    return UprightGrey(grey, width, height, drafted * factor)


def upright_colours(picture: bytes | np.ndarray, max_pixels: int = MAX_PIXELS) -> Pixels:
    """(height, width, 3) uint8 RGB of a picture that `upright_grey` takes, to be looked at."""
    if isinstance(picture, np.ndarray):
        return np.asarray(_of_array(picture, max_pixels)[0].convert("RGB"))
    with picture_files.errors(picture):
        return pixel_values.colours(*_load(picture, max_pixels))


def _load(data: bytes, max_pixels: int) -> tuple[PictureFile, int]:
    """The loaded picture, a large JPEG reduced, and the factor that is left to average it down by."""
    file = PictureFile(data)
    file.load(at_least=min(file.width, file.height) // _factor(file.width, file.height, max_pixels))
    return file, _factor(*file.size, max_pixels)


def _of_array(pixels: np.ndarray, max_pixels: int) -> tuple[Image.Image, int]:
    """The averaged image L or RGB, and the factor that it is averaged down by."""
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)) or not pixels.size:
        raise PictureError(
            f"an array of {pixels.dtype} with the shape {pixels.shape}; expected uint8, (height, width) or "
            "(height, width, 3) with red, green and blue"
        )
    height, width = pixels.shape[:2]
    factor = _factor(width, height, max_pixels)
    return pixel_values.reduced(Image.fromarray(pixels), (min(factor, width), min(factor, height))), factor


def _factor(width: int, height: int, max_pixels: int) -> int:
    """The least whole factor by which a picture is averaged down to at most `max_pixels`."""
    factor = max(1, math.floor(math.sqrt(width * height / max_pixels)))
    while math.ceil(width / factor) * math.ceil(height / factor) > max_pixels:
        factor += 1
    return factor

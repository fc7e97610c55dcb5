"""From the pixel values of any mode and depth to 8-bit grey, at most 512 pixels on a side, in bands of rows."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from digits.data.picture_files import PictureFile

MAX_SIDE = 512  # pixels: a larger picture is averaged down, which saves time and does not affect a 28 x 28 digit
BAND_PIXELS = 1 << 18  # converted at a time: bounds the memory
# The values of white: fractions, 8, 10, 12, 14 and 16 bits. The least that no pixel exceeds by more is taken.
WHITES = (1, 255, 1023, 4095, 16383, 65535)
COLOUR_GAIN = 1.5  # times the standard deviation of the luminance: a band that varies more shows the ink instead
OVERSHOOT = 1.1  # of white: smooth resampling of fractions goes beyond it by some percent
TRANSPOSE_BY_ORIENTATION = {  # by the Exif tag Orientation: what shows the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PixelValues(NamedTuple):
    """Pixel values as displayed, (height, width) uint8 from 0 black to 255 white, and the extremes as stored."""

    pixels: np.ndarray
    lowest: float
    highest: float


def grey(picture: PictureFile) -> PixelValues:
    """The grey of a loaded picture, upright and averaged down by a whole factor to at most MAX_SIDE pixels.

    White is 1, 255, 1,023, 4,095, 16,383 or 65,535 in a picture of fractions or more than 8 bits: the least that no
    pixel exceeds by more than a tenth, else its largest value. What is below black, and what is no number, becomes
    black. Of an opaque coloured picture the red, green or blue is taken where it varies far more than the luminance. A
    transparent background becomes white behind dark ink and black behind light ink.
    """
    width, height = picture.size
    factor = -(-max(width, height) // MAX_SIDE)
    box = (min(factor, width), min(factor, height))
    rows = height if width * height <= BAND_PIXELS else max(1, BAND_PIXELS // (width * box[1])) * box[1]
    extremes = None
    if picture.image.mode.startswith(("I", "F")):
        extremes = _extremes(picture, rows)
        white = next((white for white in WHITES if extremes[1] <= OVERSHOOT * white), extremes[1])
        parts = [_reduced(_eight_bits(band, white), box) for band in picture.bands(rows)]
    else:
        mode = _plain_mode(picture.image)
        parts = [_reduced(band.convert(mode), box) for band in picture.bands(rows)]
    pixels = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if pixels.ndim == 3:
        pixels = _most_telling_band(pixels)
    transpose = TRANSPOSE_BY_ORIENTATION.get(picture.orientation)
    if transpose is not None:
        pixels = np.asarray(Image.fromarray(pixels).transpose(transpose))
    lowest, highest = extremes or (pixels.min(), pixels.max())
    return PixelValues(pixels, float(lowest), float(highest))


def _extremes(picture: PictureFile, rows: int) -> tuple[float, float]:
    """The lowest and the highest value that is a number; 0 and 0 where none is."""
    lowest, highest = [], []
    for band in picture.bands(rows):
        values = np.asarray(band)
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        if values.size:
            lowest.append(float(values.min()))
            highest.append(float(values.max()))
    return (min(lowest), max(highest)) if lowest else (0.0, 0.0)


def _eight_bits(band: Image.Image, white: float) -> Image.Image:
    values = np.nan_to_num(np.asarray(band, dtype=np.float32), posinf=white)
    return Image.fromarray(np.rint(np.clip(values * (255 / white), 0, 255)).astype(np.uint8))


def _reduced(band: Image.Image, box: tuple[int, int]) -> np.ndarray:
    return np.asarray(band.reduce(box) if box != (1, 1) else band)


def _plain_mode(image: Image.Image) -> str:
    """L, RGB or RGBA: the simplest of these modes that keeps what the picture shows."""
    if image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in ("1", "L") else "RGB"


def _most_telling_band(pixels: np.ndarray) -> np.ndarray:
    """(height, width) uint8 grey of (height, width, 3 or 4) RGB or RGBA: the luminance, or a band that varies far more.

    A yellow pen on white paper, or red on green, is as light as its paper: only a single band shows the ink.
    """
    grey = np.asarray(Image.fromarray(pixels[..., :3]).convert("L"))
    if pixels.shape[2] == 4 and pixels[..., 3].min() < 255:
        return _on_contrasting_background(grey.astype(np.float32), pixels[..., 3].astype(np.float32))
    bands = [pixels[..., band] for band in range(3)]
    strongest = max(bands, key=np.std)
    return np.ascontiguousarray(strongest) if strongest.std() > COLOUR_GAIN * grey.std() else grey


def _on_contrasting_background(value: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    ink = np.average(value, weights=opacity) if opacity.any() else 0
    background = 255 if ink < 128 else 0
    return np.rint(background + (value - background) * (opacity / 255)).astype(np.uint8)

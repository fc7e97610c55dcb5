"""From the pixel values of any mode and depth to 8-bit grey, averaged down, in bands of rows."""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from digits.arrays import Pixels
from digits.data.picture_files import PictureFile

MAX_SIDE = 512  # pixels: a larger picture is averaged down, which saves time and does not affect a 28 x 28 digit
BAND_PIXELS = 1 << 18  # converted at a time: bounds the memory
SAMPLE_PIXELS = 1 << 18  # by which the most telling band of a larger picture is chosen
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


def grey(picture: PictureFile, factor: int | None = None) -> PixelValues:
    """The grey of a loaded picture, upright and averaged down by a whole factor: by default to at most MAX_SIDE pixels.

    White is 1, 255, 1,023, 4,095, 16,383 or 65,535 in a picture of fractions or more than 8 bits: the least that no
    pixel exceeds by more than a tenth, else its largest value. What is below black, and what is no number, becomes
    black. Of an opaque coloured picture the red, green or blue is taken where it varies far more than the luminance. A
    transparent background becomes white behind dark ink and black behind light ink.
    """
    width, height = picture.size
    factor = factor or -(-max(width, height) // MAX_SIDE)
    box = (min(factor, width), min(factor, height))
    rows = height if width * height <= BAND_PIXELS else max(1, BAND_PIXELS // (width * box[1])) * box[1]
    extremes = None
    if picture.image.mode.startswith(("I", "F")):
        extremes = _extremes(picture, rows)
        white = next((white for white in WHITES if extremes[1] <= OVERSHOOT * white), extremes[1])
        bands = [reduced(_eight_bits(band, white), box) for band in picture.bands(rows)]
    else:
        mode = _plain_mode(picture.image)
        whole = picture.bands(height if box == (1, 1) else rows)
        bands = [reduced(band if band.mode == mode else band.convert(mode), box) for band in whole]
    image = bands[0] if len(bands) == 1 else Image.fromarray(np.concatenate([np.asarray(band) for band in bands]))
    pixels = np.asarray(_upright(most_telling_band(image), picture.orientation))
    lowest, highest = extremes or (pixels.min(), pixels.max())
    return PixelValues(pixels, float(lowest), float(highest))


def colours(picture: PictureFile, factor: int) -> Pixels:
    """(height, width, 3) uint8 RGB of a loaded picture, upright and averaged down by a whole factor, to be looked at.

    A picture with a transparent background, with fractions or with more than 8 bits is shown as its `grey`.
    """
    image = next(picture.bands(picture.size[1]))
    if image.mode.startswith(("I", "F")) or picture.image.has_transparency_data:
        image = Image.fromarray(grey(picture, factor).pixels)
    else:
        box = (min(factor, image.width), min(factor, image.height))
        image = _upright(reduced(image.convert("RGB"), box), picture.orientation)
    return np.asarray(image.convert("RGB"))


def most_telling_band(image: Image.Image) -> Image.Image:
    """The grey, an image L, of an image L, RGB or RGBA: the luminance, or a band that varies far more.

    A yellow pen on white paper, or red on green, is as light as its paper: only a single band shows the ink.
    """
    if image.mode == "L":
        return image
    if image.mode == "RGBA" and np.asarray(image.getchannel("A")).min() < 255:
        values, opacity = (np.asarray(band, np.float32) for band in (image.convert("L"), image.getchannel("A")))
        return Image.fromarray(_on_contrasting_background(values, opacity))
    step = math.ceil(math.sqrt(image.width * image.height / SAMPLE_PIXELS))
    size = (-(-image.width // step), -(-image.height // step))
    sample = image if step == 1 else image.resize(size, Image.Resampling.NEAREST)
    *deviations, luminance = (np.asarray(band).std() for band in (*sample.split()[:3], sample.convert("L")))
    strongest = int(np.argmax(deviations))
    is_telling = deviations[strongest] > COLOUR_GAIN * luminance
    return image.getchannel(strongest) if is_telling else image.convert("L")


def reduced(image: Image.Image, box: tuple[int, int]) -> Image.Image:
    """The image averaged down by these whole factors, across and down."""
    return image.reduce(box) if box != (1, 1) else image


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    transpose = TRANSPOSE_BY_ORIENTATION.get(orientation)
    return image if transpose is None else image.transpose(transpose)


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


def _plain_mode(image: Image.Image) -> str:
    """L, RGB or RGBA: the simplest of these modes that keeps what the picture shows."""
    if image.has_transparency_data:
        return "RGBA"
    return "L" if image.mode in ("1", "L") else "RGB"


def _on_contrasting_background(value: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    ink = np.average(value, weights=opacity) if opacity.any() else 0
    background = 255 if ink < 128 else 0
    return np.rint(background + (value - background) * (opacity / 255)).astype(np.uint8)

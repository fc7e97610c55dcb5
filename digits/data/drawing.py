"""Drawing at random with a pen: letters of a font, strokes, and the paper under them."""

from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from digits.arrays import Floats, Numbers, Pixels

SUBPIXEL_BITS = 3  # of a position that OpenCV draws at: eighths of a pixel


def written(text: str, font: str, size: int, shape: tuple[int, int]) -> Pixels:
    """(height, width) uint8 of this shape: the text in the middle, 255 on 0, in a font of matplotlib's package."""
    ink = Image.new("L", shape[::-1], 0)
    middle = (shape[1] / 2, shape[0] / 2)
    ImageDraw.Draw(ink).multiline_text(middle, text, 255, load_font(font, size), "mm", spacing=1)
    return np.asarray(ink)


@cache
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    """A font of matplotlib's package, so that every machine draws the same; `size` in pixels."""
    file = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    return ImageFont.truetype(file, size, layout_engine=ImageFont.Layout.BASIC)  # Raqm isn't on every machine


def cropped(ink: Pixels) -> Pixels:
    """The part of (height, width) ink that isn't blank."""
    left, top, width, height = cv2.boundingRect(ink)
    return ink[top : top + height, left : left + width]


def draw_line(ink: Pixels, points: Floats, width: int) -> None:
    """Draw a line of `width` pixels through (n, 2) points, across and down in pixels, into (height, width) uint8."""
    places = np.rint(points * 2**SUBPIXEL_BITS).astype(np.int32)
    cv2.polylines(ink, [places], False, 255, width, cv2.LINE_AA, SUBPIXEL_BITS)


def smooth(points: Floats) -> Floats:
    """(12 (n - 2), 2) points of the quadratic B-spline of (n, 2) points, n at least 3; it begins and ends with them."""
    start, middle, end = points[:-2], points[1:-1], points[2:]
    first, last = (start + middle) / 2, (middle + end) / 2
    first[0], last[-1] = start[0], end[-1]
    t = np.linspace(0, 1, 12)[:, None, None]
    curve: Floats = (1 - t) ** 2 * first + 2 * t * (1 - t) * middle + t**2 * last
    return curve.transpose(1, 0, 2).reshape(-1, 2)


def bent(ink: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(side, side) ink turned, slanted and bent a little, as by hand."""
    side = len(ink)
    linear = np.eye(2) + random.normal(0, 0.12, (2, 2))
    offset = side / 2 - linear.sum(axis=1) * side / 2
    ink = cv2.warpAffine(ink, np.column_stack([linear, offset]), (side, side))
    if random.random() < 0.6:
        return ink
    shift = random.uniform(0.5, 2) * np.stack([clouds(random, side), clouds(random, side)])
    down, across = np.mgrid[:side, :side] + shift
    return cv2.remap(ink, across.astype(np.float32), down.astype(np.float32), cv2.INTER_LINEAR)


def clouds(random: np.random.Generator, side: int) -> Floats:
    """(side, side) smooth noise of mean 0 and standard deviation 1."""
    coarse, fine = (
        cv2.resize(random.normal(size=(points, points)), (side, side), interpolation=cv2.INTER_CUBIC)
        for points in (6, 14)
    )
    field = coarse + fine / 2
    smooth_noise: Floats = (field - field.mean()) / field.std()
    return smooth_noise


def on_paper(ink: Pixels, random: np.random.Generator) -> Pixels:
    """(height + 8, width + 8) uint8: a dark pen on light paper, of (height, width) uint8 ink, 255 on 0."""
    pen, paper = random.uniform(0, 90), random.uniform(170, 255)
    cover = np.pad(ink, 4) / 255
    return pixel_values(paper + (pen - paper) * cover + random.normal(0, random.uniform(0, 3), cover.shape))


def pixel_values(values: Numbers) -> Pixels:
    """The values rounded to uint8, those out of range set to 0 and 255."""
    pixels: Pixels = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels

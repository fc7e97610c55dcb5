"""Kinds of pictures, made of real digits or at random, that people bring: honest digits, and what shows no digit."""

from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tests.drawn import thin
from tests.variants import large

TEXT = (
    "The quick brown fox jumps over the lazy dog while twelve grey clerks, none of them in a hurry, copy the minutes "
    "of the last meeting by hand and file each page under the name of whoever spoke first that morning. "
)


def thin_pen(digits: np.ndarray, side: int, width: int) -> Iterator[np.ndarray]:
    """Each of (n, 28, 28) uint8 digits as a scan of `side` pixels, black on white, by a pen `width` pixels wide."""
    for digit in digits:
        yield np.where(thin(large(digit, side), width / side) > 0.5, 0, 255).astype(np.uint8)


def tight(digits: np.ndarray, side: int = 16) -> Iterator[np.ndarray]:
    """Each of (n, 28, 28) uint8 digits cut to a square around its ink, and reduced to `side` pixels."""
    for digit in digits:
        left, top, width, height = cv2.boundingRect(digit)
        cut = digit[top : top + height, left : left + width]
        more = max(height, width) - np.array(cut.shape)
        square = np.pad(cut, [(margin // 2, margin - margin // 2) for margin in more])
        yield cv2.resize(square, (side, side), interpolation=cv2.INTER_AREA)


def gaussian_noise(random: np.random.Generator, side: int) -> np.ndarray:
    pixels = random.normal(random.uniform(60, 200), random.uniform(20, 80), (side, side))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def salt_and_pepper(random: np.random.Generator, side: int) -> np.ndarray:
    """Black grains on white, on 2 to 50 % of the pixels."""
    return np.where(random.random((side, side)) < random.uniform(0.02, 0.5), 0, 255).astype(np.uint8)


def text_page(random: np.random.Generator, side: int, size: int) -> np.ndarray:
    """A page of print of this size, in pixels."""
    page = Image.new("L", (side, side), 250)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size)
    for line in range(side // (size + 4) + 1):
        start = random.integers(len(TEXT))
        draw.text((-random.integers(size), line * (size + 4)), (TEXT * 2)[start:], 20, font)
    return np.asarray(page)


def crop(random: np.random.Generator, photograph: np.ndarray, least: int) -> np.ndarray:
    """A square of a (height, width) photograph, from `least` pixels to the whole shorter side."""
    side = random.integers(least, min(photograph.shape), endpoint=True)
    top, left = (random.integers(length - side, endpoint=True) for length in photograph.shape)
    return photograph[top : top + side, left : left + side]

"""Pages of digits, drawn for the tests of reading: dark on light, (height, width) uint8."""

import cv2
import numpy as np

PAPER, PEN = 220, 50  # pixel values


def blank(height: int, width: int) -> np.ndarray:
    return np.full((height, width), PAPER, np.uint8)


def write(page: np.ndarray, text: str, left: int, bottom: int, height: int = 40, value: int = PEN) -> np.ndarray:
    """Write a text of this height, in pixels, in place; its strokes are a tenth as thick."""
    cv2.putText(page, text, (left, bottom), cv2.FONT_HERSHEY_SIMPLEX, height / 22, value, 1, cv2.LINE_AA)
    return page


def ruled(page: np.ndarray, degrees: float, squared: bool, value: int, apart: int = 40) -> np.ndarray:
    """Draw rules two pixels thick, tilted by these degrees, in place."""
    side = 2 * max(page.shape)
    along = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    for turned in (False, True)[: 1 + squared]:
        direction = along[::-1] * (-1, 1) if turned else along
        for offset in range(-side, side, apart):
            middle = np.array([offset, 0]) if turned else np.array([0, offset])
            start, end = (np.rint(middle + sign * side * direction).astype(int).tolist() for sign in (-1, 1))
            cv2.line(page, start, end, value, 2)
    return page


def paste(page: np.ndarray, digits: np.ndarray, left: int, top: int, side: int, step: int) -> np.ndarray:
    """Draw (n, 28, 28) uint8 digits, light on dark, in place, each `step` pixels to the right of the one before."""
    for place, digit in enumerate(digits):
        box = page[top : top + side, left + place * step : left + place * step + side]
        ink = cv2.resize(digit, (side, side), interpolation=cv2.INTER_CUBIC).astype(float) / 255
        box[:] = np.minimum(box, PAPER - (PAPER - PEN) * ink)
    return page

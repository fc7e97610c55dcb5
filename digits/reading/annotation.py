"""A picture with the boxes of its digits: green where accepted, amber where refused, with the label near the box."""

import math

import cv2
import numpy as np

from digits.data.pictures import encode_png
from digits.reading.page import Digit, Page
from digits.reading.picture import MAX_PIXELS, upright_colours

COLOURS = {True: (0, 130, 40), False: (205, 105, 0)}  # RGB of accepted, and of refused
WHITE = (255, 255, 255)
DIGIT_HEIGHT = 32  # pixels: at least as tall nine of ten digits are shown
MIN_SIDE = 1200  # pixels: the longer side is shown at least as long, unless that enlarges it more than
MAX_ENLARGEMENT = 4
LABEL_HEIGHT, MIN_LABEL, MAX_LABEL = 0.45, 11, 32  # of the box's height; pixels
FONT, FONT_HEIGHT = cv2.FONT_HERSHEY_SIMPLEX, 21  # pixels of a digit at the scale 1
MAX_THICKNESS = 4  # pixels, of a box
GAP = 5  # pixels between a box and its label


def annotated(picture: bytes | np.ndarray, page: Page) -> bytes:
    """A PNG of what `drawn` gives."""
    return encode_png(drawn(picture, page)[..., ::-1])


def drawn(picture: bytes | np.ndarray, page: Page) -> np.ndarray:
    """The upright picture that this page was read in, scaled so that its digits are legible, with boxes.

    (height, width, 3) uint8 RGB.
    A label is above its box or to its right where it hides no other, smaller if need be; else it is in the box. That
    of a refused digit has a question mark.
    """
    scale = _scale(page)
    size = tuple(max(1, round(side * scale)) for side in (page.width, page.height))
    colours = upright_colours(picture, max_pixels=max(1, min(MAX_PIXELS, 4 * size[0] * size[1])))
    pixels = cv2.resize(colours, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    boxes = np.rint(np.array([digit.box for digit in page.digits], float).reshape(-1, 4) * scale).astype(int)
    for digit, box in zip(page.digits, boxes, strict=True):
        thickness = int(np.clip((box[3] - box[1]) // 40, 1, MAX_THICKNESS))
        cv2.rectangle(pixels, (box[:2] - thickness).tolist(), box[2:].tolist(), COLOURS[digit.accepted], thickness)
    taken = boxes
    for number, digit in enumerate(page.digits):
        around = (taken[:, :2] <= boxes[number, :2]).all(axis=1) & (taken[:, 2:] >= boxes[number, 2:]).all(axis=1)
        place = _draw_label(pixels, digit, boxes[number], taken[~around])
        taken = np.concatenate([taken, [place]])
    return pixels


def _scale(page: Page) -> float:
    scale = min(MAX_ENLARGEMENT, MIN_SIDE / max(page.width, page.height))
    if page.digits:
        shown = [digit for digit in page.digits if digit.accepted] or page.digits
        heights = [digit.box[3] - digit.box[1] for digit in shown]
        scale = max(scale, min(MAX_ENLARGEMENT, DIGIT_HEIGHT / max(1, np.percentile(heights, 10))))
    return min(scale, math.sqrt(MAX_PIXELS / (page.width * page.height)))


def _draw_label(pixels: np.ndarray, digit: Digit, box: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Draw the label of a digit; returns the box of the label."""
    text = f"{digit.label}" if digit.accepted else f"{digit.label}?"
    largest = float(np.clip(LABEL_HEIGHT * (box[3] - box[1]), MIN_LABEL, MAX_LABEL))
    for tall in (largest, max(MIN_LABEL, 0.6 * largest), MIN_LABEL):
        thickness = max(1, round(tall / 9))
        (width, height), _ = cv2.getTextSize(text, FONT, tall / FONT_HEIGHT, thickness)
        *near, inside = _places(box, width, height)
        place = next((one for one in near if _is_free(one, others, pixels)), inside)
        if place is not inside:
            break
    start = int(place[0]), int(place[3])
    for colour, thick in ((WHITE, thickness + 2), (COLOURS[digit.accepted], thickness)):
        cv2.putText(pixels, text, start, FONT, tall / FONT_HEIGHT, colour, thick, cv2.LINE_AA)
    return place


def _places(box: np.ndarray, width: int, height: int) -> list[np.ndarray]:
    """The boxes of a label of this size above the digit's box, to its right, and in it."""
    left, top, right, bottom = box
    corners = [(left, top - GAP), (right + GAP, (top + bottom + height) // 2), (left + 1, top + 1 + height)]
    return [np.array([start, end - height, start + width, end]) for start, end in corners]


def _is_free(place: np.ndarray, others: np.ndarray, pixels: np.ndarray) -> bool:
    """Whether a label is in the picture and hides nothing of the other boxes."""
    hides = (others[:, :2] < place[2:]).all(axis=1) & (others[:, 2:] > place[:2]).all(axis=1)
    return bool(not hides.any() and (place[:2] >= 0).all() and (place[2:] <= pixels.shape[1::-1]).all())

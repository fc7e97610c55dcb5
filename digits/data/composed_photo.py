"""Drawing a sheet as a camera sees it: perspective, folds, light, shadow, blur, noise and JPEG's artefacts."""

from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Floats, Numbers, Pixels
from digits.data.composed_layout import Glyph, Layout, PageSource
from digits.data.drawing import SUBPIXEL_BITS, clouds

INK_EDGE = 0.4  # of a digit's ink: where its stroke ends when it is enlarged
VISIBLE_INK = 0.25  # of a digit's strongest ink as displayed: less is the blurred edge of a stroke
FIELD = 64  # points a side of smooth fields: folds and light
PADDING = 2  # pixels around the ink of a glyph, so that interpolation ends on paper
MIN_BLUR = 0.3  # pixels: less changes nothing that is seen
LIGHT_STEP = 4  # pixels: light is computed at a quarter of the resolution


class Sheet(NamedTuple):
    """Where a flat sheet of `width` x `height` pixels lies in the picture, which has the same size.

    `matrix` (3, 3) is its perspective, `folds` (64, 64, 2) float32 displaces its points, in pixels of the picture.
    """

    width: int
    height: int
    matrix: Floats
    folds: Floats

    def displacement(self, points: Floats) -> Floats:
        """(n, 2) pixels by which folds move (n, 2) points of the sheet."""
        x, y = (points * (FIELD - 1) / (self.width, self.height)).astype(np.float32).T
        found: Floats = cv2.remap(self.folds, x[None], y[None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]
        return found

    def in_picture(self, points: Floats) -> Floats:
        """(n, 2) points of the picture, of (n, 2) points of the sheet."""
        return transformed(points, self.matrix) + self.displacement(points)


def transformed(points: Numbers, matrix: Numbers) -> Floats:
    """(n, 2) points after a perspective (3, 3) transform."""
    found: Floats = cv2.perspectiveTransform(points[None].astype(np.float64), matrix)[0]
    return found


def placed_sheet(source: PageSource, width: int, height: int) -> Sheet:
    """A sheet turned and seen askew, as large as fits into the picture but for its margins."""
    random, difficulty = source.random, source.difficulty
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], float)
    angle = np.radians(random.uniform(-difficulty.turn, difficulty.turn))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    seen = (corners - (width / 2, height / 2)) @ turn.T
    seen += random.uniform(-1, 1, (4, 2)) * difficulty.perspective * min(width, height)
    matrix = cv2.getPerspectiveTransform(corners.astype(np.float32), seen.astype(np.float32))
    inset = 0.03 * min(width, height)  # what is written keeps this distance from the sheet's edge
    content = np.clip(corners, inset, np.array([width, height]) - inset)
    seen = transformed(content, matrix)
    low, high = seen.min(axis=0), seen.max(axis=0)
    size = min((np.array([width, height]) - 0.01 * min(width, height)) / (high - low))
    left, top = np.array([width, height]) / 2 - size * (low + high) / 2
    fit = np.array([[size, 0, left], [0, size, top], [0, 0, 1]])
    folds = np.stack([clouds(random, FIELD), clouds(random, FIELD)], axis=-1) * difficulty.crumple * height / 500
    return Sheet(width, height, fit @ matrix, folds.astype(np.float32))


def drawn(source: PageSource, sheet: Sheet, layout: Layout, blur: float) -> tuple[np.ndarray, np.ndarray]:
    """(height, width, 3) uint8 picture of the sheet in even light, and (n, 4) int boxes of the digits' visible ink.

    A box is left, top, right, bottom in pixels, right and bottom exclusive, as after a blur of `blur` pixels.
    """
    canvas = np.zeros((sheet.height, sheet.width, 3), np.uint8)
    cv2.rectangle(canvas, (0, 0), (sheet.width, sheet.height), source.paper, cv2.FILLED)
    if source.happens(source.difficulty.desk):
        brightness = source.random.uniform(20, 110)
        desk = brightness, 0.85 * brightness, 0.7 * brightness
        cv2.rectangle(canvas, (0, 0), (sheet.width, sheet.height), desk, cv2.FILLED)
        corners = np.array([(0, 0), (sheet.width, 0), (sheet.width, sheet.height), (0, sheet.height), (0, 0)])
        edge = np.concatenate([np.linspace(*ends, 40) for ends in pairwise(corners)])
        cv2.fillPoly(canvas, [np.rint(sheet.in_picture(edge)).astype(np.int32)], source.paper, cv2.LINE_AA)
    for rule in layout.rules:
        places = np.rint(sheet.in_picture(rule.points) * 2**SUBPIXEL_BITS).astype(np.int32)
        cv2.polylines(canvas, [places], False, rule.color, max(1, round(rule.width)), cv2.LINE_AA, SUBPIXEL_BITS)
    boxes = [_draw(canvas, source, sheet, glyph, blur) for glyph in layout.glyphs]
    return canvas, np.array([box for box in boxes if box], int).reshape(-1, 4)


def _draw(canvas: Pixels, source: PageSource, sheet: Sheet, glyph: Glyph, blur: float) -> tuple[int, ...]:
    """Draw a glyph onto (height, width, 3) uint8, and give the box of its visible ink if it is a digit."""
    cover, left, top = _placed_ink(sheet, glyph)
    high, wide = cover.shape
    if source.difficulty.pressure:
        fade = 1 - source.random.uniform(0, source.difficulty.pressure, (3, 3)).astype(np.float32)
        cover *= np.clip(cv2.resize(fade, (wide, high), interpolation=cv2.INTER_CUBIC), 0, 1)
    patch = canvas[top : top + high, left : left + wide]
    patch[:] = np.rint(patch + cover[..., None] * (np.array(glyph.color, np.float32) - patch))
    if glyph.label < 0:
        return ()
    seen = cv2.GaussianBlur(cover, (0, 0), blur) if blur > MIN_BLUR else cover
    x, y, w, h = cv2.boundingRect((seen > VISIBLE_INK * seen.max()).astype(np.uint8))
    return left + x, top + y, left + x + w, top + y + h


def _placed_ink(sheet: Sheet, glyph: Glyph) -> tuple[np.ndarray, int, int]:
    """A glyph in the picture: (h, w) float32 share of each pixel that ink covers, and where its left and top are."""
    ink: Numbers = np.pad(glyph.ink, PADDING)
    if glyph.scale > 2:
        ink = cv2.GaussianBlur(ink, (0, 0), 0.6)  # or the pixels of the small digit show at the enlarged edge
    shift = (0.5 - PADDING) * glyph.scale - 0.5
    place = np.array([[glyph.scale, 0, glyph.left + shift], [0, glyph.scale, glyph.top + shift], [0, 0, 1]])
    middle = np.array([[(glyph.left + glyph.right) / 2, (glyph.top + glyph.bottom) / 2]])
    matrix = _translation(*sheet.displacement(middle)[0]) @ sheet.matrix @ place
    high, wide = ink.shape
    corners = transformed(np.array([(0, 0), (wide, 0), (wide, high), (0, high)]), matrix)
    limits = sheet.width, sheet.height
    left, top = np.clip(np.floor(corners.min(axis=0)).astype(int) - 3, 0, np.subtract(limits, 1)).tolist()
    right, bottom = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 4, (left + 1, top + 1), limits).tolist()
    size = right - left, bottom - top
    cover = cv2.warpPerspective(ink, _translation(-left, -top) @ matrix, size, flags=cv2.INTER_CUBIC)
    enlarged = float(np.sqrt(np.ptp(corners, axis=0).prod() / (high * wide)))
    sharpness = max(1.0, 1.2 * enlarged)  # a stroke's edge is a pixel or two wide, however large the digit
    return np.clip((cover - INK_EDGE) * sharpness + INK_EDGE, 0, 1), left, top


def _translation(right: float, down: float) -> np.ndarray:
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], float)


def photographed(source: PageSource, picture: Pixels, blur: float) -> np.ndarray:
    """The picture, (height, width, 3) uint8, with uneven light, shadow, folds, blur, noise and JPEG's artefacts."""
    random, difficulty = source.random, source.difficulty
    if difficulty.light or difficulty.shadow or difficulty.crumple:
        light = _light(source, *picture.shape[:2])
        picture = np.asarray(cv2.multiply(picture, cv2.merge([light] * 3), dtype=cv2.CV_8U))
    if blur > MIN_BLUR:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur))
    deviation = random.uniform(0.2, 1) * difficulty.noise
    if deviation:
        grains = random.standard_normal(picture.shape[:2], np.float32) * np.float32(deviation)
        picture = np.asarray(cv2.add(picture, cv2.merge([grains] * 3), dtype=cv2.CV_8U))
    if difficulty.jpeg < 100:
        quality = int(random.integers(difficulty.jpeg, 96))
        coded = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        picture = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB))
    return picture


def _light(source: PageSource, height: int, width: int) -> Floats:
    """(height, width) float32: the share of light that each pixel gets, about 0.2 to 1."""
    random, difficulty = source.random, source.difficulty
    down, across = np.mgrid[: -(-height // LIGHT_STEP), : -(-width // LIGHT_STEP)].astype(np.float32) * LIGHT_STEP
    across, down = across / width - 0.5, down / width - 0.5 * height / width  # one unit is the picture's width
    light = 1 - difficulty.light * random.uniform(0.3, 1) * (0.5 + _across(random, across, down))
    uneven = cv2.resize(clouds(random, FIELD).astype(np.float32), light.shape[::-1], interpolation=cv2.INTER_CUBIC)
    light *= 1 + 0.08 * difficulty.light * uneven
    if source.happens(0.7):
        edge = difficulty.shadow_edge * random.uniform(0.5, 1.5) / width
        beyond = _across(random, across, down) - random.uniform(-0.3, 0.3) + 0.01 * uneven
        light *= 1 - difficulty.shadow * random.uniform(0.4, 1) * np.clip(beyond / edge + 0.5, 0, 1)
    for _ in range(int(random.integers(3, 10) * difficulty.crumple)):
        beyond = _across(random, across, down) - random.uniform(-0.5, 0.5) + 0.01 * uneven
        slope = np.clip(1 - beyond / random.uniform(0.05, 0.3), 0, 1) * (beyond > 0)
        light *= 1 + random.normal(0, 0.12) * slope
        light *= 1 - random.uniform(0, 0.2) * np.exp(-np.square(beyond / random.uniform(0.001, 0.004)))
    light = np.clip(light, 0.15, 1.1).astype(np.float32)
    return np.asarray(cv2.resize(light, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _across(random: np.random.Generator, across: Floats, down: Floats) -> Floats:
    """The distance of each point from a line through the middle in any direction."""
    angle = random.uniform(0, 2 * np.pi)
    distance: Floats = np.cos(angle) * across + np.sin(angle) * down
    return distance

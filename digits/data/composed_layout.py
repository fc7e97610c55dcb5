"""Where digits lie on a composed page: lines of groups, printed boxes, columns of sums, tables and grids.

Positions and sizes are in pixels of the flat sheet, across and down, before it is photographed.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from digits.arrays import Floats, Ints, Pixels
from digits.data.composed_difficulty import Difficulty
from digits.data.drawing import cropped, written
from digits.data.non_digits import TEST_FONTS, TRAIN_FONTS

CANONICAL_INK = 20  # pixels: the longest side of a canonical digit's ink
DIGIT_OF_EM = 0.73  # height of a printed digit, as a share of the font's size
MAX_FONT_SIZE = 200  # pixels: taller print is enlarged
FOOT = {"DejaVuSans": 0.12, "DejaVuSansMono": 0.12}  # height of a 1's, as a share of the digit's; Helvetica has none
DOTTED_ZERO = "DejaVuSansMono"  # has a 0 with a dot, which is like an 8 where it is blurred
MAX_BOLDER = 0.08  # of the height: wider strokes at most, as bold print has
MARGIN = 0.06  # of the sheet's shorter side
WIDE_GAP = (0.9, 1.6)  # between two groups of a line, times the height of its digits
PENS = {
    "black": (25, 25, 30),
    "pencil": (95, 95, 100),
    "blue": (30, 45, 150),
    "red": (175, 30, 35),
    "green": (20, 105, 60),
    "brown": (110, 65, 25),
}
RULE_COLORS = ((20, 20, 20), (70, 110, 190), (190, 80, 80), (90, 130, 90))
Color = tuple[float, float, float]


class PageSource(NamedTuple):
    """What a page is composed from: (n, 28, 28) uint8 canonical `digits` with (n,) `labels`, and the paper's colour."""

    random: np.random.Generator
    difficulty: Difficulty
    digits: Pixels
    labels: Ints
    for_training: bool
    paper: Color

    def happens(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def font(self) -> str:
        return str(self.random.choice(TRAIN_FONTS if self.for_training else TEST_FONTS))

    def pen(self) -> Color:
        return self.ink(PENS[str(self.random.choice(self.difficulty.pens))], self.difficulty.contrast)

    def ink(self, color: Color, contrast: tuple[float, float]) -> Color:
        """The colour on this paper, at a contrast from this range: 1 is the colour's own, 0 the paper's."""
        share = self.random.uniform(*contrast)
        red, green, blue = (paper + share * (ink - paper) for ink, paper in zip(color, self.paper, strict=True))
        return red, green, blue


class Glyph(NamedTuple):
    """Ink on the sheet: (h, w) float32 `ink` from 0 to 1, each of its pixels `scale` pixels of the sheet.

    `label`, `line` and `group` are -1 for what is no digit. Wide gaps separate the groups of a line.
    """

    ink: Floats
    left: float
    top: float
    scale: float
    color: Color
    label: int = -1
    line: int = -1
    group: int = -1

    @property
    def right(self) -> float:
        width: int = self.ink.shape[1]
        return self.left + width * self.scale

    @property
    def bottom(self) -> float:
        return self.top + len(self.ink) * self.scale

    def moved(self, right: float, down: float) -> "Glyph":
        return self._replace(left=self.left + right, top=self.top + down)


class Rule(NamedTuple):
    """A line on the sheet through (n, 2) points, `width` pixels wide."""

    points: Floats
    width: float
    color: Color


class Layout(NamedTuple):
    """What lies on the sheet; the digits of a line are in reading order, and so are the lines."""

    glyphs: list[Glyph]
    rules: list[Rule]

    def add(self, other: "Layout", right: float, down: float, slope: float = 0, line: int = -1) -> None:
        """Add the other layout, moved, and down by `slope` pixels for each pixel to the right; digits get the line."""
        for glyph in other.glyphs:
            middle = right + (glyph.left + glyph.right) / 2
            placed = glyph.moved(right, down + slope * middle)
            self.glyphs.append(placed if glyph.label < 0 else placed._replace(line=line))
        for rule in other.rules:
            points = rule.points + np.array([right, down])
            points[:, 1] += slope * points[:, 0]
            self.rules.append(rule._replace(points=points))

    @property
    def digits(self) -> list[Glyph]:
        return [glyph for glyph in self.glyphs if glyph.label >= 0]


class Style(NamedTuple):
    """How a line is written: a font or, if None, by hand; the height of its digits and the gap between two, pixels."""

    font: str | None
    color: Color
    size: float
    gap: float


def sample_style(source: PageSource, size: float) -> Style:
    """Handwriting or print with digits `size` pixels tall."""
    font = source.font() if source.happens(source.difficulty.printed) else None
    return Style(font, source.pen(), size, max(3, size * source.random.uniform(0.16, 0.32)))


def sample_digit(source: PageSource, style: Style) -> Glyph:
    """A digit that stands on the height 0 and begins at 0."""
    random, variation = source.random, source.difficulty.size_variation
    if style.font:
        label = int(random.integers(source.for_training and style.font == DOTTED_ZERO, 10))
        ink = printed(str(label), style.font, style.size)
        if source.for_training:
            ink = _varied_print(ink, label, style.font, random)
        scale = style.size / len(ink)
        baseline = 0.0
    else:
        row = int(random.integers(len(source.digits)))
        label, ink = int(source.labels[row]), cropped_fractions(source.digits[row])
        scale = style.size / CANONICAL_INK * float(np.exp(np.clip(random.normal(0, variation), -0.4, 0.4)))
        baseline = style.size * random.normal(0, variation / 2)
        if source.happens(source.difficulty.broken):
            ink = _broken(ink, random)
    return Glyph(ink, 0, baseline - len(ink) * scale, scale, style.color, label)


def printed(text: str, font: str, height: float) -> Floats:
    """(h, w) float32 ink of the text, its digits about `height` pixels tall."""
    size = max(8, min(MAX_FONT_SIZE, round(height / DIGIT_OF_EM)))
    return cropped_fractions(written(text, font, size, (2 * size, 2 * size * len(text))))


def cropped_fractions(ink: Pixels) -> Floats:
    """(h, w) float32 from 0 to 1: the part of uint8 ink that isn't blank."""
    return cropped(ink).astype(np.float32) / 255


def _varied_print(ink: np.ndarray, label: int, font: str, random: np.random.Generator) -> np.ndarray:
    """Print as in more fonts than are free: with bolder strokes, and half of the 1s without a foot."""
    if label == 1 and font in FOOT and random.random() < 0.5:
        ink = ink[: -math.ceil(FOOT[font] * len(ink))]
    width = round(random.uniform(0, MAX_BOLDER) * len(ink)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return cv2.dilate(np.pad(ink, width // 2), kernel)


def _broken(ink: Floats, random: np.random.Generator) -> Floats:
    """The ink without a round spot of a stroke, three of its pixels wide."""
    strokes = np.argwhere(ink > 0.5)
    row, column = strokes[random.integers(len(strokes))]
    rows, columns = np.indices(ink.shape)
    outside: Floats = np.clip(np.hypot(rows - row, columns - column) - 1, 0, 1).astype(np.float32)
    return ink * outside


def number_line(source: PageSource, style: Style, groups: Iterable[int], width: float = np.inf) -> Layout:
    """Groups of so many digits, one behind the other from 0 on, on the height 0, as far as `width` allows."""
    layout, random = Layout([], []), source.random
    for group, count in enumerate(groups):
        for place in range(count):
            digit = sample_digit(source, style)._replace(group=group)
            if layout.glyphs:
                before = layout.glyphs[-1]
                gap = random.uniform(*WIDE_GAP) * style.size if place == 0 else _gap(source, style, before, digit)
                digit = digit.moved(before.right + gap, 0)
            if layout.glyphs and digit.right > width:
                return layout
            layout.glyphs.append(digit)
    return layout


def _gap(source: PageSource, style: Style, before: Glyph, after: Glyph) -> float:
    """Pixels between two digits of a group, less than 0 if their boxes overlap."""
    random, difficulty = source.random, source.difficulty
    if style.font or not source.happens(difficulty.touching):
        return style.gap * random.uniform(0.8, 1.2)
    narrower = min(before.right - before.left, after.right - after.left)
    if source.happens(0.5 if difficulty.overlap else 0):
        return -random.uniform(0, difficulty.overlap) * narrower
    return -min(_distance(before, after) + 0.06 * style.size, 0.4 * narrower)


def _distance(before: Glyph, after: Glyph) -> float:
    """Pixels between the ink of two digits whose boxes meet, along the rows that both have ink in."""
    heights = np.linspace(0.5, min(len(before.ink) * before.scale, len(after.ink) * after.scale) - 0.5, 40)
    free = np.zeros(len(heights))
    for glyph, ink in ((before, before.ink[:, ::-1]), (after, after.ink)):
        rows = ink[np.clip(len(ink) - 1 - (heights / glyph.scale).astype(int), 0, None)] > 0.4
        free += np.where(rows.any(axis=1), rows.argmax(axis=1), ink.shape[1]) * glyph.scale
    return float(free.min())


def boxed_line(source: PageSource, style: Style, count: int, width: float) -> Layout:
    """A group of digits, each in a printed box; boxes are 1.5 digits high and stand 0.25 digits below the height 0."""
    random, size = source.random, style.size
    pitch, gap = size * random.uniform(1.25, 1.6), size * float(random.choice([0, 0.2]))
    color, thick = sample_rule(source, size)
    layout = Layout([], [])
    for place in range(max(1, min(count, int(width / (pitch + gap))))):
        left = place * (pitch + gap)
        layout.rules.append(rectangle(left, -1.25 * size, left + pitch, 0.25 * size, thick, color))
        digit = sample_digit(source, style)._replace(group=0)
        off = random.uniform(-1, 1, 2) * source.difficulty.leaves_box * size
        layout.glyphs.append(digit.moved(left + (pitch - digit.right) / 2 + off[0], off[1]))
    return layout


def sample_rule(source: PageSource, size: float) -> tuple[Color, float]:
    """Colour and width in pixels of printed rules for digits of this size."""
    color = RULE_COLORS[source.random.integers(len(RULE_COLORS))]
    return source.ink(color, source.difficulty.rule_strength), max(1.0, size * source.random.uniform(0.02, 0.06))


def rectangle(left: float, top: float, right: float, bottom: float, width: float, color: Color) -> Rule:
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    return Rule(np.array(corners, float), width, color)


def straight(start: Sequence[float], end: Sequence[float], width: float, color: Color) -> Rule:
    """A straight rule, as many short pieces, so that it bends with a crumpled sheet."""
    return Rule(np.linspace(start, end, 40), width, color)

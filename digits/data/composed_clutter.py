"""What is on a page and no digit: letters, punctuation, words, scribbles, specks, stains, and ruled paper."""

import cv2
import numpy as np

from digits.data.composed_layout import Glyph, Layout, PageSource, cropped_fractions, printed, straight
from digits.data.drawing import draw_line, smooth
from digits.data.non_digits import LETTERS, TEXT

PLAIN_LETTERS = [letter for letter in LETTERS if letter.isascii() and letter.islower()]  # not drawn like a digit
PUNCTUATION = ".,:;-+=*"
LABELS = ("Name", "Date", "Total", "Sum", "Amount", "Phone", "Code", "Remarks")
TRIES = 8  # places that are tried for one thing
EMPTY_SIZE = 40.0  # pixels: as tall as digits would be on a page without any
CLEARANCE = 0.25  # of a digit's height: the distance of clutter from it
Box = tuple[float, float, float, float]  # left, top, right, bottom


def add_clutter(source: PageSource, layout: Layout, width: int, height: int, *, around_rules: bool = False) -> None:
    """Add letters, marks, dirt and text to the layout where no digit is, or only outside of all its rules."""
    random = source.random
    taken = [_widened(glyph) for glyph in layout.glyphs]
    if around_rules:
        points = np.concatenate([rule.points for rule in layout.rules])
        taken.append((*points.min(axis=0), *points.max(axis=0)))
    sizes = [glyph.bottom - glyph.top for glyph in layout.digits] or [EMPTY_SIZE]
    for _ in range(random.integers(*source.difficulty.clutter)):
        thing = _words(source, sizes) if source.happens(source.difficulty.words) else _mark(source, sizes)
        for _ in range(TRIES):
            placed = thing.moved(*random.uniform(0.02, 0.98, 2) * (width, height))
            box = placed.left, placed.top, placed.right, placed.bottom
            fits = placed.right < 0.98 * width and placed.bottom < 0.98 * height
            if fits and not any(_meet(box, one) for one in taken):
                layout.glyphs.append(placed)
                taken.append(box)
                break


def _widened(glyph: Glyph) -> Box:
    by = CLEARANCE * (glyph.bottom - glyph.top)
    return glyph.left - by, glyph.top - by, glyph.right + by, glyph.bottom + by


def _meet(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _words(source: PageSource, sizes: list[float]) -> Glyph:
    """A printed line of one to eight words, or the label of a field; for training without letters like digits."""
    random = source.random
    if source.for_training:
        words = ["".join(random.choice(PLAIN_LETTERS, random.integers(2, 9))) for _ in range(random.integers(1, 9))]
    else:
        among, count = (TEXT.split(), random.integers(1, 9)) if source.happens(0.7) else (LABELS, 1)
        words = random.choice(among, count).tolist()
    size = float(np.clip(random.choice(sizes) * random.uniform(0.3, 0.8), 9, 40))
    return Glyph(printed(" ".join(words), source.font(), size), 0, 0, 1, source.pen())


def _mark(source: PageSource, sizes: list[float]) -> Glyph:
    """A letter, punctuation, a scribble, a speck or a stain, of the size of one of the digits or smaller."""
    random, size = source.random, float(source.random.choice(sizes))
    match random.choice(5, p=[0.35, 0.2, 0.15, 0.25, 0.05]):
        case 0:
            ink = printed(str(random.choice([*LETTERS])), source.font(), size)
        case 1:
            ink = printed(str(random.choice([*PUNCTUATION])), source.font(), size)
        case 2:
            return Glyph(_scribble(random), 0, 0, size * random.uniform(0.5, 2) / 50, source.pen())
        case 3:
            return Glyph(_speck(random), 0, 0, size * random.uniform(0.02, 0.15) / 10, source.pen())
        case _:
            return Glyph(_speck(random), 0, 0, size * random.uniform(1, 3) / 10, source.ink((120, 90, 50), (0.05, 0.2)))
    return Glyph(ink, 0, 0, size / max(size, len(ink)), source.pen())


def _scribble(random: np.random.Generator) -> np.ndarray:
    """A pen's long wavy stroke, about 50 pixels wide."""
    ink = np.zeros((64, 64), np.uint8)
    turns = int(random.integers(5, 10))
    walk = np.stack([np.linspace(8, 56, turns), random.uniform(8, 56, turns)], axis=1) + random.normal(0, 3, (turns, 2))
    draw_line(ink, smooth(walk), int(random.integers(2, 5)))
    return cropped_fractions(ink)


def _speck(random: np.random.Generator) -> np.ndarray:
    """A spot of any shape, about 10 pixels wide."""
    ink = np.zeros((16, 16), np.uint8)
    angles = np.linspace(0, 2 * np.pi, 9)[:-1]
    radius = random.uniform(2, 6, 8)
    points = 8 + radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    cv2.fillPoly(ink, [np.rint(points).astype(np.int32)], 255, cv2.LINE_AA)
    return cropped_fractions(ink)


def add_ruled_paper(source: PageSource, layout: Layout, width: int, height: int) -> None:
    """Rule the whole sheet, or square it, under what is written."""
    random, color = source.random, source.ink((70, 110, 190), source.difficulty.rule_strength)
    pitch, thick = random.uniform(0.025, 0.06) * height, max(1.0, height / 900)
    rules = [straight((0, y), (width, y), thick, color) for y in np.arange(pitch, height, pitch)]
    if source.happens(0.5):
        rules += [straight((x, 0), (x, height), thick, color) for x in np.arange(pitch, width, pitch)]
    layout.rules[:0] = rules

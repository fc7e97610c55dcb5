"""Where on a page there may be digits: its ink without rules, the parts of that, and the lines that they stand in."""

from typing import NamedTuple

from digits.arrays import Pixels
from digits.reading import parts, text_lines
from digits.reading.ink import page_ink
from digits.reading.parts import Parts
from digits.reading.rules import without_rules
from digits.reading.text_lines import TextLine


class Finding(NamedTuple):
    """`ink` is (height, width) uint8, 0 paper to 255, without rules; `parts` stand in `lines`, from top to bottom."""

    ink: Pixels
    parts: Parts
    lines: list[TextLine]


def find(grey: Pixels, one_line: bool = False) -> Finding:
    """What may be digits in (height, width) uint8 pixel values of a page, dark on light or light on dark."""
    ink, threshold = page_ink(grey)
    rest = without_rules(ink, threshold)
    found = parts.find(rest, threshold, ink - rest)
    lines = text_lines.text_lines(found.boxes, found.strengths(rest), one_line)
    return Finding(rest, found, lines)

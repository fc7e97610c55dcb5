"""What is read in one picture."""

from collections.abc import Iterable
from typing import NamedTuple

Box = tuple[int, int, int, int]  # left, top, right, bottom in pixels, right and bottom exclusive


class Digit(NamedTuple):
    """One digit of a picture, or what was taken for one and is refused.

    `box` is in pixels of the upright picture; `label` 0 to 9 and `probability` 0 to 1 are the best guess; `reason` says
    why it is refused, None where it is accepted. `line` is a position in `Page.lines`, and `position` one in the line,
    both from 0; None where its line has no accepted digit.
    """

    box: Box
    label: int
    probability: float
    accepted: bool
    reason: str | None
    line: int | None
    position: int | None


class Page(NamedTuple):
    """A picture's digits in reading order, its lines as text, and with the layout "grid" its table.

    `width` and `height` are those of the upright picture, in pixels. `lines` are those with an accepted digit; in them
    a digit that is refused as too improbable is "?", and what looks like no digit is left out. `grid` has a row of
    labels for each row of cells, None for an empty cell; it is None with another layout, and where there is no grid.
    """

    width: int
    height: int
    digits: list[Digit]
    lines: list[str]
    grid: list[list[int | None]] | None = None


def as_box(sides: Iterable[int]) -> Box:
    left, top, right, bottom = map(int, sides)
    return left, top, right, bottom

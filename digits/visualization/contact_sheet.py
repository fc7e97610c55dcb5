"""A contact sheet: pictures, their canonical digits, saliency and predictions, as one PNG without a date."""

import textwrap
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from digits.arrays import Floats
from digits.data.stacks import DIGIT_SIZE
from digits.errors import printable
from digits.visualization.figures import ACCENT, INK, save
from digits.visualization.overlay import LEGEND, overlay

COLUMNS = 5
SIDE = 4 * DIGIT_SIZE  # pixels: of a canonical digit, and the longest of a picture
GAP = 12  # pixels between two cells, and around all
STEP = SIDE + GAP // 2  # from the left of a picture to that of the next in its cell
CELL_WIDTH, CELL_HEIGHT = 2 * STEP + SIDE, SIDE + 66  # four lines below the pictures: name, prediction, note
TITLE_HEIGHT, LEGEND_LINE = 30, 12
LEGEND_CHARACTERS = 60  # in the width of a cell
NAME_CHARACTERS = 50
NOTE_CHARACTERS, NOTE_LINES = 82, 2  # below the prediction
NO_DIGIT_CHARACTERS, NO_DIGIT_LINES = 42, 8  # in the digit's place
BACKGROUND = "#e8e8e8"  # white paper stands out from it
COLOURS = {True: INK, False: "#a35c00", None: ACCENT}  # accepted, refused (amber), error
DPI = 100


class Cell(NamedTuple):
    """One picture: `pixels` (height, width) uint8 and `digit` (28, 28) uint8, each None where there is none.

    `saliency`, (28, 28) log-odds of the predicted label, is None where nothing is predicted. `prediction` is the
    line below, in a colour by `accepted`: None for an error. `note` says why it is not accepted: below the prediction,
    or in the digit's place where there is none.
    """

    name: str
    pixels: np.ndarray | None
    digit: np.ndarray | None
    saliency: Floats | None
    prediction: str
    accepted: bool | None = True
    note: str | None = None


def write(cells: Sequence[Cell], total: int, path: Path) -> None:
    """Write the contact sheet of these pictures, the first of `total`."""
    columns = min(COLUMNS, len(cells))
    rows = -(-len(cells) // COLUMNS)
    legend = textwrap.wrap(LEGEND, columns * LEGEND_CHARACTERS)
    header = TITLE_HEIGHT + len(legend) * LEGEND_LINE
    width, height = GAP + columns * (CELL_WIDTH + GAP), header + rows * (CELL_HEIGHT + GAP)
    figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=BACKGROUND)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.text(GAP, TITLE_HEIGHT / 2, title(len(cells), total), color=INK, fontsize=10, va="center")
    axes.text(GAP, TITLE_HEIGHT - 4, "\n".join(legend), color=INK, fontsize=7, va="top")
    for number, cell in enumerate(cells):
        row, column = divmod(number, COLUMNS)
        _draw(axes, cell, top=header + row * (CELL_HEIGHT + GAP), left=GAP + column * (CELL_WIDTH + GAP))
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    axes.set_axis_off()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name may have characters that the font lacks
        save(figure, path)


def title(shown: int, total: int) -> str:
    """The line above the pictures."""
    if shown == total:
        return f"pictures: {total:,}"
    return f"the first {shown:,} of {total:,} pictures: {total - shown:,} left out"


def _draw(axes: Axes, cell: Cell, top: int, left: int) -> None:
    explained = None if cell.digit is None or cell.saliency is None else overlay(cell.digit, cell.saliency)
    for number, image in enumerate((cell.pixels, cell.digit, explained)):
        if image is not None:
            start = left + number * STEP
            height, width = (SIDE * side / max(image.shape[:2]) for side in image.shape[:2])
            extent = (start, start + width, top + height, top)
            axes.imshow(image, cmap="gray", vmin=0, vmax=255, extent=extent)
    colour = COLOURS[cell.accepted]
    name = printable(cell.name)
    short = name if len(name) <= NAME_CHARACTERS else "…" + name[1 - NAME_CHARACTERS :]
    axes.text(left, top + SIDE + 13, short, color=INK, fontsize=7, parse_math=False)
    axes.text(left, top + SIDE + 31, cell.prediction, color=colour, fontsize=10, weight="bold")
    if cell.note is None:
        return
    if cell.digit is None:
        lines = _wrapped(cell.note, NO_DIGIT_CHARACTERS, NO_DIGIT_LINES)
        axes.text(left + STEP, top, lines, color=colour, fontsize=7, va="top", parse_math=False)
    else:
        lines = _wrapped(cell.note, NOTE_CHARACTERS, NOTE_LINES)
        axes.text(left, top + SIDE + 37, lines, color=colour, fontsize=6, va="top", parse_math=False)


def _wrapped(note: str, characters: int, lines: int) -> str:
    return "\n".join(textwrap.wrap(printable(note), characters, max_lines=lines, placeholder=" …"))

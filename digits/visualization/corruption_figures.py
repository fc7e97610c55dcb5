"""A figure of digits in named rows and columns: corruptions by strength, fonts by digit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from digits.visualization.figures import INK, save

CELL = 0.36  # inches: the side of a digit
MARGIN = 1.9  # inches: the names of the rows


def table(digits: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, path: Path) -> None:
    """Draw (rows, columns, height, width) uint8 digits to a PNG file, with a name for each row and each column."""
    height, width = digits.shape[2:]
    size = (len(columns) * CELL + MARGIN, len(rows) * CELL + 0.6)
    figure = Figure(figsize=size, dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.set_anchor("E")  # the names of the rows are on the other side
    sheet = digits.transpose(0, 2, 1, 3).reshape(len(rows) * height, len(columns) * width)
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_yticks(height * (np.arange(len(rows)) + 0.5), labels=rows, fontsize=8, color=INK)
    axes.set_xticks(width * (np.arange(len(columns)) + 0.5), labels=columns, fontsize=8, color=INK)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=9, color=INK)
    save(figure, path)

"""The figure of a model's accuracy by slice, as a PNG file. The same content gives the same bytes."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from digits.arrays import Floats
from digits.data.dataset import Digits
from digits.visualization.figures import ACCENT, GRID, INK, save

ACROSS = 2  # columns of digits
GAP = 0.6  # of a row, between two slices


def slices(table: pd.DataFrame, worst: pd.Series, hardest: Digits, probabilities: Floats, path: Path) -> None:
    """The accuracy of each group with its 95 % interval, and the hardest digits of the worst group.

    Takes the rows of `evaluation.slices.score`, the one of the worst group, up to 10 digits of it and their (m, 10)
    probabilities.
    """
    figure = Figure(figsize=(11, max(6, 0.25 * len(table) + 2)), dpi=100, layout="constrained")
    left, right = figure.subfigures(1, 2, squeeze=False, width_ratios=(7, 4)).flat
    _accuracies(left.subplots(), table, worst)
    _digits(right, hardest, probabilities)
    title = f"The hardest digits of {worst['slice']}: {worst['group']}"
    right.suptitle(title, color=INK, fontsize=10, parse_math=False)
    save(figure, path)


def _accuracies(axes: Axes, table: pd.DataFrame, worst: pd.Series) -> None:
    positions = np.arange(len(table)) + GAP * (table["slice"] != table["slice"].shift()).cumsum().to_numpy()
    for position, row in zip(positions, table.to_dict("records"), strict=True):
        is_worst = (row["slice"], row["group"]) == (worst["slice"], worst["group"])
        low, high, accuracy = (100 * row[name] for name in ("accuracy_low", "accuracy_high", "accuracy"))
        axes.plot([low, high], [position] * 2, color=ACCENT if is_worst else INK, linewidth=1.5)
        axes.plot(accuracy, position, "o", color=ACCENT if is_worst else INK, markersize=5)
    names = [f"{row.slice}: {row.group}  ({row.pictures:,})" for row in table.itertuples()]
    axes.set_yticks(positions, labels=names, fontsize=8, color=INK, parse_math=False)
    axes.invert_yaxis()
    axes.set_xlabel("accuracy, %, with its 95 % interval")
    title = f"Test accuracy by slice; the worst is {worst['slice']}: {worst['group']}, {worst['accuracy']:.2%}"
    axes.set_title(title, color=INK, fontsize=10, parse_math=False)
    axes.grid(axis="x", color=GRID)
    axes.spines[["top", "right"]].set_visible(False)


def _digits(figure: SubFigure, hardest: Digits, probabilities: Floats) -> None:
    grid = figure.subplots(-(-len(hardest.labels) // ACROSS), ACROSS, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, image, label, scores in zip(grid.flat, *hardest, probabilities, strict=False):
        predicted = int(scores.argmax())
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        title = f"label {label}, predicted {predicted}, {scores[predicted]:.0%}"
        axes.set_title(title, fontsize=8, color=INK if predicted == label else ACCENT)

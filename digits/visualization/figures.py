"""Figures of the data and of the model, as PNG files. The same content gives the same bytes."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from digits.arrays import Floats
from digits.data.dataset import LABELS, NO_DIGIT, Digits
from digits.data.stacks import DIGIT_SIZE
from digits.data.training_tables import NonDigits
from digits.files import atomic_write

SAMPLES_PER_LABEL = 12
INK, ACCENT, GRID = "#1b2a41", "#d1495b", "#d9dee7"


def samples(digits: Digits, count: int, path: Path) -> None:
    """The first digits of each label, a row for each, of a split with `count` digits."""
    _sheet(_by_label(digits), f"{count:,} training digits: the first of each label", path)


def non_digits(found: NonDigits, path: Path) -> None:
    """The first canonical pictures of each kind of what is no digit, a row for each."""
    kinds = {str(kind).replace("_", " "): found.images[found.kinds == kind] for kind in dict.fromkeys(found.kinds)}
    _sheet(kinds, f"{len(found.kinds):,} pictures of no digit; blank ones are refused without the network", path)


def page_cuts(found: Digits, path: Path) -> None:
    """The first cuts of composed pages with each label, a row for each."""
    rows = {**_by_label(found), "none": found.images[found.labels == NO_DIGIT]}
    _sheet(rows, f"{len(found.labels):,} cuts of composed pages: the first of each label", path)


def _by_label(digits: Digits) -> dict[str, np.ndarray]:
    return {str(label): digits.images[digits.labels == label] for label in LABELS}


def _sheet(rows: dict[str, np.ndarray], title: str, path: Path) -> None:
    """Rows of (n, 28, 28) uint8 canonical pictures, the first of each, by their names."""
    sheet = np.zeros((len(rows), SAMPLES_PER_LABEL, DIGIT_SIZE, DIGIT_SIZE), np.uint8)
    for row, images in enumerate(rows.values()):
        sheet[row, : len(images)] = images[:SAMPLES_PER_LABEL]
    names = 0.1 * max(map(len, rows)) + 0.1  # inches, at the font's size
    figure = Figure(figsize=(SAMPLES_PER_LABEL * 0.6 + names, len(rows) * 0.6 + 0.3), dpi=100, layout="constrained")
    axes = figure.subplots()
    pixels = sheet.transpose(0, 2, 1, 3).reshape(len(rows) * DIGIT_SIZE, -1)
    axes.imshow(pixels, cmap="gray_r", vmin=0, vmax=255, aspect="auto")
    middles = [DIGIT_SIZE * (row + 0.5) for row in range(len(rows))]
    axes.set_yticks(middles, labels=list(rows), fontsize=12, color=INK)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title, color=INK)
    save(figure, path)


def learning_curves(history: list[dict[str, float]], path: Path) -> None:
    """Loss and error by epoch, of the augmented training split and of the validation split."""
    figure = Figure(figsize=(10, 4), dpi=100, layout="constrained")
    epochs = np.arange(1, len(history) + 1)
    curves: dict[str, tuple[str, Callable[[Floats], Floats]]] = {
        "cross-entropy, smoothed labels": ("loss", lambda value: value),
        "error, % (log scale)": ("accuracy", lambda value: 100 * (1 - value)),
    }
    for axes, (title, (name, scale)) in zip(figure.subplots(1, 2), curves.items(), strict=True):
        for prefix, of, colour in (("", "training, augmented", INK), ("val_", "validation", ACCENT)):
            values = scale(np.array([epoch[prefix + name] for epoch in history]))
            axes.plot(epochs, values, color=colour, label=of, marker=".", markersize=4)
        axes.set(title=title, xlabel="epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(color=GRID)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    error = figure.axes[1]
    error.set_yscale("log")
    error.yaxis.set_major_formatter(LogFormatter(minor_thresholds=(3, 1)))
    error.yaxis.set_minor_formatter(LogFormatter(minor_thresholds=(3, 1)))
    save(figure, path)


def confusion_matrix(counts: np.ndarray, path: Path) -> None:
    """The confusion matrix of (10, 10) counts, with the mistakes in colour."""
    figure = Figure(figsize=(6.4, 6), dpi=100, layout="constrained")
    axes = figure.subplots()
    mistakes = np.where(np.eye(len(counts), dtype=bool), 0, counts)
    axes.imshow(mistakes, cmap="Reds", vmin=0, vmax=max(6, 1.6 * mistakes.max()))  # light enough to read the count
    for (row, column), count in np.ndenumerate(counts):
        if count:
            weight = "normal" if row == column else "bold"
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=INK, fontsize=10, fontweight=weight)
    right, total = int(np.trace(counts)), int(counts.sum())
    axes.set(title=f"{total - right:,} of {total:,} test digits misclassified", xlabel="predicted", ylabel="true label")
    axes.set_xticks(list(LABELS))
    axes.set_yticks(list(LABELS))
    save(figure, path)


def distributions(
    histograms: dict[str, tuple[np.ndarray, np.ndarray]], bounds: dict[str, tuple[float | None, float | None]]
) -> bytes:
    """A PNG of every statistic by label: a panel per statistic, a row per label, darker where more values are.

    `histograms` maps a name to the (k + 1,) edges of its bins and the (10, k) counts of each label's values there;
    `bounds` gives a name's (lowest, highest) allowed value, None where there is none: drawn as lines.
    """
    across = 4
    down = max(1, -(-len(histograms) // across))
    figure = Figure(figsize=(12, 2.1 * down), dpi=100)
    figure.subplots_adjust(left=0.02, right=0.99, bottom=0.04, top=0.96, wspace=0.1, hspace=0.4)
    grid = figure.subplots(down, across, squeeze=False).ravel()
    for axes in grid[len(histograms) :]:
        axes.set_axis_off()
    for axes, (name, (edges, rows)) in zip(grid, histograms.items(), strict=False):
        shares = rows / np.maximum(rows.max(axis=1, keepdims=True), 1)
        extent = (edges[0], edges[-1], len(LABELS) - 0.5, -0.5)
        axes.imshow(shares, aspect="auto", cmap="Blues", extent=extent, vmin=0, vmax=1, interpolation="nearest")
        for bound in bounds.get(name, ()):
            if bound is not None and edges[0] <= bound <= edges[-1]:
                axes.axvline(bound, color=ACCENT, linewidth=1.5)
        axes.set_title(name, fontsize=10, color=INK, loc="left")
        axes.set_yticks(list(LABELS), labels=list(LABELS), fontsize=6)
        axes.tick_params(axis="x", labelsize=7)
        axes.xaxis.set_major_locator(MaxNLocator(4))
    return png(figure)


def png(figure: Figure) -> bytes:
    """The figure as a PNG without a date or a version in it, for a page."""
    buffer = BytesIO()
    figure.savefig(buffer, metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, path: Path) -> None:
    """Write the figure as a PNG without a date or a version in it."""
    with atomic_write(path) as temporary:
        figure.savefig(temporary, metadata={"Software": None})

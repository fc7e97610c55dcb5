"""Figures of a model's errors, calibration and refusal, as PNG files. The same content gives the same bytes."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from digits.arrays import Floats, Ints, Pixels
from digits.visualization.figures import ACCENT, GRID, INK, save
from digits.visualization.overlay import LEGEND, overlay

BAR_WIDTH = 0.04


def mistakes(images: Pixels, labels: Ints, probabilities: Floats, rows: Ints, saliency: Floats, path: Path) -> None:
    """The worst mistakes: (n, 28, 28) images with label, predicted label, confidence and row in the test split.

    Right of each image is the saliency of its predicted label, (n, 28, 28), as `overlay` takes it.
    """
    side = max(1, int(np.ceil(np.sqrt(len(rows)))))
    height = max(1, -(-len(rows) // side))
    figure = Figure(figsize=(max(side * 2.3, 5) + 0.4, height * 1.5 + 1.5), dpi=100, layout="constrained")
    grid = figure.subplots(height, side, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    digits = np.repeat(255 - images[..., None], 3, axis=3)
    pairs = np.concatenate([digits, overlay(images, saliency)], axis=2)
    for axes, pair, label, scores, row in zip(grid.flat, pairs, labels, probabilities, rows, strict=False):
        axes.imshow(pair)
        predicted = int(scores.argmax())
        confidence = f"confidence {scores[predicted]:.0%}, row {row}"
        axes.set_title(f"label {label}, predicted {predicted}\n{confidence}", fontsize=8, color=INK)
    title = "The worst mistakes on the test split" if len(rows) else "No mistake on the test split"
    figure.suptitle(title, color=INK)
    figure.supxlabel(textwrap.fill(LEGEND, 90), color=INK, fontsize=8)
    save(figure, path)


def reliability(
    confidence: Floats,
    accuracy: Floats,
    low: Floats,
    high: Floats,
    ideal_low: Floats,
    ideal_high: Floats,
    digits: Ints,
    path: Path,
) -> None:
    """The reliability diagram of (m,) bins: accuracy by mean confidence, 0 to 1, and their numbers of digits.

    `low` to `high` is the interval of each accuracy, `ideal_low` to `ideal_high` that of a perfectly calibrated model.
    """
    figure = Figure(figsize=(7, 7), dpi=100, layout="constrained")
    axes, counts = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    label = "95 % of samples of a perfectly calibrated model"
    axes.bar(confidence, ideal_high - ideal_low, BAR_WIDTH, ideal_low, color=GRID, label=label)
    lengths = np.abs(np.stack([low, high]) - accuracy)
    axes.errorbar(confidence, accuracy, lengths, fmt="o", color=ACCENT, capsize=3, label="accuracy, Wilson's interval")
    last = f"the last bin, {digits[-1]:,} of them: confidence {confidence[-1]:.2%}, accuracy {accuracy[-1]:.2%}"
    axes.set_title(f"Reliability on {digits.sum():,} test digits\n{last}", fontsize=11, color=INK)
    axes.set(ylabel="accuracy", ylim=(-0.02, 1.02))
    figure.legend(frameon=False, loc="outside lower center", ncols=2)
    counts.bar(confidence, digits, BAR_WIDTH, color=INK)
    for place, count in zip(confidence, digits, strict=True):
        counts.annotate(f"{count:,}", (place, count), (0, 2), textcoords="offset points", ha="center", fontsize=8)
    counts.set(yscale="log", xlim=(0, 1.03), xlabel="mean confidence of the bin", ylabel="digits")
    counts.set_ylim(0.5, 5 * max(digits.max(), 1))
    for one in (axes, counts):
        one.spines[["top", "right"]].set_visible(False)
    save(figure, path)


def risk_coverage(
    coverage: Floats, error: Floats, area: float, chosen: tuple[float, float], threshold: float, path: Path
) -> None:
    """The risk-coverage curve: (m,) shares of the test digits that are accepted, and of these the share misread.

    `area` is that under it; `chosen` is (coverage, error) with the chosen threshold of the confidence and the bound of
    the outlier score.
    """
    figure = Figure(figsize=(7, 4.4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot(coverage, error, color=INK, drawstyle="steps-post")
    result = f"{chosen[0]:.2%} accepted, {chosen[1]:.2%} of them misread"
    label = f"probability ≥ {threshold:.4g}, and the bound of the score:\n{result}"
    axes.plot(*chosen, "o", color=ACCENT, label=label)
    axes.set(title=f"Error among accepted test digits; area under the curve {area:.5f}", xlim=(0, 1.01))
    axes.set(xlabel="coverage: test digits accepted", ylabel="error among them")
    highest = max(error[-1], chosen[1], 0.001)  # one error among the few most confident digits may be beyond
    axes.set_ylim(-0.02 * highest, 1.1 * highest)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=2))
    axes.grid(color=GRID)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")
    save(figure, path)

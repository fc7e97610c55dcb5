"""Figures of two models, one over the other, as PNG bytes for a page. The same content gives the same bytes."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from digits.arrays import Floats
from digits.visualization.figures import ACCENT, GRID, INK, png

STYLES = ({"color": INK, "marker": "o"}, {"color": ACCENT, "marker": "s"})
SIZE = (6, 4.6)  # inches


class RiskCoverage(NamedTuple):
    """A model's curve: (m,) shares of the digits that are accepted, and of these the share misread, 0 to 1.

    `chosen` is what the model itself accepts, as one such pair.
    """

    coverage: Floats
    error: Floats
    chosen: tuple[float, float]


class Reliability(NamedTuple):
    """A model's (m,) bins of the confidence: its mean, the accuracy, and the interval of this, 0 to 1."""

    confidence: Floats
    accuracy: Floats
    low: Floats
    high: Floats


def risk_coverage(first: RiskCoverage, second: RiskCoverage) -> bytes:
    """The risk-coverage curves of A and B."""
    figure = Figure(figsize=SIZE, dpi=100, layout="constrained")
    axes = figure.subplots()
    for name, curve, style in zip("AB", (first, second), STYLES, strict=True):
        axes.plot(curve.coverage, curve.error, color=style["color"], drawstyle="steps-post")
        coverage, error = curve.chosen
        label = f"{name} accepts {coverage:.2%} and misreads {error:.2%} of them"
        axes.plot(coverage, error, style["marker"], color=style["color"], label=label)
    highest = max(0.001, *(max(curve.error[-1], curve.chosen[1]) for curve in (first, second)))
    axes.set(title="Error among accepted digits", xlabel="coverage: digits accepted", ylabel="error among them")
    axes.set(xlim=(0, 1.01), ylim=(-0.02 * highest, 1.2 * highest))
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=2))
    _finish(axes)
    return png(figure)


def reliability(first: Reliability, second: Reliability) -> bytes:
    """The reliability diagrams of A and B, with the interval of each accuracy."""
    figure = Figure(figsize=SIZE, dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    for name, bins, style in zip("AB", (first, second), STYLES, strict=True):
        lengths = np.abs(np.stack([bins.low, bins.high]) - bins.accuracy)
        axes.errorbar(
            bins.confidence, bins.accuracy, lengths, fmt=style["marker"], color=style["color"], capsize=3, label=name
        )
    axes.set(title="Reliability", xlabel="mean confidence of the bin", ylabel="accuracy")
    axes.set(xlim=(0, 1.02), ylim=(-0.02, 1.02))
    _finish(axes)
    return png(figure)


def _finish(axes: Axes) -> None:
    axes.grid(color=GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper left")

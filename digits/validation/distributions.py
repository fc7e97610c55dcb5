"""How the numbers of a table are distributed: quantiles and histograms, on either engine from the same few figures."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from digits.data.dataset import LABELS

if TYPE_CHECKING:  # the service counts with `histogram`, and has no table
    from digits.validation.table import Summary, Table

LABEL_BINS = 40  # of a statistic, in the histograms by label


def quantiles(table: "Table", columns: Sequence[str], fractions: npt.ArrayLike) -> dict[str, np.ndarray]:
    """Of each column the quantiles of its known numbers at these fractions, as `np.quantile`; none where none is."""
    known = {name: table.summary(name).known for name in columns}
    places = {name: np.asarray(fractions) * (known[name] - 1) for name in columns}
    ranks = {name: _ranks(of) for name, of in places.items() if known[name]}
    found = table.order_statistics(ranks)
    return {
        name: np.array([_between(place, ranks[name], found[name]) for place in places[name]])
        if name in found
        else np.empty(0)
        for name in columns
    }


def _ranks(places: np.ndarray) -> list[int]:
    """The ranks on both sides of each place, which may be between two."""
    ranks: list[int] = np.unique(np.concatenate([np.floor(places), np.ceil(places)])).astype(int).tolist()
    return ranks


def _between(place: float, ranks: Sequence[int], values: np.ndarray) -> float:
    """The value at a place between two ranks: numpy interpolates, so that the last digit is its."""
    below, above = (values[ranks.index(int(rank))] for rank in (np.floor(place), np.ceil(place)))
    return float(np.quantile([below, above], place - np.floor(place)))


def histogram(values: pd.Series, edges: Sequence[float]) -> np.ndarray:
    """How many values lie below the first of k edges, at it, below the second, at it, and so on: 2 k + 1 counts."""
    numbers, bounds = values.dropna().to_numpy(float), np.array(edges)
    bins = np.searchsorted(bounds, numbers, "left") + np.searchsorted(bounds, numbers, "right")
    return np.bincount(bins, minlength=2 * len(edges) + 1)


def histograms(table: "Table", edges: Mapping[str, Sequence[float]]) -> dict[str, np.ndarray]:
    """The `histogram` of each column at its edges."""
    if not edges:
        return {}
    ends = np.cumsum([2 * len(of) + 1 for of in edges.values()])
    counts = table.add_up(partial(_histograms, edges=edges), list(edges), int(ends[-1]))
    return dict(zip(edges, np.split(counts, ends[:-1]), strict=True))


def _histograms(rows: pd.DataFrame, edges: Mapping[str, Sequence[float]]) -> np.ndarray:
    return np.concatenate([histogram(rows[name], of) for name, of in edges.items()])


def label_histograms(table: "Table", columns: Sequence[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Of each column the (41,) edges of bins that hold all its numbers, and the (10, 40) counts of each label's."""
    edges = {name: _even_edges(table.summary(name)) for name in columns}
    shape = len(columns), len(LABELS), LABEL_BINS
    count = partial(_label_histograms, edges=edges)
    counts = table.add_up(count, [*columns, "label"], int(np.prod(shape))).reshape(shape)
    return {name: (edges[name], of) for name, of in zip(columns, counts, strict=True)}


def _even_edges(summary: "Summary") -> np.ndarray:
    lowest, highest = (summary.lowest, summary.highest) if summary.known else (0, 1)
    margin = 0.05 * (highest - lowest) or 0.5
    return np.linspace(lowest - margin, highest + margin, LABEL_BINS + 1)


def _label_histograms(rows: pd.DataFrame, edges: Mapping[str, np.ndarray]) -> np.ndarray:
    labels, counts = rows["label"].to_numpy(), []
    for name, bounds in edges.items():
        values = rows[name].to_numpy(float)
        known = np.isfinite(values)
        counts += [np.histogram(values[known & (labels == label)], bounds)[0] for label in LABELS]
    return np.concatenate(counts)

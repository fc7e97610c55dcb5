"""Exact order statistics of columns of numbers on Spark, by counting: nothing is sorted, and little is collected.

A float64 is mapped to the integer that has the same place among the others. A pass over the rows counts the values by
the leading bits of their integers, and the next one, of the values that share them with a wanted one, by more bits.
Few values are counted by all bits at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from digits.arrays import Ints
from digits.spark.batches import joined

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

BITS_LEFT_OUT = (44, 32, 20, 8, 0)  # by each pass: the first has 256 bins between a number and its double
MAX_VALUES = 1_000_000  # of so few, a pass counts each, and is the last one
BIN_AGGREGATES = {"rows": "sum", "lowest": "min", "highest": "max"}
BIN_COLUMNS = ["column", "bin", *BIN_AGGREGATES]


class Wanted(NamedTuple):
    """A number to find: the `rank` in its column, 0 the lowest, and the rank `left` in the bin of the last pass."""

    column: str
    rank: int
    left: int
    bin: int | None = None


def order_statistics(table: "DataFrame", ranks: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
    """Of each column the numbers at these ranks, float64, when those that are not null are sorted; 0 is the lowest."""
    wanted = [Wanted(column, rank, rank) for column, of in ranks.items() for rank in of]
    found: dict[tuple[str, int], float] = {}
    values = sum(max(of) + 1 for of in ranks.values())
    shift, before, shifts = 0 if values <= MAX_VALUES else BITS_LEFT_OUT[0], 64, iter(BITS_LEFT_OUT[1:])
    while wanted:
        bins = _count(table, wanted, before, shift)
        placed = [_place(one, bins[one.column], shift if one.bin is None else before - shift) for one in wanted]
        done = {(one.column, one.rank): float(low) for one, low, high, _ in placed if low == high}
        found |= done
        rest = {(one.column, one.bin): rows for one, low, high, rows in placed if low != high}
        wanted = [one for one, low, high, _ in placed if low != high]
        before, shift = shift, 0 if sum(rest.values()) <= MAX_VALUES else next(shifts, 0)
    return {column: np.array([found[column, rank] for rank in of]) for column, of in ranks.items()}


def _place(wanted: Wanted, bins: pd.DataFrame, bits: int) -> tuple[Wanted, float, float, int]:
    """The wanted number in its bin, and the lowest and the highest number and the rows of that."""
    of = bins if wanted.bin is None else bins[bins["bin"].to_numpy() >> bits == wanted.bin]
    ends = of["rows"].cumsum().to_numpy()
    at = int(np.searchsorted(ends, wanted.left, "right"))
    bin = of.iloc[at]
    left = wanted.left - int(ends[at] - bin["rows"])
    return wanted._replace(left=left, bin=int(of["bin"].iloc[at])), bin["lowest"], bin["highest"], int(bin["rows"])


def _count(table: "DataFrame", wanted: Sequence[Wanted], before: int, shift: int) -> dict[str, pd.DataFrame]:
    """The bins of each column, in their order, that have a wanted number, or all of them in the first pass."""
    from pyspark.sql import functions

    bins: dict[str, list[int]] = {}
    for one in wanted:
        bins.setdefault(one.column, []).extend([] if one.bin is None else [one.bin])
    rows = table.select(*(functions.col(name).cast("double") for name in bins))
    types = "column string, bin long, rows long, lowest double, highest double"
    counted: pd.DataFrame = (
        rows.mapInPandas(partial(_count_partition, bins=bins, before=before, shift=shift), types)
        .groupBy("column", "bin")
        .agg(*(getattr(functions, how)(name).alias(name) for name, how in BIN_AGGREGATES.items()))
        .toPandas()
    )
    return {str(name): of for name, of in counted.sort_values("bin").groupby("column")}


def _count_partition(
    batches: Iterator[pd.DataFrame], bins: Mapping[str, Sequence[int]], before: int, shift: int
) -> Iterator[pd.DataFrame]:
    counted = [
        _count_values(name, rows[name].to_numpy(), np.unique(of), before, shift)
        for rows in joined(batches)
        for name, of in bins.items()
    ]
    if any(map(len, counted)):  # of a text column without a row, pandas makes what Arrow does not take
        yield pd.concat(counted).groupby(["column", "bin"], as_index=False).agg(BIN_AGGREGATES)


def _count_values(name: str, values: np.ndarray, bins: np.ndarray, before: int, shift: int) -> pd.DataFrame:
    known = values[~np.isnan(values)] + 0.0  # no -0.0, which is another integer
    integers = _ordered(known)
    if len(bins):
        chosen = np.isin(integers >> before, bins)
        known, integers = known[chosen], integers[chosen]
    counted = pd.Series(known).groupby(integers >> shift).agg(["size", "min", "max"]).reset_index()
    return counted.set_axis(BIN_COLUMNS[1:], axis=1).assign(column=name)[BIN_COLUMNS]


def _ordered(numbers: np.ndarray) -> Ints:
    """(n,) int64 in the order of (n,) float64: the bits of a number, those of a negative one reversed."""
    bits = numbers.view(np.int64)
    return bits ^ ((bits >> 63) & np.int64(2**63 - 1))

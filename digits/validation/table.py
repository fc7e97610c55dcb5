"""What the validation asks of the table of statistics, on either engine, and how pandas computes it.

The table has a row for each picture, in the order of the splits and of their rows, which `split` and `row` identify.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd

from digits.data.statistics import ROW_COLUMNS
from digits.validation.findings import add_findings
from digits.validation.label_corrections import LabelCorrections


class Condition(NamedTuple):
    """A row fails it by a value outside the bounds, or not among the allowed ones. A missing value passes."""

    column: str
    lowest: float | None = None
    highest: float | None = None
    allowed: tuple[Any, ...] | None = None  # () for a column that must be empty

    def fails(self, values: pd.Series) -> pd.Series:
        """Whether each of the column's values fails, as bool."""
        known = values.dropna()
        failed = pd.Series(False, index=known.index)
        if self.lowest is not None:
            failed |= known < self.lowest
        if self.highest is not None:
            failed |= known > self.highest
        if self.allowed is not None:
            failed |= ~known.isin(self.allowed)
        return failed.reindex(values.index, fill_value=False)


class Summary(NamedTuple):
    """Of a column of numbers: how many rows have one, and the lowest and the highest, NaN where none has."""

    known: int
    lowest: float
    highest: float


class Table(Protocol):
    """The statistics of pictures. What a method returns does not grow with the rows, except by `failing`."""

    engine: str  # of Great Expectations: pandas or spark

    def __len__(self) -> int: ...

    def seen(self) -> "Table":
        """The rows of train and validation."""

    def count_by(self, *columns: str) -> pd.Series:
        """How many rows have each value, or combination of values, in their order; rows without one are left out.

        Of `split`, `source`, `label`, `format`, `mode` and `split_label`, which have few values.
        """

    def summary(self, column: str) -> Summary: ...

    def order_statistics(self, ranks: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
        """Of each column the numbers at these ranks, float64, when those that are known are sorted; 0 is the lowest."""

    def add_up(self, count: Callable[[pd.DataFrame], np.ndarray], columns: Sequence[str], size: int) -> np.ndarray:
        """The sum over all rows of `count`, which maps any of the rows, with these columns, to (size,) integers."""

    def count_failing(self, conditions: Sequence[Condition]) -> int:
        """How many rows fail any of the conditions."""

    def failing(self, conditions: Sequence[Condition], limit: int | None = None) -> pd.DataFrame:
        """The first rows that fail any of the conditions, in the table's order: `failing_columns` of them."""

    def passing(self, conditions: Sequence[Condition]) -> "Table":
        """The rows that fail none of the conditions. `with_findings` computes their findings without the others."""

    def with_findings(
        self, max_minority: float, max_distance: float, max_ratio: float, corrections: LabelCorrections
    ) -> "Table":
        """With the columns of `findings.add_findings`, computed from these rows."""

    def release(self) -> None:
        """Give back what is kept of the findings on the executors' disks: the table is read no more."""

    def data(self, columns: Sequence[str]) -> Any:
        """The engine's own data frame of these columns."""


class PandasTable:
    """A table in memory."""

    engine = "pandas"

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return len(self.frame)

    def seen(self) -> "PandasTable":
        return PandasTable(self.frame[self.frame["split"] != "test"])

    def count_by(self, *columns: str) -> pd.Series:
        return self.frame.groupby(columns[0] if len(columns) == 1 else list(columns)).size()

    def summary(self, column: str) -> Summary:
        values = self.frame[column].dropna().to_numpy(float)
        return Summary(len(values), *(values.min(), values.max()) if len(values) else (np.nan, np.nan))

    def order_statistics(self, ranks: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
        return {
            column: np.partition(self.frame[column].dropna().to_numpy(float), chosen)[list(chosen)]
            for column, chosen in ranks.items()
        }

    def add_up(self, count: Callable[[pd.DataFrame], np.ndarray], columns: Sequence[str], size: int) -> np.ndarray:
        return count(self.frame[list(columns)])

    def count_failing(self, conditions: Sequence[Condition]) -> int:
        return int(self._fails(conditions).sum())

    def failing(self, conditions: Sequence[Condition], limit: int | None = None) -> pd.DataFrame:
        found = self.frame[self._fails(conditions)][failing_columns(conditions)]
        return found.iloc[:limit].reset_index(drop=True)

    def passing(self, conditions: Sequence[Condition]) -> "PandasTable":
        return PandasTable(self.frame[~self._fails(conditions)].reset_index(drop=True))

    def with_findings(
        self, max_minority: float, max_distance: float, max_ratio: float, corrections: LabelCorrections
    ) -> "PandasTable":
        return PandasTable(add_findings(self.frame, max_minority, max_distance, max_ratio, corrections))

    def release(self) -> None:
        pass

    def data(self, columns: Sequence[str]) -> pd.DataFrame:
        return self.frame[list(columns)]

    def _fails(self, conditions: Iterable[Condition]) -> pd.Series:
        failed = pd.Series(False, index=self.frame.index)
        for condition in conditions:
            failed |= condition.fails(self.frame[condition.column])
        return failed


def failing_columns(conditions: Sequence[Condition]) -> list[str]:
    """What `Table.failing` gives of a row: what identifies it, and the values that the conditions are about."""
    return list(dict.fromkeys([*ROW_COLUMNS, "name", *(condition.column for condition in conditions)]))

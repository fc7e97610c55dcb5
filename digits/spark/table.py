"""Spark's answers to what the validation asks of the table of statistics: `validation.table.Table`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property, reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from digits.data.statistics import FILE_COLUMNS, PIXEL_COLUMNS
from digits.spark.batches import joined
from digits.spark.findings import add_findings
from digits.spark.order_statistics import order_statistics
from digits.spark.related_rows import KEY, rank_of_split
from digits.validation.label_corrections import LabelCorrections
from digits.validation.table import Condition, Summary, failing_columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

CATEGORIES = ["split", "source", "label", "format", "mode", "split_label"]
NUMBERS = [name for name in (*FILE_COLUMNS, *PIXEL_COLUMNS) if name not in CATEGORIES]
PARTITIONS_PER_CORE = 2


class SparkTable:
    """A table in a Spark data frame. `statistics` is what findings are computed from: with thumbnails.

    Closing `kept` unpersists what the frame needs.
    """

    engine = "spark"

    def __init__(
        self,
        spark: "SparkSession",
        statistics: "DataFrame",
        frame: "DataFrame | None" = None,
        kept: ExitStack | None = None,
    ) -> None:
        self._spark, self._statistics, self._kept = spark, statistics, kept or ExitStack()
        self._frame = statistics.drop("thumbnail") if frame is None else frame

    def __len__(self) -> int:
        return int(self._groups["count"].sum())

    def seen(self) -> "SparkTable":
        part = SparkTable(self._spark, self._statistics, self._frame.filter("split != 'test'"))
        part._groups = self._groups[self._groups["split"] != "test"]  # no pass of its own
        return part

    def count_by(self, *columns: str) -> pd.Series:
        return self._groups.groupby(columns[0] if len(columns) == 1 else list(columns))["count"].sum()

    def summary(self, column: str) -> Summary:
        known, lowest, highest = (self._groups[f"{how} {column}"] for how in ("count", "min", "max"))
        return Summary(int(known.sum()), float(lowest.min()), float(highest.max()))

    def order_statistics(self, ranks: Mapping[str, Sequence[int]]) -> dict[str, np.ndarray]:
        return order_statistics(self._frame, ranks)

    def add_up(self, count: Callable[[pd.DataFrame], np.ndarray], columns: Sequence[str], size: int) -> np.ndarray:
        def count_partition(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
            counts = np.zeros(size, np.int64)
            for rows in joined(batches):
                counts += count(rows)
            cells = np.flatnonzero(counts)
            yield pd.DataFrame({"cell": cells, "count": counts[cells]})

        counted = self._frame.select(*columns).mapInPandas(count_partition, "cell long, count long")
        found: pd.DataFrame = counted.groupBy("cell").agg({"count": "sum"}).toPandas()
        counts = np.zeros(size, np.int64)
        counts[found["cell"]] = found["sum(count)"]
        return counts

    def count_failing(self, conditions: Sequence[Condition]) -> int:
        count: int = self._frame.filter(_fails_any(conditions)).count()
        return count

    def failing(self, conditions: Sequence[Condition], limit: int | None = None) -> pd.DataFrame:
        rows = self._frame.filter(_fails_any(conditions)).orderBy(rank_of_split(), "row")
        rows = rows if limit is None else rows.limit(limit)
        found: pd.DataFrame = rows.select(*failing_columns(conditions)).toPandas()
        return found

    def passing(self, conditions: Sequence[Condition]) -> "SparkTable":
        """See `Table.passing`.

        The rows that fail are quarantined, hence few. Their keys go through the driver: a join with the rows themselves
        would have the plan of all findings in that of the next ones.
        """
        from pyspark.sql import functions

        failed = self._frame.filter(_fails_any(conditions)).select(*KEY)
        keys = self._spark.createDataFrame(failed.toArrow(), failed.schema)
        return SparkTable(self._spark, self._statistics.join(functions.broadcast(keys), KEY, "left_anti"))

    def with_findings(
        self, max_minority: float, max_distance: float, max_ratio: float, corrections: LabelCorrections
    ) -> "SparkTable":
        """The rows with their findings are kept on the disks of the executors: some thirty passes read them.

        They are in a few partitions for each core, so that a pass over few pictures does not consist of empty tasks.
        """
        from pyspark import StorageLevel

        kept, bounds = ExitStack(), (max_minority, max_distance, max_ratio)
        found = add_findings(self._spark, self._statistics, *bounds, corrections, kept)
        partitions = PARTITIONS_PER_CORE * self._spark.sparkContext.defaultParallelism
        rows = found.drop("thumbnail").coalesce(partitions).persist(StorageLevel.DISK_ONLY)
        kept.callback(rows.unpersist)
        return SparkTable(self._spark, self._statistics, rows, kept)

    def release(self) -> None:
        self._kept.close()

    def data(self, columns: Sequence[str]) -> Any:
        return self._frame.select(*columns)

    @cached_property
    def _groups(self) -> pd.DataFrame:
        """A row for each combination of CATEGORIES that occurs, of the table's rows that have it.

        The columns are the `count` of these rows, and of each number count, min and max, such as "min ink".
        """
        from pyspark.sql import functions

        known = [name for name in CATEGORIES if name in self._frame.columns]
        wanted = [
            getattr(functions, how)(functions.col(name).cast("double")).alias(f"{how} {name}")
            for name in ["label", *NUMBERS]
            for how in ("count", "min", "max")
        ]
        groups: pd.DataFrame = self._frame.groupBy(*known).agg(functions.count("*").alias("count"), *wanted).toPandas()
        return groups


def _fails_any(conditions: Iterable[Condition]) -> "Column":
    """Whether a row fails any of the conditions, as `Condition.fails` says of one."""
    from pyspark.sql import functions

    failed = [functions.lit(False)]
    for condition in conditions:
        column = functions.col(condition.column)
        if condition.lowest is not None:
            failed.append(column < condition.lowest)
        if condition.highest is not None:
            failed.append(column > condition.highest)
        if condition.allowed is not None:
            failed.append(column.isNotNull() if condition.allowed == () else ~column.isin(*condition.allowed))
    return functions.coalesce(reduce(lambda one, other: one | other, failed), functions.lit(False))

"""Statistics of the raw pictures on Spark: one task computes and writes those of a shard."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from digits import paths
from digits.data import raw_tables, shards
from digits.data.raw_tables import RowGroup
from digits.data.shards import Destination, Shard
from digits.data.statistics import (
    COLUMNS,
    PIXEL_COLUMNS,
    ROW_COLUMNS,
    add_names,
    row_groups_statistics,
    stored,
)
from digits.files import atomic_write
from digits.params import Spark
from digits.spark import destinations, tasks
from digits.spark.session import divide_shuffles

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

# Any row group's statistics have these types: pandas' depend on whether a value is missing anywhere in the table
ROW_SCHEMA = pa.schema(
    {
        "split": pa.string(),
        "row": pa.int64(),
        "path": pa.string(),
        "label": pa.int64(),
        "source": pa.string(),
        "problem": pa.string(),
        "format": pa.string(),
        "mode": pa.string(),
        **dict.fromkeys(["frames", "width", "height"], pa.int64()),
        **dict.fromkeys(["aspect", "min_pixel_value", "max_pixel_value", *PIXEL_COLUMNS], pa.float64()),
        "picture": pa.string(),
        "thumbnail": pa.binary(),
        "name": pa.string(),
    }
)


@contextmanager
def write(spark: "SparkSession", params: Spark, split_rule: Mapping[str, Any]) -> Iterator["DataFrame"]:
    """Write data/interim/statistics.parquet, one shard for each raw one, and give its rows while the block runs.

    The rows have a `name` and a `thumbnail`, too, which are in temporary shards until the block ends. A missing value
    is null; a number's type is that of the file, and a text is a string also where it is missing in all rows.
    """
    with destinations.temporary(params.storage, paths.STATISTICS.with_name(".partial-thumbnails")) as temporary:
        computed = _compute(spark, temporary)
        addresses = [temporary.address(shard) for shard, _ in computed]
        samples = [sample for _, sample in computed] or [pd.DataFrame(columns=[*ROW_COLUMNS, "source", *COLUMNS])]
        schema = stored(pd.concat(samples, ignore_index=True), split_rule).schema
        with atomic_write(paths.STATISTICS, any_kind=True) as partial_folder:  # pandas writes a file
            destination = shards.destination(params.storage, partial_folder, paths.STATISTICS)
            work = partial(_store, destination, schema)
            written = tasks.run(spark, work, list(enumerate(addresses)), "statistics: writing")
            shards.finish(destination, written, schema)
        divide_shuffles(spark, sum(shard.rows for shard, _ in computed))
        rows = _rows(spark, addresses, _row_schema(schema))
        yield rows
        rows.unpersist()


def _compute(spark: "SparkSession", temporary: Destination) -> list[tuple[Shard, pd.DataFrame]]:
    """The temporary shards that have rows, in their order, each with a `_sample` of it."""
    row_groups = (group for group in raw_tables.row_groups() if group.rows)  # not of an empty split
    by_shard = [list(groups) for _, groups in groupby(row_groups, key=lambda group: group.file)]
    done = tasks.run(spark, partial(_compute_shard, temporary), list(enumerate(by_shard)), "statistics")
    return [(shard, sample) for shard, sample in done if shard.rows]


def _compute_shard(temporary: Destination, item: tuple[int, Sequence[RowGroup]]) -> tuple[Shard, pd.DataFrame]:
    number, groups = item
    samples = []

    def tables() -> Iterator[pa.Table]:
        for part in row_groups_statistics(groups):
            samples.append(_sample(part))
            yield pa.Table.from_pandas(add_names(part), schema=ROW_SCHEMA, preserve_index=False)

    shard = shards.write(temporary, number, ROW_SCHEMA, tables())
    return shard, _sample(pd.concat(samples, ignore_index=True))


def _sample(table: pd.DataFrame) -> pd.DataFrame:
    """The first picture that can be decoded and the first that can't: they have the types of the whole table."""
    return table[~table["problem"].isna().duplicated()]


def _store(destination: Destination, schema: pa.Schema, item: tuple[int, str]) -> Shard:
    """Write the shard of data/interim/ from the temporary one."""
    number, address = item
    tables = (table.cast(schema) for table in shards.row_groups(address, schema.names))
    return shards.write(destination, number, schema, tables)


def _row_schema(schema: pa.Schema) -> pa.Schema:
    """ROW_SCHEMA with the numbers' types of the file with this schema."""
    fields = []
    for field in ROW_SCHEMA:
        kept = schema.field(field.name).type if field.name in schema.names else None
        fields.append(field.with_type(kept) if field.type == pa.int64() and kept == pa.float64() else field)
    return pa.schema(fields)


def _rows(spark: "SparkSession", addresses: Sequence[str], schema: pa.Schema) -> "DataFrame":
    """The rows of shards, one partition a shard, kept on the executors' disks after they are first read.

    Python reads them, not Spark, which would need Hadoop's S3A for object storage.
    """
    from pyspark import StorageLevel
    from pyspark.sql.pandas.types import from_arrow_schema

    def read(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for number in batch["id"].to_pylist():
                for table in shards.row_groups(addresses[number], schema.names):
                    yield from table.cast(schema).to_batches()

    numbers = spark.range(0, len(addresses), 1, max(1, len(addresses)))
    return numbers.mapInArrow(read, from_arrow_schema(schema)).persist(StorageLevel.DISK_ONLY)

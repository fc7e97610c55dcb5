"""Validate on Spark: the statistics are computed where the shards are, and the suite runs on a table of the cluster."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from digits.params import Spark
from digits.spark import statistics
from digits.spark.session import session
from digits.spark.table import SparkTable


@contextmanager
def raw_statistics(params: Spark, split_rule: Mapping[str, Any]) -> Iterator[SparkTable]:
    """Write data/interim/statistics.parquet; the statistics of all raw pictures, while the block runs."""
    with session(params) as spark, statistics.write(spark, params, split_rule) as rows:
        yield SparkTable(spark, rows)

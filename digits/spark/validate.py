"""Validate on Spark: the statistics are computed where the shards are, and the suite runs on a table of the cluster."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from digits.params import Spark
from digits.spark import failures, statistics
from digits.spark.session import session
from digits.spark.table import SparkTable
from digits.validation.run import MetricError


@contextmanager
def raw_statistics(params: Spark, split_rule: Mapping[str, Any]) -> Iterator[SparkTable]:
    """Write data/interim/statistics.parquet; the statistics of all raw pictures, while the block runs."""
    with session(params) as spark, statistics.write(spark, params, split_rule) as rows:
        try:
            yield SparkTable(spark, rows)
        except MetricError as error:
            spark.range(1).count()  # where the driver has ended, this raises it: the suite keeps no type of an error
            raise failures.in_words_of(str(error), spark, "validate") from None

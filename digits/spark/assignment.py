"""The split of each picture in the staging shards, by the fingerprints: for each staging shard a shard of splits."""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa

from digits.data import shards
from digits.data.shards import Destination
from digits.params import Ingest
from digits.spark import destinations, groups, splits, tasks
from digits.spark.session import divide_shuffles
from digits.spark.staging_shards import FINGERPRINTS, Staged

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FINGERPRINT_SCHEMA = pa.schema({**FINGERPRINTS, "portion": pa.int32(), "row": pa.int64()})
SCHEMA = pa.schema(splits.ASSIGNED)


class Assigned(NamedTuple):
    """A staging shard by its number and address, and the address of its pictures' splits, a table of SCHEMA."""

    number: int
    pictures: str
    splits: str


def assign(spark: "SparkSession", staged: Sequence[Staged], params: Ingest, place: Destination) -> list[Assigned]:
    """Assign the pictures their splits, and write those of each staging shard, in the order of its rows."""
    from pyspark import StorageLevel

    divide_shuffles(spark, sum(one.rows for one in staged))
    # Read for the pairs, and again
    fingerprints = _read(spark, [one.address for one in staged]).persist(StorageLevel.DISK_ONLY)
    grouped = groups.group(spark, fingerprints, params.near_duplicate_distance)
    assigned = splits.assign(grouped, params)
    destination = destinations.inside(place, "splits")
    written = assigned.groupBy("portion").applyInPandas(_writer(destination), "portion int, address string")
    rows = sorted(tasks.collect(written, len(staged), "splits"), key=lambda row: row["portion"])
    fingerprints.unpersist()
    return [
        Assigned(number, shard.address, row["address"])
        for number, (shard, row) in enumerate(zip(staged, rows, strict=True))
    ]


def _read(spark: "SparkSession", addresses: Sequence[str]) -> "DataFrame":
    """The fingerprints in the shards at the addresses; a picture's portion is the number of its shard."""
    from pyspark.sql.pandas.types import from_arrow_schema

    def read(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for portion in batch["id"].tolist():
                first = 0
                for table in shards.row_groups(addresses[portion], list(FINGERPRINTS)):
                    found = table.to_pandas()
                    yield found.assign(portion=np.int32(portion), row=np.arange(first, first + len(found)))
                    first += len(found)

    numbers = spark.range(0, len(addresses), 1, len(addresses))
    return numbers.mapInPandas(read, from_arrow_schema(FINGERPRINT_SCHEMA))


def _writer(destination: Destination) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def write(found: pd.DataFrame) -> pd.DataFrame:
        portion = int(found["portion"].iloc[0])
        table = pa.Table.from_pandas(found.sort_values("row"), SCHEMA, preserve_index=False)
        shard = shards.write(destination, portion, SCHEMA, [table])
        return pd.DataFrame({"portion": [portion], "address": [destination.address(shard)]})

    return write

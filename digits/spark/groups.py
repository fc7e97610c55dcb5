"""Groups of near duplicates on Spark: those of `near_duplicates.group` and `join_equal`, of any number of pictures.

Each picture's thumbnail is sent to a partition for each of its HASHES hashes, where those that have the hash in common
are compared. The driver connects the near pairs: they are few, since most pictures have no near duplicate.
"""

from collections.abc import Iterable, Iterator
from functools import partial
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from digits.data import near_duplicates
from digits.data.near_duplicates import THUMBNAIL_PIXELS
from digits.spark import sorted_rows, tasks

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROW_BITS = 40  # of a picture's number, below its portion's
ROWS_AT_ONCE = 50_000  # thumbnails that are compared in one go; a larger bucket is compared whole


def group(spark: "SparkSession", fingerprints: "DataFrame", max_distance: float) -> "DataFrame":
    """`fingerprints` without its column `thumbnail`, and with `group` long: equal for pictures of one group.

    `fingerprints` has (portion int, row long) of each picture, `digest` binary(32), equal for pictures that show the
    same, `thumbnail` binary(196), and other columns. Pictures are in one group where their thumbnails, scaled to length
    1, are at most `max_distance` apart, where both are blank and their digests are equal, and where they are connected
    by such pairs. The group's number is that of its first picture: portion · 2^40 + row.

    Memory: a process has some ROWS_AT_ONCE thumbnails, and those of a larger bucket on its disk. The driver has 16
    bytes for each picture that has a near duplicate, up to HASHES times, and nothing for equal ones.

    Raises UserError with the cause where a task failed: at once with `local[…]`, four times on a cluster.
    """
    from pyspark.sql import functions

    pictures = _with_first_equal(fingerprints)
    found = _near_pairs(pictures, max_distance)
    partitions = int(spark.conf.get(tasks.SHUFFLE_PARTITIONS) or 1)
    pairs: Any = tasks.watched(spark, found.toArrow, partitions, "near duplicates")
    components = _components(pairs["one"].to_numpy(), pairs["other"].to_numpy())
    linked = spark.createDataFrame(components, "first long, linked long")
    joined = pictures.drop("thumbnail", "content", "number").join(linked, "first", "left")
    return joined.withColumn("group", functions.coalesce("linked", "first")).drop("first", "linked")


def _with_first_equal(fingerprints: "DataFrame") -> "DataFrame":
    """With each picture's `number`, its `content`, and `first`, the lowest number of an equal content."""
    from pyspark.sql import Window, functions

    blank = functions.col("thumbnail") == functions.lit(bytes(THUMBNAIL_PIXELS))
    number = functions.shiftleft(functions.col("portion").cast("long"), ROW_BITS) + functions.col("row")
    content = functions.when(blank, functions.col("digest")).otherwise(functions.col("thumbnail"))
    pictures = fingerprints.withColumns({"number": number, "content": content})
    return pictures.withColumn("first", functions.min("number").over(Window.partitionBy("content")))


def _near_pairs(pictures: "DataFrame", max_distance: float) -> "DataFrame":
    """(one long, other long): numbers of pictures, as many pairs as connect those that have a hash in common."""
    from pyspark.sql import Window, functions

    inked = functions.octet_length("content") == THUMBNAIL_PIXELS
    distinct = pictures.where((functions.col("number") == functions.col("first")) & inked).select("number", "thumbnail")
    hashed = distinct.mapInArrow(_hash, "number long, thumbnail binary, hashes array<long>")
    rows = hashed.select("number", "thumbnail", functions.posexplode("hashes").alias("column", "hash"))
    # A hash that no other picture has gives no pair
    same = rows.withColumn("size", functions.count("*").over(Window.partitionBy("column", "hash"))).where("size > 1")
    buckets = same.drop("size").sortWithinPartitions("column", "hash", "number")
    return buckets.mapInArrow(partial(_pairs_of_buckets, max_distance=max_distance), "one long, other long")


def _hash(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        thumbnails = np.frombuffer(b"".join(batch["thumbnail"].to_pylist()), np.uint8)
        keys = near_duplicates.hashes(thumbnails.reshape(-1, THUMBNAIL_PIXELS))
        offsets = np.arange(0, keys.size + 1, keys.shape[1], dtype=np.int32)
        yield batch.append_column("hashes", pa.ListArray.from_arrays(offsets, keys.ravel()))


def _pairs_of_buckets(batches: Iterable[pa.RecordBatch], max_distance: float) -> Iterator[pa.RecordBatch]:
    """Near pairs of rows that are sorted by column and hash; the rows of one column and hash are a bucket."""
    buckets = _Buckets()
    for rows, ends in sorted_rows.parts(batches, ["column", "hash"], ROWS_AT_ONCE):
        buckets.add(rows)
        if ends:
            yield buckets.pairs(max_distance)
            buckets = _Buckets()


class _Buckets:
    """Rows of buckets, with their thumbnails in a temporary file: a bucket may be larger than the memory."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - it goes with the object
        self._rows: list[pa.RecordBatch] = []

    def add(self, rows: pa.RecordBatch) -> None:
        self._file.write(b"".join(rows["thumbnail"].to_pylist()))
        self._rows.append(rows.drop_columns("thumbnail"))

    def pairs(self, max_distance: float) -> pa.RecordBatch:
        """Numbers of pictures that connect the near duplicates in each bucket."""
        rows = pa.Table.from_batches(self._rows)
        keys, numbers = sorted_rows.group_numbers(rows, ["column", "hash"]), rows["number"].to_numpy()
        self._file.flush()
        thumbnails = np.memmap(self._file, np.uint8, "r", shape=(rows.num_rows, THUMBNAIL_PIXELS))
        one, other = near_duplicates.near_pairs(thumbnails, keys, max_distance)
        return pa.record_batch({"one": numbers[one], "other": numbers[other]})


def _components(one: np.ndarray, other: np.ndarray) -> pa.Table:
    """`first`: each number in the (k,) pairs, and `linked`: the lowest number that it is connected to."""
    numbers, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    edges = coo_array((np.ones(len(one), bool), (places[: len(one)], places[len(one) :])), shape=(len(numbers),) * 2)
    label = connected_components(edges, directed=False)[1] if len(numbers) else numbers
    lowest = np.unique(label, return_index=True)[1]
    return pa.table({"first": numbers, "linked": numbers[lowest[label]]})

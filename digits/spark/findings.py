"""The findings on Spark: `validation.findings.add_findings` of a table that does not fit into memory.

A rule is that of pandas, applied to parts of the table. The statistics stay where they are: the pictures' hashes and
thumbnails are shuffled, and then the few rows that have a picture, or nearly the same one, in common with another row.
"""

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pandas as pd

from digits.data.corrections import CONFLICT
from digits.data.dataset import SPLITS
from digits.spark import class_mismatch, related_rows
from digits.spark.groups import group
from digits.spark.related_rows import KEY, rank_of_split
from digits.validation.duplicates import also_in_split, duplicate_of, near_leaks
from digits.validation.findings import corrected_share, find_in_rows
from digits.validation.label_conflicts import find_mismatches, other_label
from digits.validation.label_corrections import LabelCorrections

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

ROW_FINDINGS = ["split_label", "misnamed", "odd_ink", "correction_conflict", "class_mismatch"]
EQUAL_FINDINGS = ["duplicate_of", "also_in_split", "other_label"]


def add_findings(
    spark: "SparkSession",
    table: "DataFrame",
    max_minority: float,
    max_distance: float,
    max_ratio: float,
    corrections: LabelCorrections,
    kept: ExitStack,
) -> "DataFrame":
    """The table with the columns of `validation.findings.add_findings`, which explains the arguments; null for None.

    What is persisted for it is unpersisted when `kept` is closed.

    The order of the rows, by which a message names the first of some pictures, is that of split and row. `table` is
    read several times, and the result is computed anew each time that it is read: persist both.
    """
    from pyspark.sql import functions

    equal = related_rows.materialize(_equal_pictures(table, kept), kept)
    near = _near_pictures(spark, table, equal, max_distance, kept)
    related = related_rows.materialize(equal.join(near, KEY, "full_outer"), kept)
    by_row = _row_findings(table, max_minority, max_ratio, corrections)
    return (
        table.withColumn("by_row", by_row)
        .select(*table.columns, *(functions.col(f"by_row.{name}") for name in ROW_FINDINGS))
        .withColumn("corrected_share", functions.lit(corrected_share(corrections)))
        .join(related, KEY, "left")
    )


def _row_findings(table: "DataFrame", max_minority: float, max_ratio: float, corrections: LabelCorrections) -> "Column":
    """A struct of ROW_FINDINGS, from the row, the share of dark ink in the table, and the classes fitted to it."""
    from pyspark.sql import functions
    from pyspark.sql.pandas.functions import pandas_udf

    dark_share = table.agg(functions.avg("dark_ink")).collect()[0][0] or 0.0
    classes = class_mismatch.fit(table)
    conflicts = corrections._replace(rows=corrections.rows[corrections.rows["effect"] == CONFLICT])

    def find(rows: pd.DataFrame) -> pd.DataFrame:
        by_row = find_in_rows(rows, dark_share, max_minority, conflicts)
        return pd.DataFrame({**by_row, "class_mismatch": find_mismatches(rows, classes, max_ratio)})[ROW_FINDINGS]

    columns = ["split", "label", "path", "format", "dark_ink", "picture", "thumbnail"]
    found = ", ".join(f"{name} string" for name in ROW_FINDINGS)
    apply: Any = pandas_udf  # its types know no function of a data frame
    struct: Column = apply(find, returnType=found)(functions.struct(*columns))
    return struct


def _equal_pictures(table: "DataFrame", kept: ExitStack) -> "DataFrame":
    """KEY and EQUAL_FINDINGS of the rows that have one."""
    from pyspark.sql import functions

    rows = table.where(functions.col("picture").isNotNull()).select(*KEY, "label", "name", "picture")
    # Eight bytes a row are shuffled. Two pictures with one of these hashes are distinguished by `picture` afterwards.
    several = related_rows.materialize(
        rows.groupBy(functions.xxhash64("picture").alias("hash")).count().where("count > 1").drop("count"),
        kept,
    )
    members = rows.withColumn("hash", functions.xxhash64("picture")).join(several, "hash", "left_semi").drop("hash")
    return related_rows.find(members, "picture", ["split", "label"], _equal_messages, EQUAL_FINDINGS)


def _equal_messages(rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {
        "duplicate_of": duplicate_of(rows),
        "also_in_split": also_in_split(rows),
        "other_label": other_label(rows),
    }


def _near_pictures(
    spark: "SparkSession", table: "DataFrame", equal: "DataFrame", max_distance: float, kept: ExitStack
) -> "DataFrame":
    """KEY and `near_duplicate_of` of the rows that have one; `equal` has the rows' `also_in_split`."""
    from pyspark import StorageLevel
    from pyspark.sql import functions

    splits = functions.array(*map(functions.lit, SPLITS))
    fingerprints = table.where(functions.col("thumbnail").isNotNull()).select(
        rank_of_split().cast("int").alias("portion"), "row", functions.unhex("picture").alias("digest"), "thumbnail"
    )
    grouped = group(spark, fingerprints, max_distance).select("portion", "row", "group").persist(StorageLevel.DISK_ONLY)
    across = grouped.groupBy("group").agg(
        functions.min("portion").alias("first"), functions.max("portion").alias("last")
    )
    across = related_rows.materialize(across.where("first < last").select("group"), kept)
    rows = grouped.join(across, "group", "left_semi").select(
        splits[functions.col("portion")].alias("split"), "row", "group"
    )
    names = table.select(*KEY, "name").join(related_rows.materialize(rows, kept), KEY)
    grouped.unpersist()  # a row of each picture
    members = names.join(equal.select(*KEY, "also_in_split"), KEY, "left")
    return related_rows.find(members, "group", ["split"], _near_messages, ["near_duplicate_of"])


def _near_messages(rows: pd.DataFrame) -> dict[str, pd.Series]:
    return {"near_duplicate_of": near_leaks(rows, rows["group"], rows["also_in_split"])}

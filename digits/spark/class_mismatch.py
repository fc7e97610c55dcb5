"""The classes that pictures are compared with, fitted to the same pictures as on pandas."""

from typing import TYPE_CHECKING, cast

import pandas as pd

from digits.data.dataset import LABELS
from digits.spark.related_rows import KEY, in_order
from digits.validation.label_conflicts import Class, FittedClass, compared_classes, fit_classes, sample_step

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS_PER_BLOCK = 100_000  # rows are numbered within blocks, and the blocks on the driver: 20 counts of each
CLASS = ["label", "half"]
BLOCK = [*CLASS, "split", "block"]


def fit(table: "DataFrame") -> dict[tuple[int, int], FittedClass]:
    """`fit_classes` of the pictures that pandas takes from the table: at most 4,000 thumbnails a class are collected.

    They are each n-th one of a class, in the order of split and row, so each row gets its place in its class.
    """
    from pyspark.sql import Window, functions

    # As `halves`, but without a way to Python and back
    half = functions.conv(functions.right("picture", functions.lit(1)), 16, 10).cast("long") % 2
    known = table.where(functions.col("thumbnail").isNotNull() & functions.col("label").isin(list(LABELS)))
    rows = known.select(
        "label", half.alias("half"), *KEY, functions.floor(functions.col("row") / ROWS_PER_BLOCK).alias("block")
    )
    counts: pd.DataFrame = rows.groupBy(*BLOCK).count().toPandas()
    sizes = {cast(Class, key): int(size) for key, size in counts.groupby(CLASS)["count"].sum().items()}
    wanted = compared_classes(sizes)
    if not wanted:
        return {}
    steps = pd.DataFrame([(*key, sample_step(sizes[key])) for key in wanted], columns=[*CLASS, "step"])
    offsets = table.sparkSession.createDataFrame(_offsets(counts).merge(steps, on=CLASS))
    place = functions.col("offset") + functions.row_number().over(Window.partitionBy(*BLOCK).orderBy("row")) - 1
    numbered = rows.join(functions.broadcast(offsets), BLOCK).withColumn("place", place)
    chosen = numbered.where("place % step = 0").select(*KEY, "half", "place")
    samples: pd.DataFrame = known.join(functions.broadcast(chosen), KEY).select(*CLASS, "place", "thumbnail").toPandas()
    members = samples.sort_values("place").groupby(CLASS)["thumbnail"]
    return fit_classes({key: members.get_group(key) for key in wanted})


def _offsets(counts: pd.DataFrame) -> pd.DataFrame:
    """BLOCK and `offset`: how many rows of the class are in earlier blocks."""
    ordered = counts.sort_values(["split", "block"], key=in_order)
    return ordered.assign(offset=ordered.groupby(CLASS)["count"].cumsum() - ordered["count"]).drop(columns="count")

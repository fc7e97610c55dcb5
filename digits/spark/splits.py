"""The split of each picture on Spark: `digits.data.splits.assign`, group by group."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from digits.data import splits
from digits.params import Ingest
from digits.spark import sorted_rows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

ROWS_AT_ONCE = 50_000  # whose splits are assigned in one go; a larger group goes whole
COLUMNS = ["portion", "row", "group", "digest", "published"]
# `twin_portion` and `twin_row`: of a picture that is dropped, the published test picture
ASSIGNED = {"split": pa.int8(), "twin_portion": pa.int32(), "twin_row": pa.int64()}
SCHEMA = pa.schema({"portion": pa.int32(), "row": pa.int64(), **ASSIGNED})


def assign(grouped: "DataFrame", params: Ingest) -> "DataFrame":
    """(portion int, row long, split byte, twin_portion int, twin_row long) of each row, in no order.

    `grouped` has (portion int, row long, group long, digest binary(32), published byte). `split` is that of
    `splits.assign`. Of a row that is DROPPED the twin is the first published test picture of its group; of others null.
    """
    from pyspark.sql.pandas.types import from_arrow_schema

    rows = grouped.select(*COLUMNS).repartition("group").sortWithinPartitions("group", "portion", "row")
    return rows.mapInArrow(partial(_assign, params=params), from_arrow_schema(SCHEMA))


def _assign(batches: Iterable[pa.RecordBatch], params: Ingest) -> Iterator[pa.RecordBatch]:
    held: list[pa.RecordBatch] = []
    for rows, ends in sorted_rows.parts(batches, ["group"], ROWS_AT_ONCE):
        held.append(rows)
        if ends:
            yield from _assign_groups(pa.Table.from_batches(held), params).to_batches()
            held = []


def _assign_groups(rows: pa.Table, params: Ingest) -> pa.Table:
    """Columns of SCHEMA of the rows of whole groups, which are sorted."""
    digests = np.frombuffer(b"".join(rows["digest"].to_pylist()), "S32")
    published, groups = rows["published"].to_numpy(), rows["group"].to_numpy()
    split = splits.assign(digests, published, groups, params)
    tests = np.flatnonzero(published == splits.TEST)
    dropped = np.flatnonzero(split == splits.DROPPED)
    # The first test picture that is in a dropped one's group or in a later one, hence in its own: it has one
    first = tests[np.searchsorted(groups[tests], groups[dropped])]
    twin = np.full(len(split), -1)
    twin[dropped] = first
    twins = rows.select(["portion", "row"]).take(pa.array(twin, mask=twin < 0))
    columns = [rows["portion"], rows["row"], pa.array(split, pa.int8()), twins["portion"], twins["row"]]
    return pa.table(columns, schema=SCHEMA)

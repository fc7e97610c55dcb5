"""Messages about rows that belong together, such as those of equal pictures, however many they are."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from digits.data.dataset import SPLITS

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

KEY = ["split", "row"]
MAX_BROADCAST_ROWS = 200_000  # of about 100 bytes: each executor gets all of them, so that no table is shuffled

Messages = Callable[[pd.DataFrame], dict[str, pd.Series]]


def materialize(rows: "DataFrame", kept: ExitStack) -> "DataFrame":
    """The rows, computed now and persisted until `kept` is closed.

    Where they are few, a join sends them to the executors that have the other table, and shuffles neither.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions

    kept.callback(rows.persist(StorageLevel.MEMORY_AND_DISK).unpersist)
    return functions.broadcast(rows) if rows.count() <= MAX_BROADCAST_ROWS else rows


def find(
    members: "DataFrame", group: str, kinds: Sequence[str], messages: Messages, columns: Sequence[str]
) -> "DataFrame":
    """KEY and the columns that `messages` finds, of the members that have one of them.

    `messages` gets rows in the order of split and row: some of the members, and with them the first of each of `kinds`
    in their groups, by the value in `group`. So it must not depend on other rows; then each batch of rows is enough,
    also of a group with millions.
    """
    from pyspark.sql import functions
    from pyspark.sql.pandas.types import from_arrow_schema

    row = functions.struct(*members.columns)
    firsts = members.groupBy(group, *kinds).agg(functions.min_by(row, "row").alias("first"))
    firsts = firsts.groupBy(group).agg(functions.collect_list("first").alias("firsts"))
    texts = dict.fromkeys(columns, pa.string())  # also where a batch has no message
    schema = pa.schema({"split": pa.string(), "row": pa.int64(), **texts})
    together = members.join(firsts, group).select(row.alias("member"), "firsts")
    return together.mapInArrow(_finder(messages, columns, schema), from_arrow_schema(schema))


def _finder(
    messages: Messages, columns: Sequence[str], schema: pa.Schema
) -> Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]:
    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            members, firsts = _rows(batch["member"]).assign(wanted=True), _rows(batch["firsts"].flatten())
            rows = pd.concat([members, firsts.assign(wanted=False)]).drop_duplicates(KEY)  # keeps the wanted ones
            rows = rows.sort_values(KEY, key=in_order, ignore_index=True)
            found = pd.DataFrame({**rows[KEY], **messages(rows)})[rows["wanted"]].dropna(subset=columns, how="all")
            yield from pa.Table.from_pandas(found, schema, preserve_index=False).to_batches()

    return run


def _rows(structs: pa.StructArray) -> pd.DataFrame:
    rows: pd.DataFrame = pa.Table.from_struct_array(structs).to_pandas()
    return rows


def rank_of_split() -> "Column":
    """Of each row the place of its split in SPLITS, from 0."""
    from pyspark.sql import functions

    return functions.array_position(functions.array(*map(functions.lit, SPLITS)), functions.col("split")) - 1


def in_order(column: pd.Series) -> pd.Series:
    """The key of `sort_values` that sorts splits in the order of a table, and numbers as they are."""
    return column.map(SPLITS.index) if column.name == "split" else column

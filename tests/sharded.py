"""The tables of a workspace as shards, as the engine spark writes them."""

from pathlib import Path

import pyarrow.parquet as pq

from digits.data import shards
from digits.data.shards import Destination
from digits.files import atomic_write


def shard(path: Path, rows: int = 60, storage: str = "", group_rows: int = 1000) -> None:
    """Replace a table that is one file by shards of so many rows, in row groups of at most `group_rows`."""
    table = pq.read_table(path)
    path.unlink()
    with atomic_write(path) as temporary:
        destination = Destination(temporary, storage)
        starts = range(0, table.num_rows, rows)
        parts = []
        for number, start in enumerate(starts):
            chosen = table.slice(start, rows)
            groups = (chosen.slice(first, group_rows) for first in range(0, chosen.num_rows, group_rows))
            parts.append(shards.write(destination, number, table.schema, groups))
        assert shards.finish(destination, parts, table.schema) == table.num_rows

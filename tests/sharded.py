"""The tables of a workspace as shards, as the engine spark writes them."""

from itertools import count
from pathlib import Path

import pyarrow.parquet as pq

from digits import paths
from digits.data import dataset, shards
from digits.data.shards import Destination
from digits.files import atomic_write

TABLES = [
    *(folder / f"{split}.parquet" for folder in (paths.RAW, paths.PROCESSED) for split in dataset.SPLITS),
    *(paths.STATISTICS, paths.NON_DIGITS, paths.PAGE_CUTS),
]


def shard(path: Path, rows: int = 60, storage: str = "") -> None:
    """Replace a table that is one file by shards of so many rows."""
    table = pq.read_table(path)
    path.unlink()
    with atomic_write(path) as temporary:
        destination = Destination(temporary, storage)
        starts = range(0, table.num_rows, rows)
        parts = [
            shards.write(destination, number, table.schema, [table.slice(start, rows)])
            for number, start in zip(count(), starts, strict=False)
        ]
        assert shards.finish(destination, parts, table.schema) == table.num_rows


def shard_all(rows: int = 60) -> None:
    """Every table of the workspace that is there."""
    for path in TABLES:
        if path.is_file():
            shard(path, rows)

"""What the tasks on shards read, without a Spark session: each shard is opened once, and each row group read once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from digits import paths
from digits.data import conversion, processed_tables, raw_tables, shards
from digits.data.shards import Destination
from digits.spark import preprocess, statistics
from tests.raw import raw
from tests.sharded import shard


@pytest.fixture
def counts(monkeypatch) -> Counter[str]:
    """How often a Parquet file is opened, and a row group read."""
    found: Counter[str] = Counter()
    for owner, name in ((shards, "_parquet"), (pq.ParquetFile, "read_row_group")):
        monkeypatch.setattr(owner, name, counting(getattr(owner, name), found, name))
    return found


def counting(function: Callable, found: Counter[str], name: str) -> Callable:
    def count(*args):
        found[name] += 1
        return function(*args)

    return count


def test_a_raw_shard_is_opened_once_for_its_row_groups(workspace, mnist_digits, counts):
    raw(mnist_digits)
    shard(paths.RAW / "train.parquet", group_rows=20)
    selections = conversion.select(raw_tables.row_groups(), pd.DataFrame({"split": [], "row": []}))[:3]
    counts.clear()
    schema = processed_tables.PROCESSED_SCHEMA
    preprocess.convert_shard(preprocess.Conversion(Destination(Path("converted")), 0, schema, selections))
    assert counts == {"_parquet": 1, "read_row_group": 3}
    counts.clear()
    statistics._compute_shard(Destination(Path("computed")), (0, [one.group for one in selections]))
    assert counts == {"_parquet": 1, "read_row_group": 3}

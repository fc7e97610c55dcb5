"""What the tasks on shards read, without a Spark session: each shard is opened once, and each row group read once."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits import paths
from digits.data import conversion, dataset, pictures, processed_tables, raw_tables, shards
from digits.data.shards import Destination
from digits.data.sources import Portion, SourcePicture
from digits.spark import assignment, preprocess, raw_shards, staging_shards, statistics
from digits.spark.assignment import Assigned
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


def test_a_staging_shard_is_read_once_for_all_splits(tmp_path, mnist_digits, monkeypatch, counts):
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 5)
    found = [
        SourcePicture(pictures.encode_png(image), f"{row}", 3) for row, image in enumerate(mnist_digits.images[:20])
    ]
    item = staging_shards._Item(Portion("own", lambda: iter(found)), Destination(tmp_path), 20)
    (staged,) = staging_shards._write_portion(item)
    splits = [row % 4 - 1 for row in range(20)]  # a quarter is dropped, and each row group has all splits
    rows = [{"split": split, "twin_portion": 0, "twin_row": 3} for split in splits]
    place = Destination(tmp_path / "splits")
    shard = shards.write(place, 0, assignment.SCHEMA, [pa.Table.from_pylist(rows, assignment.SCHEMA)])
    places = {split: Destination(tmp_path / split) for split in dataset.SPLITS}
    counts.clear()
    written = raw_shards.write(raw_shards.Job({}, {}, places), Assigned(0, staged.address, place.address(shard)))
    assert counts["read_row_group"] == 4
    assert {split: one.rows for split, one in written.shards.items()} == dict.fromkeys(dataset.SPLITS, 5)
    for split, number in zip(dataset.SPLITS, (1, 2, 3), strict=True):
        images = shards.read([places[split].address(written.shards[split])])["image"].to_pylist()
        assert [image["path"] for image in images] == [f"{row}" for row in range(number, 20, 4)]

"""What raw and processed tables share: the sources of their rows."""

from threading import Barrier

import numpy as np
import pyarrow.parquet as pq

from digits.data import dataset, processed_tables, raw_tables, shards
from digits.data.dataset import Digits
from tests.raw import RULE, block, example, read_raw
from tests.sharded import shard


def test_each_row_has_its_source_in_raw_and_processed_data(tmp_path, capsys):
    names = ["mnist", "folder", "mnist"]
    given = [example(split, b"x", "x", 0, name) for split in dataset.SPLITS for name in names[: 1 + len(split) % 4]]
    raw_tables.write_raw(given, RULE, tmp_path)
    assert [one.source for one in read_raw("train", tmp_path)] == names[:2]
    assert dataset.read_sources(tmp_path / "train.parquet").tolist() == names[:2]
    counts = {"folder": {"train": 1, "validation": 1, "test": 0}, "mnist": {"train": 1, "validation": 2, "test": 1}}
    assert dataset.count_sources(tmp_path) == counts
    dataset.print_sources(dataset.count_sources(tmp_path))
    assert capsys.readouterr().out.splitlines() == [
        "  folder: 1 train, 1 validation, 0 test",
        "  mnist: 1 train, 2 validation, 1 test",
    ]
    digits = Digits(np.zeros((3, 28, 28), np.uint8), np.arange(3))
    processed_tables.write_processed([block("test", digits)._replace(source=names)], RULE, tmp_path / "processed")
    assert dataset.read_sources(tmp_path / "processed" / "test.parquet").tolist() == names
    processed_tables.write_processed([block("test", digits)], RULE, tmp_path / "processed")
    dataset.print_sources(dataset.count_sources(tmp_path / "processed"))
    assert capsys.readouterr().out == ""  # of one source
    table = pq.read_table(tmp_path / "train.parquet").drop_columns(["source", "sha256"])
    pq.write_table(table, tmp_path / "train.parquet")  # as version 0.2 wrote it
    assert [(one.sha256, one.source) for one in read_raw("train", tmp_path)] == [(b"", "")] * 2


def test_the_sources_of_several_shards_are_read_at_the_same_time(tmp_path, monkeypatch):
    raw_tables.write_raw([example("train", b"x", "x", 0, name) for name in ("mnist", "folder")], RULE, tmp_path)
    shard(tmp_path / "train.parquet", 1)
    together, opened = Barrier(2), shards.opened
    monkeypatch.setattr(shards, "opened", lambda address: [together.wait(10), opened(address)][1])
    assert dataset.count_by_source(tmp_path / "train.parquet") == {"mnist": 1, "folder": 1}

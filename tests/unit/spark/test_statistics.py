"""Statistics on Spark are those on pandas, whatever the shards."""

import pandas as pd
import pytest

from digits import paths
from digits.data import dataset, pictures, raw_tables, shards
from digits.data.raw_tables import Example
from digits.data.statistics import add_names, row_group_statistics, stored
from digits.errors import UserError
from digits.spark.statistics import write

RULE = {"rule": 1, "seed": 0}
UNREADABLE = b"no picture"


def write_raw(encoded: list[bytes], shard_rows: int, group_rows: int = 4) -> None:
    """Raw pictures, a quarter of them test pictures, in shards."""
    examples = {
        split: [Example(split, data, f"{row}\n.png", row % 10, b"x" * 32, "mnist") for row, data in enumerate(chosen)]
        for split, chosen in (("train", encoded[len(encoded) // 4 :]), ("test", encoded[: len(encoded) // 4]))
    }
    paths.RAW.mkdir(parents=True, exist_ok=True)
    schema = dataset.encode_rule(raw_tables.RAW_SCHEMA, RULE)
    for split, rows in examples.items():
        destination = shards.Destination(paths.RAW / f"{split}.parquet")
        starts = range(0, len(rows), shard_rows)
        written = []
        for number, start in enumerate(starts):
            shard = rows[start : start + shard_rows]
            tables = (raw_tables.raw_table(shard[at : at + group_rows]) for at in range(0, len(shard), group_rows))
            written.append(shards.write(destination, number, schema, tables))
        shards.finish(destination, written, schema)


def on_pandas() -> pd.DataFrame:
    return add_names(pd.concat(map(row_group_statistics, raw_tables.row_groups()), ignore_index=True))


@pytest.fixture
def encoded(mnist_digits) -> list[bytes]:
    return [pictures.encode_png(image) for image in mnist_digits.images[::250]]


@pytest.mark.parametrize(
    ("unreadable", "shard_rows"),
    [([], 7), (range(5, 9), 4), (range(20), 7)],
    ids=["several", "an unreadable shard", "all unreadable"],
)
def test_the_shards_have_the_rows_and_types_of_the_file(
    spark, spark_params, encoded, unreadable, shard_rows, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for row in unreadable:
        encoded[row] = UNREADABLE
    write_raw(encoded, shard_rows)
    table = on_pandas()
    with write(spark, spark_params, RULE) as rows:
        found = rows.toPandas()
    expected = stored(table, RULE)
    assert shards.read(paths.STATISTICS).equals(expected)
    assert shards.schema(paths.STATISTICS).equals(expected.schema, check_metadata=True)
    assert len(shards.files(paths.STATISTICS)) == len({group.file for group in raw_tables.row_groups()})
    order = found["split"].map(dataset.SPLITS.index)
    found = found.assign(order=order).sort_values(["order", "row"], ignore_index=True)[list(table)]
    assert [bytes(one) for one in found["thumbnail"].dropna()] == table["thumbnail"].dropna().tolist()
    without = found.drop(columns="thumbnail").astype(object)
    expected = table.drop(columns="thumbnail").astype(object)
    pd.testing.assert_frame_equal(without.where(without.notna(), None), expected.where(expected.notna(), None))
    if set(unreadable) != set(range(20)):
        assert (found["width"].dtype, found["contrast"].dtype) == (table["width"].dtype, table["contrast"].dtype)
    assert list(paths.STATISTICS.parent.iterdir()) == [paths.STATISTICS]


def test_no_pictures_give_an_empty_table(spark, spark_params, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    raw_tables.write_raw([], RULE)
    with write(spark, spark_params, RULE) as rows:
        assert rows.count() == 0
    assert shards.count_rows(paths.STATISTICS) == 0


def test_a_damaged_shard_is_named_and_nothing_is_left(spark, spark_params, encoded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_raw(encoded, 7)
    damaged = paths.RAW / "train.parquet" / shards.part_name(1)
    content = bytearray(damaged.read_bytes())
    content[4:400] = b"\0" * 396  # its end, which `row_groups` reads, is whole
    damaged.write_bytes(content)
    with pytest.raises(UserError, match=r"part-00001.parquet is damaged"), write(spark, spark_params, RULE):
        pytest.fail("it was read")
    assert list(paths.STATISTICS.parent.iterdir()) == []


def test_the_temporary_shards_are_removed_after_an_error(spark, spark_params, encoded, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_raw(encoded, 7)
    with pytest.raises(ZeroDivisionError), write(spark, spark_params, RULE) as rows:
        assert rows.count() == 20
        assert len(list(paths.STATISTICS.parent.iterdir())) == 2
        raise ZeroDivisionError
    assert list(paths.STATISTICS.parent.iterdir()) == [paths.STATISTICS]

"""Tables as one file, as a folder of shards, and as a list of shards in object storage."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits.data import shards
from digits.data.shards import Destination, Shard
from digits.errors import UserError
from digits.files import digest
from tests.sharded import shard

TABLE = pa.table({"row": list(range(10)), "name": [str(row) for row in range(10)]})


@pytest.fixture(params=["a file", "shards", "shards in storage"])
def path(request, tmp_path) -> Path:
    found = tmp_path / "table.parquet"
    pq.write_table(TABLE, found)
    if request.param != "a file":
        shard(found, 4, storage=f"file://{tmp_path}/storage" if "storage" in request.param else "")
    return found


def test_a_table_is_read_in_the_order_of_its_rows(path):
    assert shards.read(path) == TABLE
    assert shards.read(path, ["name"]) == TABLE.select(["name"])
    assert shards.count_rows(path) == 10
    assert shards.schema(path) == TABLE.schema


def test_the_files_of_a_table_are_as_good_as_its_path(path):
    assert shards.read(shards.files(path)) == TABLE


def test_a_table_that_does_not_exist_is_an_error(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        with pytest.raises(FileNotFoundError, match=name):
            shards.files(tmp_path / name)


def test_a_missing_shard_is_named_and_the_rest_is_no_shorter_table(tmp_path):
    pq.write_table(TABLE, tmp_path / "table.parquet")
    shard(tmp_path / "table.parquet", 4)
    missing = tmp_path / "table.parquet" / shards.part_name(1)
    missing.unlink()
    with pytest.raises(UserError, match=rf"^{missing} is missing, which files.json lists; `dvc checkout` restores"):
        shards.count_rows(tmp_path / "table.parquet")


def test_a_damaged_shard_is_named(path):
    damaged = shards.files(path)[-1].removeprefix("file://")
    Path(damaged).write_bytes(Path(damaged).read_bytes()[:-5])
    with pytest.raises(UserError, match=rf"{damaged} is damaged: .*(`dvc checkout`|a version that the bucket keeps)"):
        shards.read(path)


def test_shards_in_storage_are_named_by_their_content(tmp_path):
    destination = Destination(tmp_path / "table.parquet", f"file://{tmp_path}/storage")
    written = [shards.write(destination, number, TABLE.schema, [TABLE.slice(number)]) for number in (0, 9)]
    shards.finish(destination, written, TABLE.schema)
    listed = json.loads((tmp_path / "table.parquet" / shards.LIST).read_text())["shards"]
    assert [one["rows"] for one in listed] == [10, 1]
    for one in listed:
        assert digest(tmp_path / "storage" / one["name"], "sha256") == one["sha256"]
        assert one["sha256"][:16] in one["name"]
    assert [path.name for path in (tmp_path / "table.parquet").iterdir()] == [shards.LIST]


def test_a_shard_that_fails_leaves_nothing(tmp_path):
    def tables():
        yield TABLE
        raise UserError("row 11 is wrong")

    with pytest.raises(UserError, match="row 11"):
        shards.write(Destination(tmp_path), 0, TABLE.schema, tables())
    assert list(tmp_path.iterdir()) == []


def test_shards_without_rows_are_left_out_but_a_table_without_rows_is_read(tmp_path):
    destination = Destination(tmp_path / "table.parquet")
    assert shards.write(destination, 0, TABLE.schema, []) == Shard("part-00000.parquet", 0, "")
    assert shards.finish(destination, [Shard("part-00000.parquet", 0, "")], TABLE.schema) == 0
    assert shards.read(tmp_path / "table.parquet") == TABLE.slice(0, 0)


def test_more_shards_than_their_names_have_digits_for_are_in_their_order(tmp_path):
    for number in (100_000, 99_999, 0):
        (tmp_path / shards.part_name(number)).touch()
    names = ["part-00000.parquet", "part-99999.parquet", "part-100000.parquet"]
    assert [Path(name).name for name in shards.files(tmp_path)] == names


def test_too_little_memory_is_no_damage(path):
    with pytest.raises(MemoryError), shards.opened(shards.files(path)[0]):
        raise pa.ArrowMemoryError("malloc of size 9 failed")


def test_an_error_of_who_reads_the_row_groups_is_no_damage(path):
    with pytest.raises(pa.ArrowInvalid):
        for table in shards.row_groups(shards.files(path)[0], ["name"]):
            table.cast(pa.schema({"name": pa.date32()}))


def test_a_task_that_is_given_up_writes_nothing(tmp_path):
    """The driver has removed the folder of what is not complete."""
    with pytest.raises(FileNotFoundError):
        shards.write(Destination(tmp_path / "removed" / "train.parquet"), 0, TABLE.schema, [TABLE])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("address", ["s4://bucket/x", "gs://bucket/x"])
def test_an_address_of_no_known_storage_is_named(tmp_path, address):
    with pytest.raises(UserError, match=rf"^{address} can't be used: .*; expected an address such as s3://bucket"):
        shards.discard(Destination(tmp_path / "none", address))

"""What happens to a shard on disk or in a bucket is an error that names it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from digits.data import shards
from digits.data.shards import Destination
from digits.errors import UserError
from tests import object_storage
from tests.loopback import free_port
from tests.object_storage import BUCKET

SCHEMA = pa.schema({"image": pa.binary()})
# As PNGs, these can't be compressed: Parquet itself would not notice that a byte of them is another one
TABLE = pa.table({"image": [np.random.default_rng(number).bytes(800) for number in range(100)]}, schema=SCHEMA)


@pytest.fixture(scope="module")
def server():
    with object_storage.serving() as (_, environment), pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield object_storage.client(environment)


@pytest.fixture(autouse=True)
def _new_clients():
    """fsspec's clients keep the credentials and the endpoint with which they were made."""
    import fsspec

    yield
    fsspec.get_filesystem_class("s3").clear_instance_cache()


def write(path: Path, storage: str = "") -> str:
    """Write a table of one shard; returns the shard's address."""
    destination = Destination(path, storage)
    shards.finish(destination, [shards.write(destination, 0, SCHEMA, [TABLE])], SCHEMA)
    (address,) = shards.files(path)
    return address


def test_a_shard_with_a_changed_bit_is_named_with_the_way_to_restore_it(tmp_path):
    shard = Path(write(tmp_path / "table.parquet"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(UserError, match=rf"^{shard} is damaged: .*`dvc checkout` restores what DVC keeps"):
        shards.read(tmp_path / "table.parquet")


def test_what_a_killed_process_left_is_removed_when_the_table_is_finished(tmp_path):
    destination = Destination(tmp_path)
    written = shards.write(destination, 0, SCHEMA, [TABLE])
    (tmp_path / ".partial-0123").write_bytes(b"PAR1")
    assert shards.finish(destination, [written], SCHEMA) == 100
    assert {path.name for path in tmp_path.iterdir()} == {"part-00000.parquet", shards.LOCAL_LIST}


def test_a_table_in_a_bucket_is_read_through_its_list(server, tmp_path):
    address = write(tmp_path / "table.parquet", f"s3://{BUCKET}/read")
    assert address.startswith(f"s3://{BUCKET}/read/part-00000-")
    assert shards.read(tmp_path / "table.parquet").equals(TABLE)


def test_reading_a_part_of_a_shard_in_a_bucket_does_not_download_the_shard(server, tmp_path, monkeypatch):
    from s3fs.core import S3File

    random = np.random.default_rng(0)
    table = pa.table({"image": [random.bytes(8000) for _ in range(500)], "label": range(500)})
    place = Destination(tmp_path / "table.parquet", f"s3://{BUCKET}/parts")
    tables = (table.slice(first, 50) for first in range(0, 500, 50))
    shards.finish(place, [shards.write(place, 0, table.schema, tables)], table.schema)
    sizes, fetch = [], S3File._fetch_range
    monkeypatch.setattr(S3File, "_fetch_range", lambda *args: sizes.append(args[2] - args[1]) or fetch(*args))
    assert shards.read(place.folder, ["label"]).equals(table.select(["label"]))
    assert sum(sizes) < 100_000  # of 4 MB
    sizes.clear()
    with shards.opened(shards.files(place.folder)[0]) as file:
        assert file.read_row_group(0).equals(table.slice(0, 50))
    assert sum(sizes) < 500_000
    assert len(sizes) == 2  # the footer, and the row group


def test_a_shard_that_is_gone_from_the_bucket_is_named(server, tmp_path):
    address = write(tmp_path / "table.parquet", f"s3://{BUCKET}/gone")
    server.delete_object(Bucket=BUCKET, Key=address.removeprefix(f"s3://{BUCKET}/"))
    with pytest.raises(UserError, match=rf"^{address} does not exist.* `dvc repro --force"):
        shards.read(tmp_path / "table.parquet")


def test_a_bucket_that_does_not_exist_is_an_error_and_no_list_is_written(server, tmp_path):
    with pytest.raises(UserError, match=r"^s3://nowhere/part-.* create the bucket, or correct spark\.storage"):
        write(tmp_path / "table.parquet", "s3://nowhere")
    assert not (tmp_path / "table.parquet" / shards.LIST).exists()


def test_missing_credentials_are_an_error_that_names_their_variables(server, tmp_path, monkeypatch):
    import fsspec

    write(tmp_path / "table.parquet", f"s3://{BUCKET}/credentials")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("HOME", str(tmp_path))
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(UserError, match=r"^s3://.* is out of reach: .*AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        shards.read(tmp_path / "table.parquet")


def test_a_server_that_is_down_is_an_error_that_says_what_to_check(server, tmp_path, monkeypatch):
    import fsspec

    write(tmp_path / "table.parquet", f"s3://{BUCKET}/down")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    with pytest.raises(UserError, match=r"^s3://.* is out of reach: .*check the network, AWS_ENDPOINT_URL"):
        shards.read(tmp_path / "table.parquet")

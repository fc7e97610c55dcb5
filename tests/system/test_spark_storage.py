"""Shards in a bucket, and DVC's remote in the same: what one pushes, another pulls and trains on."""

import os
from typing import NamedTuple

import pytest

from digits.data import shards
from tests import object_storage
from tests.object_storage import BUCKET
from tests.scratch import clone, copy
from tests.spark_cluster import SHORT_LIVED, cluster, on_spark, partial_files, skip_without_spark
from tests.system.test_spark_pipeline import TABLES, folder_bytes

pytestmark = skip_without_spark


class Bucket(NamedTuple):
    server: object
    environment: dict[str, str]

    @property
    def keys(self) -> list[str]:
        found = object_storage.client(self.environment).list_objects_v2(Bucket=BUCKET)
        return [one["Key"] for one in found.get("Contents", [])]


@pytest.fixture(scope="module")
def bucket():
    with object_storage.serving() as (server, environment), pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment, "JDK_JAVA_OPTIONS": SHORT_LIVED}.items():
            patch.setenv(name, value)
        yield Bucket(server, environment)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The cluster does not have the bucket's credentials: they come with the work."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        with cluster(tmp_path_factory.mktemp("cluster"), workers=1) as started:
            yield started


@pytest.fixture(scope="module")
def published(tmp_path_factory, untrained_template, running, bucket):
    """A project whose shards a cluster wrote to the bucket, and which pushed its lists there."""
    project = copy(untrained_template, tmp_path_factory.mktemp("published") / "digits")
    on_spark(project, master=running.address, storage=f"s3://{BUCKET}/shards")
    printed = project.run("dvc", "repro", "preprocess")
    assert "not-to-be-printed" not in printed
    project.run("dvc", "remote", "add", "--default", "team", f"s3://{BUCKET}/dvc")
    project.commit()
    project.run("dvc", "push")
    return project


@pytest.fixture(scope="module")
def colleague(published, tmp_path_factory):
    project = clone(published, tmp_path_factory.mktemp("colleague") / "digits")
    project.run("dvc", "pull", "data/raw", "data/processed", "data/interim/non_digits.parquet", "preprocess")
    return project


def test_the_data_folder_has_lists_and_the_bucket_the_shards(published, bucket):
    for name in ("raw", "processed"):
        table = published.root / "data" / name / "train.parquet"
        assert list(folder_bytes(table)) == [shards.LIST]
        addresses = shards.files(table)
        assert len(addresses) > 1
        assert set(addresses) <= {f"s3://{BUCKET}/{key}" for key in bucket.keys}
    assert [key for key in bucket.keys if ".partial" in key] == []
    assert partial_files(published) == []


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_the_rows_of_the_engine_pandas(published, prepared_template, table):
    expected = shards.read(prepared_template / table)
    assert shards.read(published.root / table).cast(expected.schema).equals(expected)


def test_a_colleague_trains_on_the_shards_and_gets_the_model_of_the_engine_pandas(colleague, trained_template):
    colleague.set_params(train={"epochs": 15})
    colleague.run("dvc", "repro", "evaluate")
    assert (colleague.root / "models" / "network.onnx").read_bytes() == (
        trained_template / "models" / "network.onnx"
    ).read_bytes()


def test_a_shard_that_is_gone_is_named(colleague, bucket):
    key = shards.files(colleague.root / "data" / "processed" / "train.parquet")[1].removeprefix(f"s3://{BUCKET}/")
    store = object_storage.client(bucket.environment)
    content = store.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    store.delete_object(Bucket=BUCKET, Key=key)
    printed = colleague.run("python", "-m", "pipeline.train", fails=True)
    assert "Traceback" not in printed
    assert f"s3://{BUCKET}/{key} does not exist" in printed
    assert "dvc repro --force" in printed
    store.put_object(Bucket=BUCKET, Key=key, Body=content)


@pytest.mark.parametrize(
    ("changes", "storage", "words"),
    [
        ({}, "s3://no-such-bucket/shards", "bucket does not exist; create the bucket, or correct spark.storage"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, f"s3://{BUCKET}/other", "AWS_ACCESS_KEY_ID"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, f"s3://{BUCKET}/other", "check the network, AWS_ENDPOINT_URL"),
    ],
)
def test_a_bucket_out_of_reach_is_an_error_and_earlier_data_are_kept(published, changes, storage, words):
    raw = folder_bytes(published.root / "data" / "raw")
    on_spark(published, master="local[1]", storage=storage)
    printed = published.run("python", "-m", "pipeline.ingest", fails=True, env=changes)
    assert "Traceback" not in printed
    assert words in printed
    assert folder_bytes(published.root / "data" / "raw") == raw
    assert partial_files(published) == []

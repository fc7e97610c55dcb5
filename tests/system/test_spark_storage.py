"""Shards in a bucket, and DVC's remote in the same where DVC can: what one pushes, another pulls and trains on."""

import importlib.util
from typing import NamedTuple

import pytest

from digits.data import shards
from tests import object_storage
from tests.object_storage import BUCKET
from tests.scratch import clone, copy
from tests.spark_cluster import SHORT_LIVED, assert_same_tables, on_spark, partial_files, skip_without_spark
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
def published(tmp_path_factory, untrained_template, bucket):
    """A project whose shards Spark wrote to the bucket, and which pushed its lists to DVC's remote."""
    project = copy(untrained_template, tmp_path_factory.mktemp("published") / "digits")
    on_spark(project, master="local[2]", storage=f"s3://{BUCKET}/shards")
    printed = project.run("dvc", "repro", "preprocess")
    assert "not-to-be-printed" not in printed
    in_bucket = importlib.util.find_spec("dvc_s3") is not None  # the package with which DVC uses S3
    remote = f"s3://{BUCKET}/dvc" if in_bucket else str(tmp_path_factory.mktemp("remote"))
    project.run("dvc", "remote", "add", "--default", "team", remote)
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


def test_every_table_has_the_rows_of_the_engine_pandas(published, prepared_template):
    assert_same_tables(published, prepared_template, TABLES)


def test_a_colleague_trains_on_the_shards_and_gets_the_model_of_the_engine_pandas(colleague, trained_template):
    colleague.set_params(train={"epochs": 15})
    colleague.run("dvc", "repro", "--single-item", "train")
    assert (colleague.root / "models" / "network.onnx").read_bytes() == (
        trained_template / "models" / "network.onnx"
    ).read_bytes()

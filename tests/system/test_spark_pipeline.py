"""The pipeline with `engine: spark` and its shards in a bucket, which a colleague trains on, and a damaged shard.

DVC's remote is in the same bucket, where DVC can use one. For tables in local shards see test_spark_cluster.py.
The tests run in their order: each continues where the one before it ended.
"""

import importlib.util
from pathlib import Path
from typing import NamedTuple

import pytest

from digits.data import shards
from digits.data.dataset import SPLITS
from tests import object_storage
from tests.object_storage import BUCKET
from tests.scratch import clone, copy
from tests.spark_cluster import SHORT_LIVED, assert_same_tables, on_spark, partial_files, skip_without_spark

TABLES = [
    *(f"data/{folder}/{split}.parquet" for folder in ("raw", "processed") for split in SPLITS),
    *(f"data/interim/{name}.parquet" for name in ("statistics", "non_digits", "page_cuts")),
]
VALIDATED = ["data/interim/quarantine.csv", "data/interim/profile.json", "metrics/validate.json", "data/README.md"]
TRAINED = ["models/network.onnx", "models/digits.onnx", "metrics/train.json", "metrics/evaluate.json"]

pytestmark = skip_without_spark


class Bucket(NamedTuple):
    environment: dict[str, str]

    @property
    def client(self):
        return object_storage.client(self.environment)

    @property
    def keys(self) -> list[str]:
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


@pytest.fixture(scope="module")
def bucket():
    with object_storage.serving() as (_, environment), pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment, "JDK_JAVA_OPTIONS": SHORT_LIVED}.items():
            patch.setenv(name, value)
        yield Bucket(environment)


@pytest.fixture(scope="module")
def published(tmp_path_factory, untrained_template, bucket):
    """A project of 200 digits whose shards Spark wrote to the bucket, and which pushed its lists to DVC's remote."""
    project = copy(untrained_template, tmp_path_factory.mktemp("published") / "digits")
    on_spark(project, master="local[2]", storage=f"s3://{BUCKET}/shards")
    printed = project.run("dvc", "repro", "preprocess")
    assert "Traceback" not in printed
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
    project.run("dvc", "pull", "ingest", "validate", "preprocess")
    return project


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_data_folder_has_lists_and_the_bucket_the_shards(published, bucket):
    for name in ("raw", "processed"):
        table = published.root / "data" / name / "train.parquet"
        assert list(files_of(table)) == [shards.LIST]
        addresses = shards.files(table)
        assert len(addresses) > 1
        assert set(addresses) <= {f"s3://{BUCKET}/{key}" for key in bucket.keys}
    assert [key for key in bucket.keys if ".partial" in key] == []
    assert partial_files(published) == []


def test_every_table_and_verdict_is_that_of_the_engine_pandas(published, prepared_template):
    assert_same_tables(published, prepared_template, TABLES)
    for file in VALIDATED:
        assert (published.root / file).read_bytes() == (prepared_template / file).read_bytes(), file


def test_nothing_has_to_be_done_again(published):
    assert "Data and pipelines are up to date." in published.run("dvc", "status", "preprocess")


def test_a_colleague_trains_and_evaluates_on_the_shards_and_gets_the_files_of_the_engine_pandas(
    colleague, trained_template
):
    colleague.set_params(train={"epochs": 15})
    colleague.run("dvc", "repro", "--single-item", "train", "evaluate")
    for file in TRAINED:
        assert (colleague.root / file).read_bytes() == (trained_template / file).read_bytes(), file


def test_a_shard_with_a_changed_bit_is_named_and_earlier_data_are_kept(published, bucket):
    address, before = shards.files(published.root / "data/raw/train.parquet")[1], files_of(published.root / "data")
    key = address.removeprefix(f"s3://{BUCKET}/")
    content = bytearray(bucket.client.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    with shards.opened(address) as file:
        pictures = file.metadata.row_group(0).column(0)
    start = pictures.dictionary_page_offset or pictures.data_page_offset
    content[start + pictures.total_compressed_size // 2] ^= 1
    bucket.client.put_object(Bucket=BUCKET, Key=key, Body=bytes(content))
    printed = published.run("python", "-m", "pipeline.preprocess", fails=True)
    assert "Traceback" not in printed
    assert f"{address} is damaged: " in printed
    assert files_of(published.root / "data") == before
    assert partial_files(published) == []

"""The pipeline on a standalone cluster of three workers, with its shards in a bucket, and what ends processes there.

The shards are the same, or there is a clear error. DVC's remote is in the same bucket, where DVC can use one. The tests
run in their order: each continues where the one before it ended, and some leave the cluster with fewer workers.
"""

import importlib.util
import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pyarrow as pa
import pytest

from digits.data import shards
from digits.data.dataset import SPLITS
from digits.data.shards import Destination
from digits.errors import UserError
from digits.files import read_json
from digits.params import Spark
from tests import object_storage
from tests.object_storage import BUCKET
from tests.scratch import clone, copy
from tests.spark_cluster import (
    PARAMS,
    SHORT_LIVED,
    assert_same_tables,
    cluster,
    command,
    family,
    forget_jvm,
    kill,
    on_spark,
    partial_files,
    skip_without_spark,
)

SCHEMA = pa.schema({"image": pa.binary(784), "label": pa.int64()})
SHARDS, ROWS = 8, 500
TABLES = [
    *(f"data/{folder}/{split}.parquet" for folder in ("raw", "processed") for split in SPLITS),
    *(f"data/interim/{name}.parquet" for name in ("statistics", "non_digits", "page_cuts")),
]
VALIDATED = ["metrics/validate.json", "data/interim/quarantine.csv", "data/interim/profile.json", "data/README.md"]
TRAINED = ["models/network.onnx", "models/digits.onnx", "metrics/train.json", "metrics/evaluate.json"]
SECRET = object_storage.CREDENTIALS["AWS_SECRET_ACCESS_KEY"]

pytestmark = skip_without_spark


class Work(NamedTuple):
    """A shard to write, and how long that takes."""

    number: int
    destination: Destination
    seconds: float = 0.0


def draw(number: int) -> pa.Table:
    """Rows that depend on the shard's number only."""
    random = np.random.default_rng(number)
    labels = random.integers(10, size=ROWS)
    return pa.table({"image": [random.bytes(784) for _ in labels], "label": labels}, schema=SCHEMA)


def write(work: Work) -> shards.Shard:
    def tables():
        yield draw(work.number)
        time.sleep(work.seconds)  # the shard has its first row group, and is not complete
        yield draw(work.number + SHARDS)

    return shards.write(work.destination, work.number, SCHEMA, tables())


def write_then_allocate(work: Work) -> int:
    """Write a shard; the last one needs more memory than an executor has."""
    shards.write(work.destination, work.number, SCHEMA, [draw(work.number)])
    return len(bytearray(2**31)) if work.number == SHARDS - 1 else 0


def directory_and_secret(_: int) -> tuple[str, str | None]:
    return str(Path.cwd()), os.environ.get("AWS_SECRET_ACCESS_KEY")


def params_of(master: str) -> Spark:
    return Spark(master=master, storage=None, **PARAMS)


def wait_until(condition: Callable[[], object], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def is_clean(printed: str) -> bool:
    """Whether a stage printed neither a traceback nor the secret."""
    return "Traceback" not in printed and SECRET not in printed


@pytest.fixture(scope="module")
def bucket():
    """boto3's client of the storage, which all processes of this module find by their environment."""
    with object_storage.serving() as (_, environment), pytest.MonkeyPatch.context() as patch:
        for name, value in {**environment, "JDK_JAVA_OPTIONS": SHORT_LIVED}.items():
            patch.setenv(name, value)
        yield object_storage.client(environment)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """The cluster. It starts before there is a bucket, so that its processes do not inherit the credentials."""
    with cluster(tmp_path_factory.mktemp("cluster"), workers=3) as started:
        yield started


@pytest.fixture(scope="module")
def spark(running, bucket):
    from pyspark import cloudpickle

    from digits.spark.session import session

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the executors cannot import it
    with session(params_of(running.address)) as started:
        yield started
    forget_jvm()


@pytest.fixture(scope="module")
def published(tmp_path_factory, untrained_template, running, bucket):
    """A project of 200 digits whose shards the cluster writes to the bucket."""
    project = copy(untrained_template, tmp_path_factory.mktemp("published") / "digits")
    on_spark(project, master=running.address, storage=f"s3://{BUCKET}/shards", pictures_per_shard=80)
    assert is_clean(project.run("dvc", "repro", "ingest"))
    return project


@pytest.fixture(scope="module")
def colleague(published, tmp_path_factory):
    in_bucket = importlib.util.find_spec("dvc_s3") is not None  # the package with which DVC uses S3
    remote = f"s3://{BUCKET}/dvc" if in_bucket else str(tmp_path_factory.mktemp("remote"))
    published.run("dvc", "remote", "add", "--default", "team", remote)
    published.commit()
    published.run("dvc", "push")
    project = clone(published, tmp_path_factory.mktemp("colleague") / "digits")
    project.run("dvc", "pull", "ingest", "validate", "preprocess")
    return project


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The shards' bytes, written by this process alone."""
    folder = tmp_path_factory.mktemp("expected")
    for number in range(SHARDS):
        write(Work(number, Destination(folder)))
    return files_of(folder)


def test_a_worker_killed_in_validate_changes_no_verdict(running, published, prepared_template):
    with published.start("dvc", "repro", "validate") as process:
        wait_until(lambda: [*published.root.rglob(".partial-thumbnails*")] or process.poll() is not None)
        wait_until(lambda: running.executors() or process.poll() is not None)
        kill(running.workers.pop())
        printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert is_clean(printed)
    for file in VALIDATED:
        assert (published.root / file).read_bytes() == (prepared_template / file).read_bytes(), file


def test_a_driver_killed_in_preprocess_leaves_no_process_and_the_next_run_is_complete(
    running, published, prepared_template
):
    stage = ("dvc", "repro", "preprocess")
    with published.start(*stage, start_new_session=True) as process:
        wait_until((published.root / "data" / ".partial-processed").exists)
        wait_until(running.executors)
        os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: not running.executors())
    assert is_clean(published.run(*stage))
    assert_same_tables(published, prepared_template, TABLES)
    assert partial_files(published) == []


def test_the_data_folder_has_lists_and_the_bucket_the_shards(published, bucket):
    keys = [one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]]
    for name in ("raw", "processed"):
        table = published.root / "data" / name / "train.parquet"
        assert list(files_of(table)) == [shards.LIST]
        addresses = shards.files(table)
        assert len(addresses) > 1
        assert set(addresses) <= {f"s3://{BUCKET}/{key}" for key in keys}
    assert [key for key in keys if ".partial" in key] == []
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
    content = bytearray(bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    with shards.opened(address) as file:
        pictures = file.metadata.row_group(0).column(0)
    start = pictures.dictionary_page_offset or pictures.data_page_offset
    content[start + pictures.total_compressed_size // 2] ^= 1
    bucket.put_object(Bucket=BUCKET, Key=key, Body=bytes(content))
    printed = published.run("python", "-m", "pipeline.preprocess", fails=True)
    assert is_clean(printed)
    assert f"{address} is damaged: " in printed
    assert files_of(published.root / "data") == before
    assert partial_files(published) == []


def test_work_that_no_worker_has_the_memory_for_ends_with_an_error(running, monkeypatch):
    from digits.spark import cluster as settings
    from digits.spark import tasks
    from digits.spark.session import session

    monkeypatch.setattr(settings, "EXECUTOR_SECONDS", 3)
    params = params_of(running.address).model_copy(update={"executor_memory": "8g"})
    words = rf"^{running.address} had no executor for 3 s: .* 8g of free memory; .*lower spark\.executor_memory"
    with pytest.raises(UserError, match=words), session(params) as started:
        tasks.run(started, len, ["shard"], "shards")


def test_executors_work_in_the_folder_of_the_project_with_its_credentials(spark, tmp_path, monkeypatch):
    from digits.spark import tasks

    monkeypatch.chdir(tmp_path)
    assert set(tasks.run(spark, directory_and_secret, range(2), "look")) == {(str(tmp_path), SECRET)}


def test_secrets_are_in_no_command_line_and_no_log(spark, running):
    commands = [command(process) for process in family(os.getpid())]  # the driver's JVM, and the cluster
    assert any("CoarseGrainedExecutorBackend" in command for command in commands)
    logs = [path.read_text() for path in [*running.folder.glob("*.log"), *running.folder.rglob("std*")]]
    assert [text for text in [*commands, *logs] if SECRET in text] == []


def test_an_executor_without_enough_memory_is_an_error_that_names_the_setting(spark, tmp_path):
    from digits.spark import tasks

    work = [Work(number, Destination(tmp_path)) for number in range(SHARDS)]
    with pytest.raises(UserError, match=r"Python has too little memory .*raise spark\.executor_memory in params\.yaml"):
        tasks.run(spark, write_then_allocate, work, "shards")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".partial")]


def test_a_worker_killed_in_the_middle_changes_no_byte(spark, running, expected, tmp_path):
    from digits.spark import tasks

    work = [Work(number, Destination(tmp_path), seconds=1.5) for number in range(SHARDS)]

    def kill_one() -> None:
        wait_until(lambda: any(tmp_path.glob("part-*")) and any(tmp_path.glob(".partial-*")))
        kill(running.workers[0])

    with ThreadPoolExecutor(1) as thread:
        killed = thread.submit(kill_one)
        written = tasks.run(spark, write, work, "shards")
        killed.result()
    assert running.workers[0].poll() is not None
    assert written == [shards.Shard(shards.part_name(number), 2 * ROWS, "") for number in range(SHARDS)]
    shards.finish(Destination(tmp_path), written, SCHEMA)  # removes what the killed processes left
    assert read_json(tmp_path / shards.LOCAL_LIST) == dict.fromkeys(map(shards.part_name, range(SHARDS)), 2 * ROWS)
    (tmp_path / shards.LOCAL_LIST).unlink()
    assert files_of(tmp_path) == expected


def test_a_driver_whose_jvm_ends_is_an_error_that_names_the_setting(spark, tmp_path):
    from digits.spark import tasks

    (jvm,) = [one for one in psutil.Process().children() if "pyspark-shell" in command(one)]

    def kill_jvm() -> None:
        wait_until(lambda: any(tmp_path.glob(".partial-*")))
        jvm.kill()

    work = [Work(number, Destination(tmp_path), seconds=1.5) for number in range(SHARDS)]
    with (
        ThreadPoolExecutor(1) as thread,
        pytest.raises(UserError, match=r"Spark's driver ended .*spark\.driver_memory"),
    ):
        killed = thread.submit(kill_jvm)
        tasks.run(spark, write, work, "shards")
    killed.result()

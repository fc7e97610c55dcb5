"""A standalone cluster on loopback, two workers of one core each, and its faults: the same shards, or a clear error.

The tests run in their order: each of the later ones leaves the cluster with fewer workers.
"""

import importlib.util
import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pytest

from digits.data import shards
from digits.data.shards import Destination
from digits.errors import UserError
from digits.params import Spark
from tests.loopback import free_port
from tests.spark_cluster import SHORT_LIVED, cluster, family, kill

SCHEMA = pa.schema({"image": pa.binary(784), "label": pa.int64()})
SHARDS, ROWS = 8, 500
EXECUTOR_MEMORY = "512m"  # the JVM needs 450 MB

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None or shutil.which("java") is None, reason="PySpark or Java is missing"
)


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
    """Write a shard; the last one needs a GiB more than an executor has."""
    shards.write(work.destination, work.number, SCHEMA, [draw(work.number)])
    return len(bytearray(2**30)) if work.number == SHARDS - 1 else 0


def directory_and_secret(_: int) -> tuple[str, str | None]:
    return str(Path.cwd()), os.environ.get("AWS_SECRET_ACCESS_KEY")


def params_of(master: str) -> Spark:
    settings = {"driver_memory": "512m", "executor_memory": EXECUTOR_MEMORY, "pictures_per_shard": ROWS}
    return Spark(master=master, storage=None, **settings)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="module")
def spark(running):
    from pyspark import cloudpickle

    from digits.spark.session import session

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the executors cannot import it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "not-to-be-printed")
        patch.setenv("JDK_JAVA_OPTIONS", SHORT_LIVED)
        with session(params_of(running.address)) as started:
            yield started


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The shards' bytes, written by this process alone."""
    folder = tmp_path_factory.mktemp("expected")
    for number in range(SHARDS):
        write(Work(number, Destination(folder)))
    return bytes_of(folder)


def test_no_master_at_the_address_is_an_error_within_seconds():
    from digits.spark.session import session

    started, address = time.monotonic(), f"spark://127.0.0.1:{free_port()}"
    words = f"^no Spark master answers at {address} .*Connection refused.*spark.master"
    with pytest.raises(UserError, match=words), session(params_of(address)):
        pass
    assert time.monotonic() - started < 10


def test_executors_work_in_the_folder_of_the_project_with_its_credentials(spark, tmp_path, monkeypatch):
    from digits.spark import tasks

    monkeypatch.chdir(tmp_path)
    assert set(tasks.run(spark, directory_and_secret, range(2), "look")) == {(str(tmp_path), "not-to-be-printed")}


def test_secrets_are_in_no_command_line_and_no_log(spark, running):
    commands = [" ".join(process.cmdline()) for process in family(os.getpid())]  # the driver's JVM, and the cluster
    assert any("CoarseGrainedExecutorBackend" in command for command in commands)
    logs = [path.read_text() for path in [*running.folder.glob("*.log"), *running.folder.rglob("std*")]]
    assert not [text for text in [*commands, *logs] if "not-to-be-printed" in text]


def test_an_executor_without_enough_memory_is_an_error_that_names_the_setting(spark, tmp_path):
    from digits.spark import tasks

    work = [Work(number, Destination(tmp_path)) for number in range(SHARDS)]
    with pytest.raises(UserError, match=r"Python has too little memory .*raise spark\.executor_memory in params\.yaml"):
        tasks.run(spark, write_then_allocate, work, "shards")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".partial")]


def test_an_executor_whose_jvm_runs_out_of_memory_is_such_an_error_too(spark):
    from digits.spark import tasks

    too_large = spark.range(1).selectExpr("length(repeat('0123456789', 100000000)) AS letters")
    with pytest.raises(UserError, match=r"executors ended .*raise spark\.executor_memory in params\.yaml"):
        tasks.collect(too_large, 1, "letters")


def test_a_worker_killed_in_the_middle_changes_no_byte(spark, running, expected, tmp_path):
    from digits.spark import tasks

    work = [Work(number, Destination(tmp_path), seconds=1.5) for number in range(SHARDS)]
    killer = threading.Thread(target=lambda: (wait_for_partial(tmp_path), kill(running.workers[0])))
    killer.start()
    written = tasks.run(spark, write, work, "shards")
    killer.join()
    assert running.workers[0].poll() is not None
    assert written == [shards.Shard(shards.part_name(number), 2 * ROWS, "") for number in range(SHARDS)]
    found = bytes_of(tmp_path)
    assert {name: data for name, data in found.items() if not name.startswith(".")} == expected


def wait_for_partial(folder: Path) -> None:
    end = time.monotonic() + 60
    while not (any(folder.glob("part-*")) and any(folder.glob(".partial-*"))):
        assert time.monotonic() < end
        time.sleep(0.05)

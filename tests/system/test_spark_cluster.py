"""A standalone cluster on loopback, three workers of one core each, and its faults: the same shards, or a clear error.

The tests run in their order: each of the later ones leaves the cluster with fewer workers.
"""

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
TABLES = [*(f"data/processed/{split}.parquet" for split in SPLITS), "data/interim/page_cuts.parquet"]
VALIDATED = ["metrics/validate.json", "data/interim/quarantine.csv", "data/interim/profile.json", "data/README.md"]
SECRET = "not-to-be-printed"

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


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch, cluster(tmp_path_factory.mktemp("cluster"), workers=3) as started:
        patch.setenv("JDK_JAVA_OPTIONS", SHORT_LIVED)
        yield started


@pytest.fixture(scope="module")
def spark(running):
    from pyspark import cloudpickle

    from digits.spark.session import session

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the executors cannot import it
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        with session(params_of(running.address)) as started:
            yield started
    forget_jvm()


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The shards' bytes, written by this process alone."""
    folder = tmp_path_factory.mktemp("expected")
    for number in range(SHARDS):
        write(Work(number, Destination(folder)))
    return bytes_of(folder)


def test_a_driver_killed_in_a_stage_leaves_no_process_and_the_next_run_is_complete(
    running, prepared, prepared_template
):
    on_spark(prepared, master=running.address)
    command = ("dvc", "repro", "--force", "--single-item", "preprocess")
    with prepared.start(*command, start_new_session=True) as process:
        wait_until(lambda: (prepared.root / "data" / ".partial-processed").exists())
        wait_until(running.executors)
        os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: not running.executors())
    printed = prepared.run(*command)
    assert "Traceback" not in printed
    assert_same_tables(prepared, prepared_template, TABLES)
    assert partial_files(prepared) == []


def test_a_worker_killed_in_validate_changes_no_row_and_no_verdict(running, prepared, prepared_template):
    command = ("dvc", "repro", "--force", "--single-item", "validate")
    with prepared.start(*command) as process:
        wait_until(lambda: [*prepared.root.rglob(".partial-thumbnails*")] or process.poll() is not None)
        wait_until(lambda: running.executors() or process.poll() is not None)
        kill(running.workers.pop())
        printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
    assert_same_tables(prepared, prepared_template, ["data/interim/statistics.parquet"])
    for file in VALIDATED:
        assert (prepared.root / file).read_bytes() == (prepared_template / file).read_bytes(), file
    assert partial_files(prepared) == []


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
    assert bytes_of(tmp_path) == expected


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

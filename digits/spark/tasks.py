"""Work on shards: one Spark task for each item, by `mapInPandas`, with its result in the order of the items."""

import os
import pickle
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from digits.errors import UserError
from digits.spark import failures

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Row, SparkSession

POLL_SECONDS = 0.5
TABLE_TASKS = "spark.sql.leafNodeDefaultParallelism"  # for a table that the driver has
SHUFFLE_PARTITIONS = "spark.sql.shuffle.partitions"  # at most: Spark joins small ones

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    spark: "SparkSession", function: Callable[[Item], Result], items: Sequence[Item], description: str
) -> list[Result]:
    """`function(item)` for each item, in order, each computed in an executor. Shows how many are done.

    The function, the items and the results are pickled, so they are small: a picture is read from its shard and written
    to another one in the function. A task gets its own item only. It may run more than once for an item, where an
    executor is lost.

    Raises the first UserError that the function raises, and ends the other tasks; and UserError with the cause where a
    task failed otherwise.
    """
    from pyspark import cloudpickle

    if not items:
        return []
    pickled = [cloudpickle.dumps(item) for item in items]
    with _one_task_each(spark, len(items)):
        table = spark.createDataFrame(pa.table({"number": range(len(items)), "item": pa.array(pickled, pa.binary())}))
        mapped = table.mapInPandas(_mapper(function), "number long, result binary")
        rows = collect(mapped, len(items), description)
    return [pickle.loads(row["result"]) for row in sorted(rows, key=lambda row: row["number"])]


def collect(frame: "DataFrame", total: int, description: str) -> "list[Row]":
    """The rows of a small DataFrame; see `watched`."""
    return watched(frame.sparkSession, frame.collect, total, description)


def watched(spark: "SparkSession", job: Callable[[], Result], total: int, description: str) -> Result:
    """What the job returns. Shows how many of `total` tasks are done, of the stage that has most of them.

    Raises UserError of a task, or with the cause where a task failed. A signal ends the job at once.
    """
    with (
        failures.in_words(spark, description),
        ThreadPoolExecutor(1) as thread,
        tqdm(desc=description, total=total, unit=" shards", disable=None) as progress,
    ):
        started = thread.submit(job)
        try:
            _show(spark, started, progress, total)
        except BaseException:
            with suppress(Exception):  # the driver's JVM has ended: so has the job
                spark.sparkContext.cancelAllJobs()
            raise
        return started.result()


def _show(spark: "SparkSession", started: Future[Any], progress: "tqdm[Any]", total: int) -> None:
    from py4j.protocol import Py4JError

    status = spark.sparkContext.statusTracker()
    while not started.done():
        try:
            started.exception(POLL_SECONDS)
        except TimeoutError:
            with suppress(Py4JError, OSError):  # the driver's JVM has ended: the job's error says so
                stages = [status.getStageInfo(stage) for stage in status.getActiveStageIds()]
                done = max([progress.n, *(stage.numCompletedTasks for stage in stages if stage)])
                progress.n = min(done, total)
                progress.refresh()
    if started.exception() is None:
        progress.update(total - progress.n)


@contextmanager
def _one_task_each(spark: "SparkSession", rows: int) -> Iterator[None]:
    """Divide a table of so many rows that the driver has into as many tasks, not into one for each core."""
    spark.conf.set(TABLE_TASKS, rows)
    try:
        yield
    finally:
        with suppress(Exception):  # the driver's JVM has ended
            spark.conf.unset(TABLE_TASKS)


def _mapper(function: Callable[[Item], Result]) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    folder = Path.cwd()  # an executor has its own, and paths are relative to the project's

    def run_batches(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        if folder.is_dir():  # a machine without it can reach object storage only
            os.chdir(folder)
        for batch in batches:
            for number, item in zip(batch["number"].tolist(), batch["item"], strict=True):
                with _shared_folder_required(folder):
                    result = function(pickle.loads(item))
                yield pd.DataFrame({"number": [number], "result": [pickle.dumps(result)]})

    return run_batches


@contextmanager
def _shared_folder_required(folder: Path) -> Iterator[None]:
    """Raise UserError for a missing file where the project's folder itself is not there."""
    try:
        yield
    except FileNotFoundError as error:
        if folder.is_dir():
            raise
        raise UserError(
            f"{folder} is not there on {socket.gethostname()}, whose task needs {error.filename}: all machines must "
            "share the project's folder, or have spark.storage in params.yaml"
        ) from None

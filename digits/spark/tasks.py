"""Work on shards: one Spark task for each item, by `mapInPandas`, with its result in the order of the items."""

import os
import pickle
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
from tqdm import tqdm

from digits.errors import UserError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

POLL_SECONDS = 0.5
MORE_MEMORY = (
    "raise spark.executor_memory in params.yaml, or lower spark.pictures_per_shard; on one machine take fewer cores, "
    "such as spark.master: local[1]"
)

Item = TypeVar("Item")
Result = TypeVar("Result")


def run(
    spark: "SparkSession", function: Callable[[Item], Result], items: Sequence[Item], description: str
) -> list[Result]:
    """`function(item)` for each item, in order, each computed in an executor. Shows how many are done.

    The function, the items and the results are pickled, so they are small: a picture is read from its shard and written
    to another one in the function. It may run more than once for an item, where an executor is lost.

    Raises the UserError that the function raised, and UserError with the cause where a task failed four times.
    """
    if not items:
        return []
    tasks = spark.range(0, len(items), 1, len(items))
    mapped = tasks.mapInPandas(_mapper(function, items), "number long, result binary")
    rows = collect(mapped, len(items), description)
    outcomes = [pickle.loads(row["result"]) for row in sorted(rows, key=lambda row: row["number"])]
    for outcome in outcomes:
        if isinstance(outcome, UserError):
            raise outcome
    return outcomes


def collect(frame: "DataFrame", total: int, description: str) -> list:
    """The rows of a small DataFrame. Shows how many of `total` tasks are done, of the stage that has most of them.

    Raises UserError with the cause where a task failed four times.
    """
    return _watched(frame.sparkSession, frame.collect, total, description)


def _mapper(
    function: Callable[[Item], Result], items: Sequence[Item]
) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    folder = Path.cwd()  # an executor has its own, and paths are relative to the project's

    def run_batches(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        if folder.is_dir():  # a machine without it can reach object storage only
            os.chdir(folder)
        for batch in batches:
            for number in batch["id"].tolist():
                try:
                    outcome: Result | UserError = function(items[number])
                except UserError as error:  # a retry would find the same
                    outcome = error
                except MemoryError as error:  # likewise
                    outcome = UserError(f"an executor's Python has too little memory ({error}): {MORE_MEMORY}")
                yield pd.DataFrame({"number": [number], "result": [pickle.dumps(outcome)]})

    return run_batches


def _watched(spark: "SparkSession", job: Callable[[], list], total: int, description: str) -> list:
    """The job's result, while the number of its tasks that are done is shown."""
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.errors import PySparkException

    status = spark.sparkContext.statusTracker()
    with ThreadPoolExecutor(1) as thread, tqdm(desc=description, total=total, unit=" shards", disable=None) as progress:
        started = thread.submit(job)
        while not started.done():
            try:
                started.exception(POLL_SECONDS)
            except TimeoutError:
                with suppress(Py4JError, OSError):  # the driver's JVM has ended: the job's error says so
                    stages = [status.getStageInfo(stage) for stage in status.getActiveStageIds()]
                    done = max([progress.n, *(stage.numCompletedTasks for stage in stages if stage)])
                    progress.n = min(done, total)
                    progress.refresh()
        progress.update(total - progress.n)
        try:
            return started.result()
        except (Py4JNetworkError, OSError) as error:
            raise UserError(
                f"Spark's driver ended during {description} ({error}), as it does where memory is short: raise "
                "spark.driver_memory in params.yaml"
            ) from None
        except (PySparkException, Py4JError) as error:
            raise UserError(f"Spark could not finish {description}: {_cause(str(error))}") from None


def _cause(message: str) -> str:
    """What ended a job, by Spark's message: lost processes, the last error of a Python process, or its first line."""
    if "Python worker exited unexpectedly" in message:
        return f"an executor's Python was killed four times, as the system does where memory is short: {MORE_MEMORY}"
    if re.search(
        r"\bMemoryError|_ArrayMemoryError|failed to map segment|Cannot allocate memory|std::bad_alloc", message
    ):
        return f"an executor's Python has too little memory: {MORE_MEMORY}"
    if "OutOfMemoryError" in message or "ExecutorLostFailure" in message:
        found = re.search(r"Reason: .*|.*OutOfMemoryError.*", message)
        return f"executors ended ({found[0].strip() if found else 'no reason is known'}): {MORE_MEMORY}"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    python = [line for line in lines if re.match(r"(?!org\.|java|py4j\.)[A-Za-z_][\w.]*Error\b", line)]
    return python[-1] if python else lines[0]

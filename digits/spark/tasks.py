"""Work on shards: one Spark task for each item, by `mapInPandas`, with its result in the order of the items."""

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

import pandas as pd
from tqdm import tqdm

from digits.errors import UserError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

POLL_SECONDS = 0.5

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
    rows = _watched(spark, lambda: mapped.collect(), len(items), description)
    outcomes = [pickle.loads(row["result"]) for row in sorted(rows, key=lambda row: row["number"])]
    for outcome in outcomes:
        if isinstance(outcome, UserError):
            raise outcome
    return outcomes


def _mapper(
    function: Callable[[Item], Result], items: Sequence[Item]
) -> Callable[[Iterator[pd.DataFrame]], Iterator[pd.DataFrame]]:
    def run_batches(batches: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
        for batch in batches:
            for number in batch["id"].tolist():
                try:
                    outcome: Result | UserError = function(items[number])
                except UserError as error:  # a retry would find the same
                    outcome = error
                yield pd.DataFrame({"number": [number], "result": [pickle.dumps(outcome)]})

    return run_batches


def _watched(spark: "SparkSession", job: Callable[[], list], total: int, description: str) -> list:
    """The job's result, while the number of its tasks that are done is shown."""
    from pyspark.errors import PySparkException

    status = spark.sparkContext.statusTracker()
    with ThreadPoolExecutor(1) as thread, tqdm(desc=description, total=total, unit=" shards", disable=None) as progress:
        started = thread.submit(job)
        while not started.done():
            try:
                started.exception(POLL_SECONDS)
            except TimeoutError:
                stages = [status.getStageInfo(stage) for stage in status.getActiveStageIds()]
                progress.n = max([progress.n, *(stage.numCompletedTasks for stage in stages if stage)])
                progress.refresh()
        progress.update(total - progress.n)
        try:
            return started.result()
        except PySparkException as error:
            raise UserError(f"Spark could not finish {description}: {_cause(str(error))}") from None


def _cause(message: str) -> str:
    """The last line of an executor's traceback, or the first line of Spark's message."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    python = [line for line in lines if line.split(":")[0].isidentifier() and "Error" in line.split(":")[0]]
    return python[-1] if python else lines[0]

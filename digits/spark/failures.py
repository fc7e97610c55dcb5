"""What Spark raises, as an error in words: the user's own error from a task, or what ended a job."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from digits.errors import UserError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FEWER_PICTURES_HINT = "lower spark.pictures_per_shard"
CLUSTER_HINT = f"raise spark.executor_memory in params.yaml, or {FEWER_PICTURES_HINT}"
# Tasks run in the driver's JVM there, and nothing bounds the memory of their Python
LOCAL_HINT = f"take fewer cores, such as spark.master: local[1] in params.yaml, or {FEWER_PICTURES_HINT}"
DRIVER_HINT = "raise spark.driver_memory in params.yaml"
# A task's own UserError, up to Java's stack trace
USER_ERROR_LINE = re.compile(
    r"^(?:\w+\.)*UserError: (.*?)\s*(?=\n\s*at |\n\s*Driver stacktrace|\Z)", re.DOTALL | re.MULTILINE
)
MEMORY_ERROR_LINE = re.compile(  # the line of the exception, not one of its traceback
    r"^(?=\S).*(?:\bMemoryError|_ArrayMemoryError|failed to map segment|Cannot allocate memory|std::bad_alloc).*",
    re.MULTILINE,
)


@contextmanager
def in_words(spark: "SparkSession", description: str = "the work") -> Iterator[None]:
    """Raise what Spark raises in the block as UserError: that of a task as it is, else with the cause.

    `description` names the work. An error of a task is the last of its tries: one locally, four on a cluster.
    """
    from py4j.protocol import Py4JError, Py4JNetworkError
    from pyspark.errors import PySparkException

    try:
        yield
    except (Py4JNetworkError, ConnectionError, EOFError) as error:
        raise UserError(
            f"Spark's driver ended during {description} ({error}), as it does where memory is short: {DRIVER_HINT}"
        ) from None
    except (PySparkException, Py4JError) as error:
        raise in_words_of(str(error), spark, description) from None


def in_words_of(message: str, spark: "SparkSession", description: str) -> UserError:
    """The error for Spark's message: that of a task as it is, else with the cause."""
    if found := USER_ERROR_LINE.search(message):
        return UserError(found[1])
    local = str(spark.sparkContext.master).startswith("local")
    return UserError(f"Spark could not finish {description}: {cause(message, local)}")


def cause(message: str, local: bool) -> str:
    """What ended a job, by Spark's message: lost processes, the last error of a Python process, or its first line."""
    more = LOCAL_HINT if local else CLUSTER_HINT
    if "Python worker exited unexpectedly" in message:
        times = "" if local else " four times"
        return f"an executor's Python was killed{times}, as the system does where memory is short: {more}"
    if found := MEMORY_ERROR_LINE.search(message):
        return f"an executor's Python has too little memory ({found[0].strip()}): {more}"
    if "OutOfMemoryError" in message or "ExecutorLostFailure" in message:
        found = re.search(r"Reason: .*|.*OutOfMemoryError.*", message)
        reason = found[0].strip() if found else "no reason is known"
        return f"executors ended ({reason}): {DRIVER_HINT if local else more}"
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    python = [line for line in lines if re.match(r"(?!org\.|java|py4j\.)[A-Za-z_][\w.]*Error\b", line)]
    return python[-1] if python else lines[0]

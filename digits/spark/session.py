"""The connection to Spark, by the section `spark` of params.yaml."""

import importlib.util
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING

from digits.errors import UserError
from digits.params import Spark
from digits.processes import suppress_native_stderr
from digits.spark import cluster, failures, java, tasks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOPBACK = "127.0.0.1"
SHUFFLED_ROWS = 10_000  # in a partition: with the thumbnails of near duplicates 30 MB


@contextmanager
def session(params: Spark) -> Iterator["SparkSession"]:
    """A Spark session, stopped at the end. What Spark raises in the block is raised as UserError, in words.

    Raises UserError where PySpark or Java is missing, or no master answers.
    """
    if importlib.util.find_spec("pyspark") is None:
        raise UserError(
            "Spark needs PySpark, which is not installed: `make spark`, or leave Spark out (engine: pandas)"
        )
    java.require()
    warnings.filterwarnings("ignore", module="pyspark")
    logging.getLogger("py4j").setLevel(logging.CRITICAL)  # what it logs it raises, too
    logging.getLogger().addFilter(_is_not_of_py4j)
    from py4j.protocol import Py4JError

    spark = _start(params)
    spark.sparkContext.setLogLevel("OFF")  # a failure is raised, in words
    spark.sparkContext.environment.update(cluster.worker_environment())
    is_standalone = params.master.startswith(cluster.STANDALONE)
    try:
        with (
            cluster.require_executors(spark, params) if is_standalone else nullcontext(),
            failures.in_words(spark),
        ):
            yield spark
    finally:
        with suppress(Py4JError, OSError):  # its JVM has ended
            spark.stop()


def _is_not_of_py4j(record: logging.LogRecord) -> bool:
    """An interrupted call is logged by the root logger, with its traceback."""
    return Path(record.pathname).parent.name != "py4j"


def divide_shuffles(spark: "SparkSession", rows: int) -> None:
    """Divide what is shuffled of a table of so many rows into partitions that a task can hold, one a core at least."""
    spark.conf.set(tasks.SHUFFLE_PARTITIONS, max(spark.sparkContext.defaultParallelism, rows // SHUFFLED_ROWS))


def _start(params: Spark) -> "SparkSession":
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    settings = _settings(params)
    os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    if params.master.startswith("local") or "PYSPARK_PYTHON" not in os.environ:  # a cluster's may be elsewhere
        os.environ["PYSPARK_PYTHON"] = sys.executable
    if host := settings.get("spark.driver.host"):
        os.environ.setdefault("SPARK_LOCAL_IP", host)  # else its JVM warns of addresses that it does not use
    builder = SparkSession.builder.appName("digits").master(params.master)
    for name, value in settings.items():
        builder = builder.config(name, value)
    with TemporaryFile() as log:  # the JVM writes warnings before it takes a level of them
        try:
            with suppress_native_stderr(log), _same_interrupts():
                return builder.getOrCreate()
        except (Py4JError, PySparkException) as error:
            raise UserError(
                f"Spark did not start: {_cause(error, log)}; correct the section spark of params.yaml"
            ) from None


@contextmanager
def _same_interrupts() -> Iterator[None]:
    """Keep what Ctrl-C does: a context of Spark sets a handler of its own."""
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, before)


def _cause(error: Exception, log: IO[bytes]) -> str:
    """What the JVM raised, or wrote to standard error where there is none."""
    if thrown := getattr(error, "java_exception", None):
        return " ".join(str(thrown.getMessage()).split())
    log.seek(0)
    return " ".join(log.read().decode(errors="replace").split("\n")[-3:]).strip() or str(error)


def _settings(params: Spark) -> dict[str, str]:
    settings = {
        "spark.driver.memory": params.driver_memory,
        "spark.driver.extraJavaOptions": "-XX:+ExitOnOutOfMemoryError",  # else a thread ends, and Python waits for it
        "spark.executor.memory": params.executor_memory,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
        "spark.sql.execution.arrow.localRelationThreshold": "1g",  # below it `tasks.run` has a task for each item
        "spark.sql.maxPlanStringLength": "10000",
    }
    if params.master.startswith("local"):
        # Without it Spark looks up this machine's name, which a machine without a network cannot resolve
        return {**settings, "spark.driver.host": LOOPBACK, "spark.driver.bindAddress": LOOPBACK}
    return {**settings, **cluster.settings(params, cluster.driver_host(params.master))}

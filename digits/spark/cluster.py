"""What a standalone cluster needs: an address of the driver, the environment of the executors, limits of time."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from digits.errors import UserError
from digits.params import Spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STANDALONE = "spark://"
CONNECT_SECONDS = 5  # to a master
EXECUTOR_SECONDS = 120  # that work waits for an executor: its JVM starts in some 5 s
LIBRARIES_MIB = 1024  # addresses that Python's libraries map: 722 MB, of which they use 200
POLL_SECONDS = 1.0
# What the executors need to read and write object storage, as boto3 names it
CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_CA_BUNDLE",
)


def settings(params: Spark, driver_host: str) -> dict[str, str]:
    """Spark's settings for a cluster: one task in an executor, whose Python has as much memory as its JVM."""
    return {
        "spark.driver.host": driver_host,
        "spark.driver.bindAddress": driver_host,
        "spark.executor.cores": "1",
        # Of addresses, beyond which Python raises MemoryError
        "spark.executor.pyspark.memory": f"{_mebibytes(params.executor_memory) + LIBRARIES_MIB}m",
        # A machine that stops without a word is noticed after this time, and not after Spark's two minutes
        "spark.network.timeout": "60s",
        "spark.executor.heartbeatInterval": "5s",
    }


def driver_host(master: str) -> str:
    """The address of this machine as the master sees it. Raises UserError where no master answers.

    Spark itself would try for a minute, and takes an address of this machine that the executors may not reach.
    """
    causes = []
    for address in master.removeprefix(STANDALONE).split(","):
        try:
            parts = urlsplit(f"//{address}")
            with socket.create_connection((parts.hostname or "", parts.port or 7077), CONNECT_SECONDS) as connection:
                host: str = connection.getsockname()[0]
                return host
        except (OSError, ValueError) as error:
            causes.append(f"{address}: {error}")
    raise UserError(
        f"no Spark master answers at {master} ({'; '.join(causes)}): start it, or correct spark.master in params.yaml"
    )


def worker_environment() -> dict[str, str]:
    """The environment of the executors' Python: this project's code, and the credentials of object storage.

    It travels with each task, so that no secret is in a command line, a setting of Spark, or a log.
    """
    found = {name: os.environ[name] for name in CREDENTIALS if name in os.environ}
    # PySpark in an executor warns of each later pandas than it knows
    return {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONWARNINGS": "ignore::FutureWarning", **found}


@contextmanager
def require_executors(spark: "SparkSession", params: Spark) -> Iterator[None]:
    """End work that waits for an executor for EXECUTOR_SECONDS, with a UserError; Spark would wait for ever."""
    ended, given_up = threading.Event(), threading.Event()
    watcher = threading.Thread(target=_watch, args=(spark, ended, given_up), daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if not given_up.is_set():
            raise
        raise UserError(
            f"{params.master} had no executor for {EXECUTOR_SECONDS} s: each needs a worker with a free core and "
            f"{params.executor_memory} of free memory; start workers, or lower spark.executor_memory in params.yaml"
        ) from None
    finally:
        ended.set()
        watcher.join()


def _mebibytes(memory: str) -> int:
    """The number of a size such as 512m or 2g."""
    return int(memory[:-1]) * (1024 if memory[-1] == "g" else 1)


def _watch(spark: "SparkSession", ended: threading.Event, given_up: threading.Event) -> None:
    context, waited = spark.sparkContext, 0.0
    while not ended.wait(POLL_SECONDS):
        try:
            executors = context._jsc.sc().getExecutorMemoryStatus().size() - 1  # the driver is one of them
            waiting = executors == 0 and len(context.statusTracker().getActiveJobsIds()) > 0
            waited = waited + POLL_SECONDS if waiting or given_up.is_set() else 0.0
            if waited >= EXECUTOR_SECONDS:  # again and again: Great Expectations goes on with the next metric
                given_up.set()
                context.cancelAllJobs()
        except Exception:  # the context was stopped: the work has failed by itself
            return

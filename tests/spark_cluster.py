"""A standalone Spark cluster on loopback: a master and workers, each a process of its own, from the package pyspark."""

import importlib.util
import os
import subprocess
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from digits.data import shards
from digits.errors import UserError
from digits.spark import java
from tests.loopback import free_port, wait_for
from tests.scratch import Project

DEPLOY = "org.apache.spark.deploy"
START_SECONDS = 180
SHORT_LIVED = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # a JVM that starts in half the time, as JDK_JAVA_OPTIONS


def missing() -> str:
    """Why nothing can run on Spark here; empty where it can."""
    if importlib.util.find_spec("pyspark") is None:
        return "PySpark is not installed: `make spark`"
    try:
        java.require()
    except UserError as error:
        return str(error)
    return ""


skip_without_spark = pytest.mark.skipif(bool(missing()), reason=missing())

PARAMS = {"driver_memory": "512m", "executor_memory": "512m", "pictures_per_shard": 40}  # a JVM needs 450 MB


class Cluster(NamedTuple):
    """The address of the master, the processes, and the folder with their logs and work folders."""

    address: str
    master: subprocess.Popen
    workers: list[subprocess.Popen]
    folder: Path

    def executors(self) -> list[psutil.Process]:
        """The executors' processes that run now: their JVMs, and Python."""
        return [one for worker in self.workers for one in family(worker.pid) if command(one)]


@contextmanager
def cluster(folder: Path, workers: int = 2, memory: str = "1g") -> Iterator[Cluster]:
    """A master and workers of one core each, which end with the context, and their executors with them."""
    port = free_port()
    address = f"spark://127.0.0.1:{port}"
    settings = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_DAEMON_MEMORY": "256m",
        "SPARK_LOCAL_DIRS": str(folder),
        "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",  # which would take the port 6066
        "JDK_JAVA_OPTIONS": SHORT_LIVED,
    }
    started: list[subprocess.Popen] = []
    try:
        options = ["--host", "127.0.0.1", "--port", str(port), "--webui-port", "0"]
        started.append(start(settings, folder / "master.log", f"{DEPLOY}.master.Master", *options))
        wait_for(port, START_SECONDS)
        for number in range(workers):
            work = folder / f"worker-{number}"
            options = ["--host", "127.0.0.1", "--webui-port", "0", "--cores", "1", "--memory", memory]
            command = (f"{DEPLOY}.worker.Worker", *options, "--work-dir", str(work), address)
            started.append(start(settings, folder / f"worker-{number}.log", *command))
        _wait_for_workers(folder / "master.log", workers)
        yield Cluster(address, started[0], started[1:], folder)
    finally:
        for process in reversed(started):
            kill(process)


def on_spark(project: Project, **changes: object) -> Project:
    """Set `engine: spark` in a scratch project, and keys of its section `spark`."""
    project.set_params(engine="spark", spark={**PARAMS, **changes})
    return project


def assert_same_tables(project: Project, template: Path, tables: Iterable[str]) -> None:
    """The project's tables have the rows, the types and the metadata that those of the template have."""
    for table in tables:
        found, expected = (shards.read(root / table) for root in (project.root, template))
        assert found.cast(expected.schema).equals(expected), table
        assert found.schema.equals(expected.schema, check_metadata=True), table


def partial_files(project: Project) -> list[Path]:
    """What an interrupted stage left."""
    return [path for path in project.root.rglob(".partial-*") if ".dvc" not in path.parts]


def start(environment: Mapping[str, str], log: Path, *command: str) -> subprocess.Popen:
    """Start a class of Spark with its output in the file `log`."""
    import pyspark

    home = Path(pyspark.__file__).parent
    with log.open("w") as output:
        return subprocess.Popen(
            [str(home / "bin" / "spark-class"), *command],
            env={**environment, "SPARK_HOME": str(home)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def family(pid: int) -> list[psutil.Process]:
    """A process's children, and theirs: of a worker its executors, and their Python processes."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def command(process: psutil.Process) -> str:
    """A process's command line; empty where it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def kill(process: subprocess.Popen) -> None:
    """SIGKILL for a process, its children, and theirs."""
    for child in [process, *family(process.pid)]:
        try:
            child.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def forget_jvm() -> None:
    """Let this process start another JVM: PySpark, and so MLflow, would ask the one that a test has killed."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    SparkContext._gateway = SparkContext._jvm = None
    SparkSession._instantiatedSession = SparkSession._activeSession = None


def _wait_for_workers(log: Path, workers: int) -> None:
    end = time.monotonic() + START_SECONDS
    while log.read_text().count("Registering worker") < workers:
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.1)

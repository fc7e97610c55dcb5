"""The address of the driver, and what the executors get of its environment."""

import socket
import threading
import time
from types import SimpleNamespace

import pytest

from digits.errors import UserError
from digits.params import Spark
from digits.spark import cluster
from tests.imports import ROOT
from tests.loopback import free_port


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_the_drivers_address_is_the_one_that_the_master_sees(listening):
    assert cluster.driver_host(f"spark://127.0.0.1:{listening}") == "127.0.0.1"


def test_one_of_several_masters_is_enough(listening):
    assert cluster.driver_host(f"spark://127.0.0.1:{free_port()},127.0.0.1:{listening}") == "127.0.0.1"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "127.0.0.1:port", "[::1:7077", ":7077"])
def test_no_master_is_an_error_that_names_the_address_and_the_parameter(address):
    with pytest.raises(UserError) as caught:
        cluster.driver_host(f"spark://{address}")
    assert str(caught.value).startswith(f"no Spark master answers at spark://{address} (")
    assert "correct spark.master in params.yaml" in str(caught.value)


def test_the_executors_get_the_credentials_of_object_storage_and_no_other_variable(monkeypatch):
    for name in cluster.CREDENTIALS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SOMETHING_ELSE", "other")
    assert cluster.worker_environment() == {
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "ignore::FutureWarning",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }


@pytest.mark.parametrize(("memory", "python"), [("3g", "4096m"), ("512m", "1536m")])
def test_an_executor_has_as_much_memory_for_python_as_for_its_jvm_besides_its_libraries(memory, python):
    params = Spark(
        master="spark://host:7077", storage=None, pictures_per_shard=1, driver_memory="1g", executor_memory=memory
    )
    settings = cluster.settings(params, "10.0.0.1")
    assert settings["spark.executor.pyspark.memory"] == python
    assert (settings["spark.driver.host"], settings["spark.executor.cores"]) == ("10.0.0.1", "1")


def test_work_without_executors_is_cancelled_until_it_ends(monkeypatch):
    """Great Expectations catches the first error, and computes each metric anew."""
    cancelled: list[float] = []
    members = SimpleNamespace(size=lambda: 1)  # the driver
    context = SimpleNamespace(
        _jsc=SimpleNamespace(sc=lambda: SimpleNamespace(getExecutorMemoryStatus=lambda: members)),
        statusTracker=lambda: SimpleNamespace(getActiveJobsIds=lambda: [1]),
        cancelAllJobs=lambda: cancelled.append(time.monotonic()),
    )
    monkeypatch.setattr(cluster, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(cluster, "EXECUTOR_SECONDS", 0.02)
    ended, given_up = threading.Event(), threading.Event()
    watcher = threading.Thread(
        target=cluster._watch, args=(SimpleNamespace(sparkContext=context), ended, given_up), daemon=True
    )
    watcher.start()
    limit = time.monotonic() + 10
    while len(cancelled) < 3 and time.monotonic() < limit:
        time.sleep(0.01)
    ended.set()
    watcher.join(10)
    assert given_up.is_set() and len(cancelled) >= 3 and not watcher.is_alive()

"""A Spark session of this machine for all tests of a process."""

import importlib.util
import sys

import pytest

from digits.params import Spark
from tests.spark_cluster import missing


@pytest.fixture(scope="session")
def spark_params() -> Spark:
    """Two cores of this machine, and shards of few pictures, so that a small data set has several."""
    return Spark(master="local[2]", storage=None, pictures_per_shard=60, driver_memory="1g", executor_memory="1g")


@pytest.fixture(scope="package")
def spark(spark_params):
    """The session, which ends with this folder's tests: a test of a cluster needs its own. Its start takes some 5 s."""
    if reason := missing():
        pytest.skip(reason)
    from digits.spark.session import session

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("digits.spark.session.SHUFFLED_ROWS", 10**9)  # two partitions for all
        patch.setenv("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")  # for a JVM that lives shortly
        with session(spark_params) as started:
            started.conf.set("spark.sql.shuffle.partitions", "2")
            yield started


@pytest.fixture(autouse=True)
def _functions_of_the_test(request):
    """Send a test module's functions to the executors whole: they could not import it."""
    if "spark" in request.fixturenames and importlib.util.find_spec("pyspark"):
        from pyspark import cloudpickle

        cloudpickle.register_pickle_by_value(sys.modules[request.module.__name__])

"""The connection to Spark, by the section `spark` of params.yaml."""

import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from digits.errors import UserError
from digits.params import Spark
from digits.spark import java

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@contextmanager
def session(params: Spark) -> Iterator["SparkSession"]:
    """A Spark session, stopped at the end. Raises UserError where PySpark or Java is missing, or no master answers."""
    if importlib.util.find_spec("pyspark") is None:
        raise UserError("engine = spark needs PySpark, which is not installed: `make spark`, or set engine: pandas")
    java.require()
    warnings.filterwarnings("ignore", module="pyspark")
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName("digits").master(params.master)
    for name, value in _settings(params).items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("OFF")  # a failure is raised, in words
    try:
        yield spark
    finally:
        spark.stop()


def _settings(params: Spark) -> dict[str, str]:
    local = params.master.startswith("local")
    return {
        "spark.driver.memory": params.driver_memory,
        "spark.executor.memory": params.executor_memory,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
        # Without it Spark looks up this machine's name, which a machine without a network cannot resolve
        **({"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"} if local else {}),
    }

"""What ended a job, from the messages that Spark raised when it happened; nothing is started."""

from contextlib import contextmanager, nullcontext
from unittest.mock import MagicMock

import pytest

from digits.errors import UserError
from digits.params import Spark
from digits.spark import failures, validate
from digits.spark.failures import cause
from digits.validation.run import MetricError

LOST = "Job aborted due to stage failure: Task 0 in stage 3.0 failed 4 times, most recent failure: Lost task 0.3"
PYTHON = "An exception was thrown from the Python worker. Please see the stack trace below.\nTraceback:\n"


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (f"{LOST} (TID 7): org.apache.spark.SparkException: Python worker exited unexpectedly (crashed)", "was killed"),
        (f"{PYTHON}numpy._core._exceptions._ArrayMemoryError: Unable to allocate 2.00 GiB", "too little memory"),
        (f"{PYTHON}ImportError: libcv.so: failed to map segment from shared object", "too little memory"),
        (
            f"{LOST}: ExecutorLostFailure (executor 3 exited caused by one of the running tasks) Reason: Command exited"
            " with code 52",
            "executors ended (Reason: Command exited with code 52)",
        ),
        (f"{LOST}: java.lang.OutOfMemoryError: Java heap space", "executors ended ("),
    ],
)
def test_what_memory_was_short_for_is_named_with_the_parameter(message, words):
    on_a_cluster, here = cause(message, local=False), cause(message, local=True)
    assert words in on_a_cluster and "raise spark.executor_memory in params.yaml" in on_a_cluster
    assert "spark.executor_memory" not in here


def test_another_error_of_python_is_its_last_line():
    trace = '  File "x.py", line 1, in f\n    raise MemoryError if full else ValueError\n'
    assert (
        cause(f"{PYTHON}{trace}ValueError: no picture\n\tat org.apache.spark.X", local=True) == "ValueError: no picture"
    )


def test_an_error_of_spark_is_its_first_line():
    assert cause("\n[DIVIDE_BY_ZERO] Division by zero.\n\tat org.apache.spark.X", local=False) == (
        "[DIVIDE_BY_ZERO] Division by zero."
    )


@pytest.mark.parametrize(
    ("message", "answer", "words"),
    [
        (
            "[Errno 111] Connection refused",
            ConnectionRefusedError(111, "refused"),
            "^Spark's driver ended .*driver_mem",
        ),
        (f"{PYTHON}digits.errors.UserError: s3://x is out of reach\n\tat org.x", 1, "^s3://x is out of reach$"),
        (f"{PYTHON}ValueError: no picture", 1, "^Spark could not finish validate: ValueError: no picture$"),
    ],
)
def test_what_great_expectations_keeps_of_an_error_is_in_the_same_words(
    monkeypatch, spark_params: Spark, message, answer, words
):
    pytest.importorskip("pyspark")
    spark = MagicMock()
    spark.range.return_value.count.side_effect = [answer]

    @contextmanager
    def session(params):
        with failures.in_words(spark):
            yield spark

    monkeypatch.setattr(validate, "session", session)
    monkeypatch.setattr(validate.statistics, "write", lambda *of: nullcontext(MagicMock()))
    with pytest.raises(UserError, match=words), validate.raw_statistics(spark_params, {}):
        raise MetricError(message)

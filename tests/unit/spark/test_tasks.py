"""One Spark task for each item."""

import os

import pytest

from digits.errors import UserError
from digits.spark import tasks


def square_and_pid(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def refuse_three(number: int) -> int:
    if number == 3:
        raise UserError("shard 3 is damaged")
    return number


def divide(number: int) -> float:
    return 1 / number


def test_results_are_in_the_order_of_the_items_and_come_from_other_processes(spark):
    results = tasks.run(spark, square_and_pid, [5, 1, 4], "squares")
    assert [square for square, _ in results] == [25, 1, 16]
    assert os.getpid() not in {pid for _, pid in results}


def test_no_items_need_no_job(spark):
    assert tasks.run(spark, square_and_pid, [], "squares") == []


def test_a_users_error_is_raised_as_it_is(spark):
    with pytest.raises(UserError, match=r"^shard 3 is damaged$"):
        tasks.run(spark, refuse_three, range(5), "shards")


def test_another_error_names_the_work_and_the_cause(spark):
    with pytest.raises(UserError, match=r"^Spark could not finish divisions: ZeroDivisionError: division by zero$"):
        tasks.run(spark, divide, [1, 0], "divisions")

"""One Spark task for each item."""

import os
import pickle
import signal
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from digits.errors import UserError
from digits.spark import tasks


def square_and_pid(number: int) -> tuple[int, int]:
    return number**2, os.getpid()


def refuse_the_first(item: tuple[int, Path]) -> None:
    number, folder = item
    if not number:
        raise UserError("shard 0 is damaged\nin row 7")
    time.sleep(2)
    (folder / str(number)).touch()


def divide(number: int) -> float:
    return 1 / number


def allocate(size: int) -> int:
    raise MemoryError(f"Unable to allocate {size} bytes")


def sleep(seconds: int) -> None:
    time.sleep(seconds)


def test_results_are_in_the_order_of_the_items_and_come_from_other_processes(spark):
    results = tasks.run(spark, square_and_pid, [5, 1, 4], "squares")
    assert [square for square, _ in results] == [25, 1, 16]
    assert os.getpid() not in {pid for _, pid in results}


def test_a_machine_without_the_projects_folder_is_an_error_that_says_what_to_share(tmp_path, monkeypatch):
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    run_batches = tasks._mapper(Path.read_bytes)
    monkeypatch.chdir(tmp_path)
    batch = pd.DataFrame({"number": [0], "item": [pickle.dumps(project / "x.png")]})
    with pytest.raises(FileNotFoundError):
        list(run_batches(iter([batch])))
    monkeypatch.chdir(tmp_path)
    project.rmdir()
    words = rf"^{project} is not there on .* needs {project}/x\.png: all machines must share .* or have spark\.storage"
    with pytest.raises(UserError, match=words):
        list(run_batches(iter([batch])))


def test_no_items_need_no_job(spark):
    assert tasks.run(spark, square_and_pid, [], "squares") == []


def test_each_item_has_a_task_and_no_task_has_the_others(spark):
    """7 items of 8 MB: Spark divides a large table by the number of cores."""
    assert tasks.run(spark, len, [b"x" * 8_000_000] * 7, "lengths") == [8_000_000] * 7
    stages = spark.sparkContext.statusTracker()
    jobs = sorted(stages.getJobIdsForGroup(None))
    (stage,) = stages.getJobInfo(jobs[-1]).stageIds
    assert stages.getStageInfo(stage).numTasks == 7


def test_a_users_error_is_raised_as_it_is_and_ends_the_others(spark, tmp_path):
    """Two tasks at a time, of 2 s: without an end all five would be done."""
    with pytest.raises(UserError, match=r"^shard 0 is damaged\nin row 7$"):
        tasks.run(spark, refuse_the_first, [(number, tmp_path) for number in range(6)], "shards")
    assert len(list(tmp_path.iterdir())) < 3


def test_another_error_names_the_work_and_the_cause(spark):
    with pytest.raises(UserError, match=r"^Spark could not finish divisions: ZeroDivisionError: division by zero$"):
        tasks.run(spark, divide, [1, 0], "divisions")


def test_too_little_memory_is_an_error_with_what_helps_on_this_machine(spark):
    words = r"too little memory \(MemoryError: Unable to allocate 9 bytes\): take fewer cores, such as spark\.master"
    with pytest.raises(UserError, match=words):
        tasks.run(spark, allocate, [9], "allocations")


def test_a_signal_ends_the_tasks(spark):
    """A task of 60 s, interrupted after some seconds; and Ctrl-C does what it did before the session."""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    timer = threading.Timer(2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    started = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            tasks.run(spark, sleep, [60], "sleep")
    finally:
        timer.cancel()
    assert time.monotonic() - started < 40
    assert not spark.sparkContext.statusTracker().getActiveJobsIds()

"""The queue's database when the disk is full, many write at once, or it can't be used. 2 s in all."""

import resource
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest

from digits.errors import UserError
from digits.feedback.items import WAITING
from digits.feedback.queue import Queue
from digits.feedback.rates import Rates
from digits.sqlite_files import BusyError, FullError
from tests.feedback import REPORT, noise
from tests.imports import ROOT

ADD = """
import sys
from pathlib import Path
from digits.feedback.queue import Queue
from tests.feedback import REPORT, noise
queue = Queue(Path(sys.argv[1]))
seeds = range(int(sys.argv[2]), int(sys.argv[2]) + 10)
print(sum(queue.add(noise(seed), REPORT._replace(request_ids=(f"process-{seed}",))).is_new for seed in seeds))
"""


@contextmanager
def no_file_may_grow(length: int):
    """Writing beyond so many bytes of any file fails in the block, as with a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_eight_threads_and_two_processes_lose_nothing(folder):
    queue = Queue(folder)
    command = [sys.executable, "-c", ADD, str(folder)]
    processes = [
        subprocess.Popen([*command, str(start)], cwd=ROOT, stdout=subprocess.PIPE, text=True) for start in (0, 5)
    ]

    def add(thread: int) -> int:
        reports = (REPORT._replace(request_ids=(f"{thread}-{seed}",)) for seed in range(20))
        return sum(queue.add(noise(seed), report).is_new for seed, report in enumerate(reports))

    with ThreadPoolExecutor(8) as threads:
        new = sum(threads.map(add, range(8)))
    new += sum(int(process.communicate(timeout=60)[0]) for process in processes)
    items = queue.items(WAITING)
    assert len(items) == new == 20
    assert sum(item.reports for item in items) == 8 * 20 + 2 * 10
    assert sum(len(item.request_ids) for item in items) == 8 * 20 + 15
    assert {f"{item.sha256}.png" for item in items} == {path.name for path in (folder / "pictures").iterdir()}


@pytest.mark.parametrize(
    ("length", "side", "reason"),
    [
        (0, 28, ""),
        (20_000, 28, ""),  # less than SQLite's shared memory
        (40_000, 300, ""),  # less than the picture
        (40_000, 28, "a" * 100_000),  # less than the transaction, after the picture is written
    ],
)
def test_where_no_file_may_grow_nothing_is_left_of_a_picture(folder, length, side, reason):
    queue = Queue(folder)
    queue.add(noise(1), REPORT)
    before = queue.items()
    with no_file_may_grow(length), pytest.raises(FullError):
        queue.add(noise(2, side), REPORT._replace(reason=reason))
    assert queue.items() == before
    assert [path.name for path in (folder / "pictures").iterdir()] == [f"{before[0].sha256}.png"]
    assert queue.add(noise(2), REPORT)


def test_where_no_file_may_grow_no_database_is_created(folder):
    with no_file_may_grow(0), pytest.raises(FullError):
        Rates(folder, 5, 100).admit("192.0.2.1")
    assert Queue(folder).items() == []
    assert Queue(folder).add(noise(1), REPORT)


def test_a_database_of_a_later_version_is_left_alone(folder):
    Queue(folder).add(noise(1), REPORT)
    with closing(sqlite3.connect(folder / "queue.db")) as database:
        database.execute("PRAGMA user_version = 2")
    with pytest.raises(UserError, match="has schema version 2, and this version of digits expects 1"):
        Queue(folder).items()


def test_a_damaged_database_is_named(folder):
    (folder / "queue.db").write_bytes(b"no database" * 1000)
    with pytest.raises(UserError, match=r"queue.db can't be used: file is not a database; restore it"):
        Queue(folder).add(noise(1), REPORT)


def test_a_locked_database_is_another_error_than_a_damaged_one(folder):
    Queue(folder).add(noise(1), REPORT)
    with closing(sqlite3.connect(folder / "queue.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BusyError, match=r"queue.db is locked: another process has been changing it for 0\.01 s"):
            Queue(folder, 0.01).add(noise(2), REPORT)
        assert Queue(folder, 0.01).counts() == {WAITING: 1}


def test_a_failing_disk_is_no_full_one(folder, monkeypatch):
    def fail(*_):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
        raise error

    monkeypatch.setattr("digits.feedback.rows.insert_picture", fail)
    with pytest.raises(UserError, match=r"queue.db can't be used: disk I/O error; check its permissions and its disk"):
        Queue(folder).add(noise(1), REPORT)


def test_reading_creates_no_database_of_an_empty_file(folder):
    (folder / "queue.db").touch()
    assert Queue(folder).items() == []
    assert [(path.name, path.stat().st_size) for path in folder.iterdir()] == [("queue.db", 0)]


def test_threads_that_create_it_at_the_same_time_wait_for_each_other(folder):
    for number in range(20):
        with ThreadPoolExecutor(8) as threads:
            new = threads.map(lambda _, n=number: Queue(folder / str(n)).add(noise(1), REPORT).is_new, range(8))
        assert sum(new) == 1

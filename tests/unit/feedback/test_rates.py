"""How much feedback is taken. 0.3 s in all."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from digits.feedback import rates
from digits.feedback.queue import Queue
from digits.feedback.rates import Rates


@pytest.fixture
def clock(monkeypatch):
    """The seconds that `rates` takes for the time."""

    class Clock:
        now = 1_000_000.0

        def time(self) -> float:
            return self.now

    found = Clock()
    monkeypatch.setattr(rates, "time", found)
    return found


def admitted(folder) -> list[tuple]:
    with closing(sqlite3.connect(folder / "queue.db")) as database:
        return database.execute("SELECT at, client FROM admitted ORDER BY at").fetchall()


def test_a_client_may_send_so_many_a_minute_and_others_too(folder, clock):
    checked = Rates(folder, per_minute=2, per_day=100)
    assert [checked.admit("192.0.2.1") for _ in range(2)] == [0, 0]
    clock.now += 20
    assert checked.admit("192.0.2.1") == 40
    assert checked.admit("192.0.2.2") == 0
    clock.now += 40
    assert checked.admit("192.0.2.1") == 0


def test_all_clients_together_may_send_so_many_a_day(folder, clock):
    checked = Rates(folder, per_minute=10, per_day=3)
    for number in range(3):
        assert checked.admit(f"192.0.2.{number}") == 0
        clock.now += 3600
    assert checked.admit("192.0.2.9") == 21 * 3600
    clock.now += 21 * 3600
    assert checked.admit("192.0.2.9") == 0


def test_one_client_alone_does_not_use_up_what_all_may_send(folder, clock):
    checked = Rates(folder, per_minute=1, per_day=30)
    for _ in range(3):
        assert checked.admit("192.0.2.1") == 0
        clock.now += 60
    assert checked.admit("192.0.2.1") == 86_400 - 180
    assert checked.admit("192.0.2.2") == 0


def test_what_is_refused_does_not_count_and_writes_nothing(folder, clock):
    checked = Rates(folder, per_minute=1, per_day=100)
    checked.admit("192.0.2.1")
    before = (folder / "queue.db").stat().st_mtime_ns
    for _ in range(5):
        assert checked.admit("192.0.2.1") == 60
    assert len(admitted(folder)) == 1
    assert (folder / "queue.db").stat().st_mtime_ns == before
    clock.now += 60
    assert checked.admit("192.0.2.1") == 0


def test_two_processes_count_together(folder, clock):
    first, second = (Rates(folder, per_minute=2, per_day=3) for _ in range(2))
    assert (first.admit("192.0.2.1"), second.admit("192.0.2.1")) == (0, 0)
    assert first.admit("192.0.2.1") == second.admit("192.0.2.1") == 86_400
    assert second.admit("192.0.2.2") == 0
    assert first.admit("192.0.2.3") == 86_400


def test_who_asks_while_others_are_counted_is_counted_after_them(folder):
    checked = Rates(folder, per_minute=5, per_day=100)
    checked.admit("192.0.2.1")
    with ThreadPoolExecutor(8) as threads, closing(sqlite3.connect(folder / "queue.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = [threads.submit(checked.admit, "192.0.2.1") for _ in range(8)]
        time.sleep(0.2)  # all have seen that there is room
        other.rollback()
        found = [one.result() for one in waiting]
    assert found.count(0.0) == 4
    assert len(admitted(folder)) == 5


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("'; DROP TABLE admitted --", "\ud800", True),
    ],
)
def test_a_client_is_its_address_of_ipv6_its_network(folder, one, other, is_same):
    checked = Rates(folder, per_minute=1, per_day=100)
    assert checked.admit(one) == 0
    assert bool(checked.admit(other)) == is_same


def test_no_address_is_kept_and_its_hash_not_for_long(folder, clock):
    checked = Rates(folder, per_minute=5, per_day=100)
    checked.admit("192.0.2.1")
    ((_, hashed),) = admitted(folder)
    assert len(hashed) == 16
    assert b"192.0.2.1" not in (folder / "queue.db").read_bytes()
    clock.now += 86_400
    Queue(folder).expire(90)
    assert admitted(folder) == []
    assert hashed not in (folder / "queue.db").read_bytes()


def test_the_key_of_the_hashes_is_another_in_each_database(folder):
    hashes = set()
    for name in ("one", "two"):
        Rates(folder / name, 5, 100).admit("192.0.2.1")
        hashes |= {hashed for _, hashed in admitted(folder / name)}
    assert len(hashes) == 2


def test_who_is_refused_is_known_without_a_look_at_the_disk(folder, clock):
    checked = Rates(folder, per_minute=1, per_day=100)
    assert checked.known_wait("192.0.2.1") == 0
    checked.admit("192.0.2.1")
    assert checked.known_wait("192.0.2.1") == 0
    checked.admit("192.0.2.1")
    (folder / "queue.db").unlink()
    clock.now += 20
    assert (checked.known_wait("192.0.2.1"), checked.known_wait("192.0.2.2")) == (40, 0)
    clock.now += 40
    assert checked.known_wait("192.0.2.1") == 0


def test_only_so_many_clients_are_remembered(folder, clock, monkeypatch):
    monkeypatch.setattr(rates, "MAX_REMEMBERED", 3)
    checked = Rates(folder, per_minute=1, per_day=1)
    checked.admit("192.0.2.0")
    for number in range(1, 6):
        assert checked.admit(f"192.0.2.{number}") > 0
    assert [checked.known_wait(f"192.0.2.{number}") > 0 for number in range(1, 6)] == [True] * 3 + [False] * 2
    clock.now += 86_400
    checked.admit("192.0.2.8")
    assert checked.admit("192.0.2.9") > 0
    assert checked.known_wait("192.0.2.9") > 0

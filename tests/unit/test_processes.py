"""Parallel work: the same results in the same order, on one core or on all."""

import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from digits import errors, processes
from tests.imports import ROOT

JOBS = 2


@pytest.fixture(params=["all cores", "one core"])
def jobs(request, monkeypatch) -> int:
    """The number of processes: the test runs in this one, and in two others."""
    monkeypatch.setattr(processes, "cpu_count", lambda: JOBS)
    monkeypatch.setattr(processes, "MIN_PARALLEL_WORKLOAD", 1 if request.param == "all cores" else 10**9)
    return JOBS if request.param == "all cores" else 1


def squared(number: int) -> int:
    if number == 0:
        sum(range(3_000_000))  # the second result is ready before the first
    if number == 70:
        raise ValueError("no square for 70")
    return number * number


def where(_: int) -> int:
    return os.getpid()


def test_results_keep_the_order_of_the_items(jobs):
    assert list(processes.parallel_map(squared, iter(range(60)), 60)) == [number**2 for number in range(60)]


def test_an_error_in_one_is_raised_here_after_the_results_before_it(jobs):
    taken = []
    with pytest.raises(ValueError, match="no square for 70"):
        for result in processes.parallel_map(squared, range(60, 120), 60):
            taken.append(result)
    assert taken == [number**2 for number in range(60, 70)]


def test_an_error_that_is_found_as_soon_as_an_item_is_sent_ends_the_pool():
    """Python 3.11.2's pool waited for ever for an item that was cancelled before it was handed out. Costs 3 s."""
    code = """
import math, time
from digits import processes

def items():
    yield from (-1, 0, 1, 2)
    time.sleep(1.5)  # these are done
    yield 3

processes.cpu_count = lambda: 2
list(processes.parallel_map(math.sqrt, items(), processes.MIN_PARALLEL_WORKLOAD))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "ValueError: math domain error" in done.stderr


def test_no_items_are_no_results(jobs):
    assert list(processes.parallel_map(squared, [], 0)) == []


def test_only_a_large_workload_uses_other_processes(jobs):
    places = set(processes.parallel_map(where, range(20), 20))
    assert (places == {os.getpid()}) == (jobs == 1)


def test_work_is_not_sent_far_ahead_of_what_is_taken(jobs):
    sent = []
    items = (sent.append(number) or number for number in range(40))
    ahead = [len(sent) - taken for taken, _ in enumerate(processes.parallel_map(squared, items, 40), start=1)]
    assert max(ahead) == (processes.PREFETCH * JOBS if jobs == JOBS else 0)


def test_closing_the_results_ends_the_processes(jobs):
    results = processes.parallel_map(squared, range(1, 60), 60)
    assert next(results) == 1
    results.close()
    assert not [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def process_number() -> int:
    return os.getpid()


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def failing() -> None:
    raise errors.UserError("no store")


def test_a_thread_takes_items_before_they_are_needed_but_not_many():
    taken = []
    items = (taken.append(number) or number for number in range(30))
    found = processes.prefetch(items, 4)
    assert next(found) == 0
    deadline = time.monotonic() + 10
    while len(taken) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert taken == [0, 1, 2, 3, 4]
    assert list(found) == [*range(1, 30)]


def test_an_error_of_the_thread_is_raised_in_its_place_and_closing_ends_the_thread():
    found, taken = processes.prefetch(map(squared, range(68, 90)), 8), []
    with pytest.raises(ValueError, match="no square for 70"):
        taken.extend(found)
    assert taken == [68**2, 69**2]
    before = threading.active_count()
    unfinished = processes.prefetch(range(100), 4)
    next(unfinished)
    assert threading.active_count() == before + 1
    unfinished.close()
    assert threading.active_count() == before


def test_a_function_runs_once_in_another_process():
    background = processes.Background(process_number)
    found = background.result()
    assert found == background.result() != os.getpid()
    assert background.done()


def test_an_error_in_the_background_is_raised_where_its_result_is_taken():
    background = processes.Background(failing)
    for _ in range(2):
        with pytest.raises(errors.UserError, match="no store") as raised:
            background.result()
    assert "in failing" in raised.value.__notes__[0]


def test_a_killed_process_in_the_background_is_an_error():
    with pytest.raises(ChildProcessError, match="another process of this command was killed"):
        processes.Background(killed).result()


WAITING_BACKGROUND = """
import time
from digits import errors, processes

def wait():
    print("on", flush=True)
    time.sleep(WAIT)

def main():
    background = processes.Background(wait)
    assert not background.done()
    raise errors.UserError("wrong argument")

if __name__ == "__main__":
    errors.run(main)
"""


@pytest.mark.parametrize("seconds", [0, 60])
def test_nobody_waits_for_a_result_that_is_not_taken(tmp_path, seconds):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING_BACKGROUND.replace("WAIT", str(seconds)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=30)
    assert (done.returncode, done.stderr) == (1, "error: wrong argument\n")


WAITING = """
import os, sys, time
from digits import processes

processes.MIN_PARALLEL_WORKLOAD, processes.cpu_count = 1, lambda: 2

def work(number):
    print(os.getpid(), flush=True)
    time.sleep(600)

if __name__ == "__main__":
    list(processes.parallel_map(work, range(8), 8))
"""


def test_workers_end_when_their_parent_is_killed(tmp_path):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True, env=environment) as parent:
        workers = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
        assert len(set(workers)) == 2
        parent.send_signal(signal.SIGKILL)
        _, alive = psutil.wait_procs(workers, timeout=60)
        for process in alive:
            process.kill()
        assert alive == []


INTERRUPTED_WORK = """
import time
from digits import errors, processes

processes.MIN_PARALLEL_WORKLOAD, processes.cpu_count = 1, lambda: 2

def main():
    print("on", flush=True)
    list(processes.parallel_map(time.sleep, [0.2] * 1000, 8))

if __name__ == "__main__":
    errors.run(main)
"""


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0, 0.2, 1.0, 3.0])  # seconds: before, while and after the processes start
def test_ctrl_c_in_a_terminal_prints_no_traceback(wait, tmp_path):
    """A terminal sends it to all processes of the group."""
    script = tmp_path / "waiting.py"
    script.write_text(INTERRUPTED_WORK)
    command, environment = [sys.executable, str(script)], {**os.environ, "PYTHONPATH": str(ROOT)}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, **streams, start_new_session=True) as parent:
        assert parent.stdout.readline() == "on\n"
        time.sleep(wait)
        os.killpg(parent.pid, signal.SIGINT)
        _, messages = parent.communicate(timeout=60)
    assert parent.returncode == 130
    assert messages == f"{errors.INTERRUPTED}\n"

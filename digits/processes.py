"""Parallel work on several cores, and suppression of native output."""

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from typing import TypeVar

from joblib import cpu_count

MIN_PARALLEL_WORKLOAD = 8_000  # pictures: for fewer, starting the processes takes longer than it saves
PREFETCH = 2  # items per process that are submitted before the first result is taken: bounds the memory

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item], workload: int) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order; on every core if `workload`, in small pictures, is large.

    An item is sent to a process only when an earlier result has been taken. An error in a process is raised here.
    """
    jobs = cpu_count() if workload >= MIN_PARALLEL_WORKLOAD else 1
    if jobs == 1:
        yield from map(function, items)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=exit_with_parent) as pool:
        pending: deque[Future[Result]] = deque()
        try:
            for item in items:
                with ctrl_c_blocked():  # a process starts here where one is needed
                    pending.append(pool.submit(function, item))
                if len(pending) > PREFETCH * jobs:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@contextmanager
def ctrl_c_blocked() -> Iterator[None]:
    """Block SIGINT: a process that is started here never gets it, and one that comes here is raised afterwards.

    So Ctrl-C, which a terminal sends to all processes, interrupts this one only, and that ends the others.
    """
    resource_tracker.ensure_running()  # its start would end the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def exit_with_parent() -> None:
    """End this process as soon as its parent process ends, also where that is killed."""

    def watch() -> None:
        parent = parent_process()
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def suppress_native_stderr() -> Iterator[None]:
    """Drop what native code writes to standard error while the block runs. Exceptions are not affected.

    Some libraries log before any setting of theirs is read, so the file descriptor itself is redirected.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        os.close(null)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)

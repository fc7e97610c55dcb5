"""Parallel work on several cores, and suppression of native output."""

import errno
import gc
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection
from typing import IO, Any, Generic, TypeVar

MIN_PARALLEL_WORKLOAD = 8_000  # pictures: for fewer, starting the processes takes longer than it saves
PREFETCH = 2  # items per process that are submitted before the first result is taken: bounds the memory

Item = TypeVar("Item")
Result = TypeVar("Result")


def cpu_count() -> int:
    """The cores that this process may use, also in a container."""
    from joblib import cpu_count as allowed  # takes as long as the start of Python

    count: int = allowed()
    return count


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
            # Futures that are cancelled one by one can keep the pool of Python 3.11.2 from ending
            pool.shutdown(cancel_futures=True)


def prefetch(items: Iterable[Item], ahead: int) -> Iterator[Item]:
    """Yield the items in their order; a thread takes up to `ahead` of them before they are needed."""
    iterator, end = iter(items), object()
    with ThreadPoolExecutor(1) as thread:
        pending: deque[Future[Any]] = deque(thread.submit(next, iterator, end) for _ in range(ahead))
        while (item := pending.popleft().result()) is not end:
            pending.append(thread.submit(next, iterator, end))
            yield item


class Background(Generic[Result]):
    """A function that runs once in another process, at the same time as this one: for what takes long to import."""

    def __init__(self, function: Callable[[], Result]) -> None:
        context = get_context("spawn")
        self._receiver, sender = context.Pipe(duplex=False)
        with ctrl_c_blocked():
            context.Process(target=_send_result, args=(function, sender), daemon=True).start()
        sender.close()

    def done(self) -> bool:
        """Whether `result` returns at once."""
        return "_received" in self.__dict__ or self._receiver.poll()

    def result(self) -> Result:
        """What the function returns; waits for it. An exception that it raises is raised here.

        Raises ChildProcessError where the other process was killed.
        """
        result: Result
        result, error = self._received
        if error is not None:
            raise error
        return result

    @cached_property
    def _received(self) -> tuple[Any, Exception | None]:
        try:
            found: tuple[Any, Exception | None] = self._receiver.recv()
            return found
        except EOFError:
            message = "another process of this command was killed; is there enough memory?"
            return None, ChildProcessError(errno.ECHILD, message)


def _send_result(function: Callable[[], Any], sender: Connection) -> None:
    exit_with_parent()
    gc.disable()  # for this short time: imports take a quarter less
    found: tuple[Any, Exception | None]
    try:
        found = (function(), None)
    except Exception as error:
        error.add_note(traceback.format_exc())  # sending it drops its traceback
        found = (None, error)
    with suppress(BrokenPipeError):  # nobody waits for it any more
        sender.send(found)
    sys.stdout.flush()
    os._exit(0)  # half a second earlier than by freeing all that was imported


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
def suppress_native_stderr(into: IO[bytes] | None = None) -> Iterator[None]:
    """Drop what native code, and processes that it starts, write to standard error, or write it to the file `into`.

    Some libraries log before any setting of theirs is read, so the file descriptor itself is redirected. Exceptions are
    not affected.
    """
    sys.stderr.flush()
    saved = os.dup(2)
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(into.fileno() if into else null, 2)
        os.close(null)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(saved, 2)
        os.close(saved)

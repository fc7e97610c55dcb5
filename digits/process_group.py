"""A group of processes that do one task together: when one is lost, all of them end."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, NamedTuple

from digits.errors import UserError
from digits.processes import ctrl_c_blocked, exit_with_parent

GRACE_SECONDS = 5.0  # after a process fails: another one's failure, seen later on a busy machine, may be the cause

HINTS: dict[int, str] = {
    signal.SIGKILL: ": is there enough memory?",
    signal.SIGABRT: ": did another process stop answering?",  # then JAX aborts the rest
}


class Member(NamedTuple):
    """A process of a group: its number, from 0, the count of processes, and a function that sends to the parent."""

    number: int
    processes: int
    send: Callable[[Any], None]


class LostProcessError(UserError):
    """A process of the group was killed, or ended without a result."""


class _Worker:
    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...], number: int, processes: int) -> None:
        context = get_context("spawn")
        self.number, self.connected, self.finished = number, True, False
        self.error: Exception | None = None
        self.connection, other = context.Pipe()
        self.process = context.Process(
            target=_work, args=(function, arguments, number, processes, other), name=f"process {number}", daemon=True
        )
        with ctrl_c_blocked():
            self.process.start()
        other.close()

    def waited_for(self) -> list[Connection | int]:
        """What `wait` waits for: a message, and after the last one the end of the process."""
        if self.connected:
            return [self.connection]
        return [] if self.finished or self.failed() else [self.process.sentinel]

    def failed(self) -> bool:
        """Whether the process has raised an error, or has ended without a result."""
        return self.error is not None or not (self.finished or self.process.is_alive())

    def receive(self) -> tuple[str, Any] | None:
        """The next message of the process: None once it has ended."""
        try:
            message: tuple[str, Any] = self.connection.recv()
            return message
        except (EOFError, OSError):
            self.connected = False
            self.process.join(GRACE_SECONDS)
            return None


def run(
    function: Callable[..., Any], arguments: tuple[Any, ...], processes: int, on_message: Callable[[Any], None]
) -> Any:
    """Call `function(member, *arguments)` in each of so many new processes; return what the process 0 returns.

    `function` and `arguments` are pickled. What process 0 sends is passed to `on_message`, here. What the processes
    print is dropped. All processes end before this returns or raises, and end with this process where it is killed.

    Raises the UserError or OSError that a process raises, RuntimeError with the traceback as a note for any other, and
    LostProcessError where one is killed or ends otherwise. The others, which would wait for ever, are then killed.
    """
    workers: list[_Worker] = []
    try:
        for number in range(processes):
            workers.append(_Worker(function, arguments, number, processes))
        return _collect(workers, on_message)
    finally:
        for worker in workers:
            worker.process.kill()
        for worker in workers:
            worker.process.join()
            worker.connection.close()


def _collect(workers: list[_Worker], on_message: Callable[[Any], None]) -> Any:
    result: Any = None
    deadline: float | None = None
    while not all(worker.finished for worker in workers):
        left = None if deadline is None else deadline - monotonic()
        sources = [source for worker in workers for source in worker.waited_for()]
        ready = wait(sources, left) if sources and (left is None or left > 0) else []
        for worker in workers:
            if worker.connection in ready and (message := worker.receive()):
                kind, content = message
                if kind == "error":
                    worker.error = content
                elif kind == "result":
                    worker.finished = True
                    result = content if worker.number == 0 else result
                elif worker.number == 0:
                    on_message(content)
        failed = [worker for worker in workers if worker.failed()]
        if failed and deadline is None:
            deadline = monotonic() + GRACE_SECONDS
        killed = any(worker.process.exitcode == -signal.SIGKILL for worker in failed)
        if failed and (killed or not ready or len(failed) == len(workers)):
            raise _cause(failed, len(workers))
    return result


def _cause(failed: list[_Worker], processes: int) -> Exception:
    """Of several failures the one that caused the others: one that was killed, else the first error of our own."""
    killed = [worker for worker in failed if worker.error is None]
    killed.sort(key=lambda worker: worker.process.exitcode != -signal.SIGKILL)  # others abort as they lose a peer
    if killed:
        return LostProcessError(_lost(killed[0], processes))
    errors = [worker.error for worker in failed if worker.error is not None]
    return next((error for error in errors if isinstance(error, UserError)), errors[0])


def _lost(worker: _Worker, processes: int) -> str:
    status = worker.process.exitcode
    how = f"ended with exit status {status}"
    if status is not None and status < 0:
        how = f"was killed by {signal.Signals(-status).name}" + HINTS.get(-status, "")
    return f"process {worker.number} of {processes} ({worker.process.pid}) {how}"


def _work(
    function: Callable[..., Any], arguments: tuple[Any, ...], number: int, processes: int, connection: Connection
) -> None:
    exit_with_parent()
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.__stdout__.fileno() if sys.__stdout__ else 1)  # also of native code: the parent prints

    def send(content: Any) -> None:
        connection.send(("message", content))

    try:
        message: tuple[str, Any] = ("result", function(Member(number, processes, send), *arguments))
    except (UserError, OSError) as error:
        message = ("error", error)
    except Exception as error:  # of a library, perhaps of a class that cannot be sent
        bug = RuntimeError(f"{type(error).__name__}: {error}")
        bug.add_note(traceback.format_exc())
        message = ("error", bug)
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.send(message)
        connection.recv()  # others may still need this process: the parent ends all of them together
    os._exit(0)

"""What the processes of a group do in the tests; in a module of their own, which they import quickly."""

import os
import signal
import sys
import time
from pathlib import Path

from digits import process_group
from digits.errors import UserError
from digits.process_group import Member


def sums(member: Member, values: list[int]) -> int:
    """Sends its values one by one; returns the sum of its part."""
    for value in values[member.number :: member.processes]:
        member.send((member.number, value))
    print("printed by a process")
    return sum(values[member.number :: member.processes])


def one_fails(member: Member, how: str) -> None:
    """Process 1 ends in a certain way, the others work on and would never end by themselves."""
    if member.number == 1:
        if how == "user error":
            raise UserError("the file x is damaged")
        if how == "bug":
            raise ZeroDivisionError("by zero")
        if how == "exit":
            os._exit(3)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(600)


def consequence(member: Member, folder: Path) -> None:
    """Process 1 is killed after process 0, which depends on it, has noticed and reported that."""
    started = folder / "started"
    if member.number == 0:
        while not started.exists():
            time.sleep(0.05)
        raise UserError("connection closed by peer")
    started.touch()
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGKILL)


def write_pid(member: Member, folder: Path) -> None:
    """Writes its process id to a file, and waits."""
    partial = folder / f"partial-{member.number}"
    partial.write_text(str(os.getpid()))
    partial.rename(folder / f"{member.number}.pid")
    time.sleep(600)


if __name__ == "__main__":
    process_group.run(write_pid, (Path(sys.argv[1]),), 2, print)

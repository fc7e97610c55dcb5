"""A group of processes: its result, its messages, and how it ends when one of them does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from digits import process_group
from digits.errors import UserError
from digits.process_group import LostProcessError, run
from tests import group_members
from tests.imports import ROOT

BOUND = 60  # seconds: a group whose process is lost ends within one or two; importing takes the rest on a busy machine


def own_children() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline())]


def failure(how: str) -> Exception:
    """What a group of two raises when its process 1 ends so; the others are ended, too."""
    began = time.monotonic()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Exception) as caught:
        patch.setattr(process_group, "GRACE_SECONDS", 0.5)
        run(group_members.one_fails, (how,), 2, print)
    assert time.monotonic() - began < BOUND
    assert not own_children()
    return caught.value


def test_result_and_messages_are_those_of_process_0(capfd):
    messages = []
    assert run(group_members.sums, (list(range(10)),), 2, messages.append) == 0 + 2 + 4 + 6 + 8
    assert messages == [(0, 0), (0, 2), (0, 4), (0, 6), (0, 8)]
    assert capfd.readouterr().out == ""
    assert not own_children()


def test_user_error_of_a_process_is_raised_as_such():
    error = failure("user error")
    assert type(error) is UserError
    assert str(error) == "the file x is damaged"


def test_bug_of_a_process_keeps_its_traceback():
    error = failure("bug")
    assert str(error) == "ZeroDivisionError: by zero"
    assert "in one_fails" in "".join(error.__notes__)


def test_process_that_ends_without_a_result_is_named():
    error = failure("exit")
    assert isinstance(error, LostProcessError)
    assert str(error).startswith("process 1 of 2 (")
    assert str(error).endswith("ended with exit status 3")


def test_killed_process_is_named():
    error = failure("kill")
    assert isinstance(error, LostProcessError)
    assert str(error).endswith("was killed by SIGKILL: is there enough memory?")


def test_killed_process_is_the_cause_of_errors_of_others(tmp_path):
    with pytest.raises(LostProcessError, match=r"process 1 of 2 .* SIGKILL"):
        run(group_members.consequence, (tmp_path,), 2, print)


def test_error_of_the_parents_callback_ends_the_group():
    def refuse(message):
        raise UserError(f"refused {message}")

    with pytest.raises(UserError, match="refused"):
        run(group_members.sums, ([1, 2],), 2, refuse)
    assert not own_children()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_processes_end_with_their_parent(tmp_path, sent):
    # In a session of its own, all of which gets Ctrl-C as from a terminal.
    command = [sys.executable, "-m", "tests.group_members", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL) as parent:
        pids = [wait_for_pid(tmp_path / f"{number}.pid") for number in range(2)]
        if sent == signal.SIGINT:
            os.killpg(parent.pid, sent)
        else:
            parent.send_signal(sent)
        parent.wait(BOUND)
    for _ in range(BOUND * 20):
        if not any(map(psutil.pid_exists, pids)):
            return
        time.sleep(0.05)
    raise AssertionError(f"{pids} did not end with their parent")


def wait_for_pid(path: Path) -> int:
    for _ in range(BOUND * 20):
        if path.exists():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"{path} was not written")

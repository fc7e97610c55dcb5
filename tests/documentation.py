"""The commands on pages of docs/, and a shell that runs them as a reader does.

On a page, a fenced block `sh` has commands. A comment directly before the block changes how it is run:
`<!-- not run: REASON -->`, or `<!-- background: ADDRESS -->` for a server, which answers at ADDRESS once it is ready.
"""

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
from filelock import FileLock
from markdown_it import MarkdownIt

from tests.scratch import Project

MARK = re.compile(r"<!-- (not run|background): (\S.*\S) -->\n?")
SECONDS = 900  # for one command
LONGEST_OUTPUT = 8_000  # characters of it in a failure


class Command(NamedTuple):
    """A command of a page, of one line or more."""

    page: Path
    line: int
    text: str
    not_run: str | None = None  # the reason
    ready_at: str | None = None  # of a server: the address that answers


class Page(NamedTuple):
    """A page: its commands in order, and what is wrong with its blocks and their comments."""

    path: Path
    commands: list[Command]
    problems: list[str]

    @property
    def to_run(self) -> list[Command]:
        return [command for command in self.commands if command.not_run is None]


def read(path: Path) -> Page:
    """Read a page of Markdown."""
    page = Page(path, [], [])
    comment = ""
    for token in MarkdownIt("commonmark").parse(path.read_text()):
        if token.type == "fence" and token.map:
            _read_block(page, token.map[0] + 1, token.info.strip(), token.content, comment)
            comment = ""
        elif comment and MARK.fullmatch(comment):
            page.problems.append(f"{path}: {comment.strip()} is not directly before a block of commands")
        comment = token.content if token.type == "html_block" else ""
    return page


def up_to_repro(commands: list[Command]) -> list[Command]:
    """The first commands of the tutorial: those that make the project that all other commands need."""
    number = next(number for number, command in enumerate(commands, 1) if command.text.startswith("make repro"))
    return commands[:number]


def _read_block(page: Page, line: int, language: str, content: str, comment: str) -> None:
    place = f"{page.path}:{line}"
    mark = MARK.fullmatch(comment)
    if language in ("", "bash", "shell", "console", "zsh"):
        page.problems.append(f"{place}: a block is `{language}`; expected sh for commands, text for what they print")
    if mark and language != "sh":
        page.problems.append(f"{place}: {comment.strip()} is not directly before a block of commands")
    if language != "sh":
        return
    if comment and not mark:
        page.problems.append(
            f"{place}: {comment.strip()} is none of <!-- not run: REASON -->, <!-- background: ADDRESS -->"
        )
    name, value = mark.groups() if mark else (None, None)
    if name == "background" and not re.fullmatch(r"http://127\.0\.0\.1:\d+(/\S*)?", value):
        page.problems.append(f"{place}: {value} is no address of this machine, such as http://127.0.0.1:5001/readyz")
    if name == "not run" and len(value.split()) < 2:
        page.problems.append(f"{place}: “{value}” is no reason; say what the block needs")
    found = list(split(content))
    if name == "background" and len(found) != 1:
        page.problems.append(f"{place}: {len(found)} commands are in the block of a server; expected one")
    for offset, text in found:
        reason, address = value if name == "not run" else None, value if name == "background" else None
        page.commands.append(Command(page.path, line + 1 + offset, text, reason, address))


def split(content: str) -> Iterable[tuple[int, str]]:
    """The commands of a block, each with the number of its first line from 0: bash says where a command ends."""
    lines: list[str] = []
    first = 0
    for number, line in enumerate(content.splitlines()):
        if not lines and (not line.strip() or line.lstrip().startswith("#")):
            continue
        first = first if lines else number
        lines.append(line)
        if not line.endswith("\\") and is_complete("\n".join(lines)):
            yield first, "\n".join(lines)
            lines = []
    if lines:
        yield first, "\n".join(lines)


def is_complete(text: str) -> bool:
    """Whether bash needs no further line: it warns of a here-document without its end, and fails for all else."""
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True)
    return checked.returncode == 0 and not checked.stderr


class Reader:
    """Somebody who runs the commands of a page in a shell, in the folder of a scratch project."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._token = uuid.uuid4().hex
        self._servers: list[tuple[int, FileLock, Path]] = []
        self._printed: list[str] = []
        options = {"stdin": subprocess.PIPE, "errors": "replace", "start_new_session": True}
        self._shell = project.start("bash", "--noprofile", "--norc", **options)
        # An answer of 4xx or 5xx fails a command of the page, which shows what is answered.
        self._send('set -o pipefail; curl() { command curl --fail-with-body "$@"; }')

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_) -> None:
        for pid, lock, _ in self._servers:
            _end(pid)
            lock.release()
        self._kill()

    def follow(self, commands: Iterable[Command]) -> str:
        """Run commands that succeed; returns what they printed. A failure names the page and the line."""
        before = len(self._printed)
        for command in commands:
            self._printed.append(f"$ {command.text}\n")
            if command.ready_at:
                self._serve(command, command.ready_at)
                continue
            status, printed = self._send(f"{{ {command.text}\n}} < /dev/null")
            self._printed.append(printed)
            if status != 0:
                self._fail(command, "the shell ended" if status is None else f"status {status}")
        return "".join(self._printed[before:])

    def _send(self, text: str, value: str = "$?") -> tuple[int | None, str]:
        """What the shell has as `value` after a text, None where it ended or took too long, and what it printed."""
        assert self._shell.stdin and self._shell.stdout
        timer = Timer(SECONDS, self._kill)
        timer.start()
        printed = []
        try:
            self._shell.stdin.write(f"{text}\nprintf '\\n{self._token} %d\\n' {value}\n")
            self._shell.stdin.flush()
            for line in self._shell.stdout:
                if line.startswith(self._token):
                    return int(line.split()[1]), "".join(printed).removesuffix("\n")
                printed.append(line)
        except BrokenPipeError:
            pass
        finally:
            timer.cancel()
        return None, "".join(printed)

    def _serve(self, command: Command, address: str) -> None:
        """Start a server, and wait until it answers."""
        port = urlsplit(address).port or 80
        lock = FileLock(Path(tempfile.gettempdir()) / f"digits-page-{port}.lock")  # of tests in other processes
        lock.acquire(timeout=SECONDS)
        if listens(port):
            lock.release()
            self._fail(command, f"port {port} is taken: end what listens there")
        log = self._project.root.parent / f"{self._token}-{port}.log"
        # With -m the job is a group of processes, which is ended as a whole.
        pid, _ = self._send(f"set -m; {{ {command.text}\n}} < /dev/null > '{log}' 2>&1 &\nset +m", "$!")
        if pid is None:
            lock.release()
            self._fail(command, "the shell ended")
        self._servers.append((pid, lock, log))
        end = time.monotonic() + SECONDS
        while not _answers(address):
            if not psutil.pid_exists(pid) or time.monotonic() > end:
                self._fail(command, f"{address} does not answer")
            time.sleep(0.2)

    def _fail(self, command: Command, what: str) -> None:
        printed = "".join(self._printed)[-LONGEST_OUTPUT:]
        logs = "".join(log.read_text(errors="replace")[-LONGEST_OUTPUT:] for *_, log in self._servers)
        servers = f"\n\nthe servers printed:\n{logs}" if logs else ""
        raise AssertionError(f"{command.page}:{command.line}: {what}: {command.text}\n\n{printed}{servers}")

    def _kill(self) -> None:
        if self._shell.poll() is None:
            os.killpg(self._shell.pid, signal.SIGKILL)
        self._shell.wait()


def _end(group: int) -> None:
    """End a server's processes, which may take longer than the shell that they are in."""
    for number, seconds in ((signal.SIGTERM, 40), (signal.SIGKILL, 10)):
        try:
            os.killpg(group, number)
        except ProcessLookupError:
            return
        end = time.monotonic() + seconds
        while _runs(group) and time.monotonic() < end:
            time.sleep(0.1)


def _runs(group: int) -> bool:
    """Whether a process of the group has not ended."""
    for process in psutil.process_iter(["status"]):
        with suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                return True
    return False


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _answers(address: str) -> bool:
    """Whether a server answers, if only that it needs a key; one that is not ready says so with 503."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500
    except OSError:
        return False

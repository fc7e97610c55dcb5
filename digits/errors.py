"""How a command ends, and its output: exit status 0, 1 for what a user can fix, 2 for usage, 130 where interrupted.

An error that the user can fix ends in one clear message, never in a traceback.
"""

import codecs
import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

INTERRUPTED = "interrupted: no incomplete file is left; run the same command again"
RESTORE = "if a stage writes it, `dvc checkout` restores it, and `dvc repro` makes it again"
ENCODING_ERRORS = "digits.plain"  # the name of our handler for what an output's encoding lacks
PLAIN = str.maketrans({"✓": "+", "✗": "x", "→": "->", "…": "...", "“": '"', "”": '"', "×": "x", "–": "-", "█": "#"})


class UserError(Exception):
    """An error that the user can fix. The message names the place, what was found and expected, and the fix."""


class Interrupted(KeyboardInterrupt):
    """An interruption with a message of its own for the user."""


def printable(name: object) -> str:
    """A file's name as one line of text, with unprintable characters escaped as in Python."""
    text = str(name)
    if text.isprintable():
        return text
    escaped = (c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return "".join(escaped)


def run(main: Callable[[], object]) -> None:
    """Run the main function of a stage or command, and end the process with its exit status.

    A stage, run as a script, takes no arguments but --help, which prints its docstring.
    """
    prepare_output()
    interrupts = _Interrupts()
    try:
        is_stage = main.__module__ == "__main__" and sys.argv[0] != "-c"
        status = exit_status(_stage(main) if is_stage else main)
        sys.exit(128 + (interrupts.received or signal.SIGINT) if status == 130 else status)
    finally:
        interrupts.ignore()  # else libraries that clean up as Python exits would print a traceback


def exit_status(main: Callable[[], object]) -> int:
    """Run `main`; returns what it returns, 0 for None, 1 after a user's error is printed, 130 after Ctrl-C.

    A bug keeps its traceback.
    """
    try:
        status = main()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        return status if isinstance(status, int) else 0
    except UserError as error:
        return _fail(str(error))
    except FileNotFoundError as error:
        if not isinstance(error.filename, str):
            return _fail(str(error))
        # The paths of all outputs are relative.
        hint = "" if Path(error.filename).is_absolute() else f"; {RESTORE}"
        return _fail(f"{printable(error.filename)} does not exist{hint}")
    except OSError as error:
        # A full disk, a folder without write permission: the system's message names the file.
        if error.filename is None and error.errno is None:
            raise
        return _fail(str(error))
    except KeyboardInterrupt as error:
        print(str(error) or INTERRUPTED, file=sys.stderr)
        return 130


def prepare_output() -> None:
    """Let standard output and error take every text, in every encoding, and also where nobody reads them.

    What the encoding lacks is written in ASCII or escaped. What is written after the reader has gone, as in `| head`,
    is dropped, and a closed stream is one that nobody reads: the work itself goes on.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:  # closed: else the next file that is opened, a database perhaps, would get what is printed
            _drop(number)
    codecs.register_error(ENCODING_ERRORS, _encode_plain)
    sys.stdout = _tolerant(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _tolerant(sys.stderr, sys.__stderr__, 2)


class _Interrupts:
    """Ctrl-C and SIGTERM: the first raises KeyboardInterrupt, so that everything is cleaned up; the second ends."""

    def __init__(self) -> None:
        self.received = 0
        self.handled = []
        if threading.current_thread() is threading.main_thread():
            # Where a signal is ignored, as Ctrl-C in a shell's background jobs, it stays so.
            self.handled = [one for one in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(one) != signal.SIG_IGN]
            for one in self.handled:
                signal.signal(one, self._receive)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            os._exit(128 + number)
        self.received = number
        raise KeyboardInterrupt

    def ignore(self) -> None:
        for one in self.handled:
            signal.signal(one, signal.SIG_IGN)


class _Descriptor(io.FileIO):
    """A file descriptor to write to. Once its reader has gone, what is written is dropped."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            _drop(self.fileno())
            return super().write(data)
        except OSError:  # a full disk: raised once, not again by each later line and when Python exits
            _drop(self.fileno())
            raise


def _tolerant(stream: Any, original: Any, number: int) -> Any:
    """The stream, if it is Python's own, as one that takes every text; another one, as in a notebook, stays."""
    if stream is not original:
        return stream
    if stream is not None:
        stream.flush()
    raw = _Descriptor(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding if stream is not None else "utf-8",
        errors=ENCODING_ERRORS,
        line_buffering=number == 2 or raw.isatty() or bool(stream and stream.write_through),
    )


def _encode_plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """A codec's error handler: → as ->, and what has no such likeness escaped as in Python."""
    if isinstance(error, UnicodeEncodeError):
        text = error.object[error.start : error.end].translate(PLAIN)
        return text.encode("ascii", "backslashreplace").decode(), error.end
    raise error


def _drop(number: int) -> None:
    """Let a file descriptor lead nowhere."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)


def _stage(main: Callable[[], object]) -> Callable[[], object]:
    import argparse

    def run_stage() -> object:
        script = sys.modules["__main__"]
        parser = argparse.ArgumentParser(
            prog=f"python -m {script.__spec__.name}" if script.__spec__ else None,
            description=script.__doc__,
            epilog="Its parameters are in params.yaml.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        parser.parse_args()
        return main()

    return run_stage


def _fail(message: str) -> int:
    # Escapes of a terminal, which a file's name may have, must not act.
    lines = (printable(line) for line in message.expandtabs(4).split("\n"))
    print("error:", "\n".join(lines), file=sys.stderr)
    return 1

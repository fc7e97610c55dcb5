"""Messages, exit statuses and output of a command."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digits import errors
from tests.imports import ROOT


def raising(error: BaseException):
    def main():
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (errors.UserError("a.png: blank"), 1, "error: a.png: blank"),
        (errors.UserError("\x1b[31mred\r:\n\tline"), 1, "error: \\x1b[31mred\\r:\n    line"),
        (OSError(errno.ENOSPC, "No space left", "a.parquet"), 1, "error: [Errno 28] No space left: 'a.parquet'"),
        (
            FileNotFoundError(errno.ENOENT, "No such file", "metrics/train.json"),
            1,
            f"error: metrics/train.json does not exist; {errors.RESTORE}",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file", "/mnt/a\nb"), 1, "error: /mnt/a\\nb does not exist"),
        (KeyboardInterrupt(), 130, errors.INTERRUPTED),
        (errors.Interrupted("the same command resumes"), 130, "the same command resumes"),
    ],
)
def test_an_error_is_a_message_and_a_status(error, status, message, capsys):
    assert errors.exit_status(raising(error)) == status
    assert capsys.readouterr().err == f"{message}\n"


@pytest.mark.parametrize("error", [KeyError("bug"), OSError("bug without a number")])
def test_a_bug_keeps_its_traceback(error):
    with pytest.raises(type(error)):
        errors.exit_status(raising(error))


@pytest.mark.parametrize(("returned", "status"), [(None, 0), (0, 0), (2, 2), ("text", 0)])
def test_a_main_function_may_return_its_status(returned, status):
    assert errors.exit_status(lambda: returned) == status


TEXT = "✓ a → b … “c” × 七 \udcff"  # what a file's name and our tables have in them
SCRIPT = f"""
import os, sys, time
from digits.errors import run

def main():
    for number in range(20_000):
        print({TEXT!r}, flush=number < 2)
    print({TEXT!r}, file=sys.stderr)
    with open(sys.argv[0] + ".out", "w") as file:
        file.write("done")
    if sys.argv[0].endswith("user.py"):
        from digits.errors import UserError
        raise UserError({TEXT!r})

sys.argv[1:], sys.orig_argv[1:] = [], []
run(main)
"""
PLAIN = '+ a -> b ... "c" x \\u4e03 \\udcff'


def environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LC_", "LANG"))}
    return {**kept, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", **variables}


def script(folder: Path, text: str, name: str = "script.py") -> Path:
    (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
    return folder / name


@pytest.mark.parametrize(
    ("variables", "printed"),
    [
        ({}, "✓ a → b … “c” × 七 \\udcff".encode()),
        ({"PYTHONIOENCODING": "ascii"}, PLAIN.encode()),
        ({"PYTHONIOENCODING": "latin-1"}, PLAIN.replace(" x ", " × ").encode("latin-1")),
        ({"PYTHONIOENCODING": "cp1252"}, b"+ a -> b \x85 \x93c\x94 \xd7 \\u4e03 \\udcff"),
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, PLAIN.encode()),
        ({"LC_ALL": "POSIX"}, "✓ a → b … “c” × 七 \\udcff".encode()),  # Python takes UTF-8 there
    ],
    ids=str,
)
def test_every_encoding_takes_every_text(variables, printed, tmp_path):
    path = script(tmp_path, SCRIPT, "user.py")
    done = subprocess.run([sys.executable, path], capture_output=True, env=environment(**variables))
    assert done.returncode == 1
    assert done.stdout.splitlines() == [printed] * 20_000
    assert done.stderr.splitlines() == [printed, b"error: " + printed]


@pytest.mark.parametrize(
    ("streams", "status", "seen"),
    [
        ("| head -1", 0, 1),
        ("2>&1 | head -1", 0, 1),
        ("| true", 0, 0),
        (">&-", 0, 0),
        ("2>&-", 0, 20_000),
        ("<&-", 0, 20_000),
        ("<&- >&- 2>&-", 0, 0),
        (">/dev/full", 1, 0),
        (">/dev/full 2>/dev/full", 1, 0),
    ],
)
@pytest.mark.parametrize("variables", [{}, {"PYTHONUNBUFFERED": "1"}], ids=str)
def test_the_work_goes_on_where_nobody_reads(streams, status, seen, variables, tmp_path):
    path = script(tmp_path, SCRIPT)
    command = f"{sys.executable} {path} {streams}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, env=environment(**variables))
    assert len(done.stdout.splitlines()) == seen
    assert done.returncode == status, done.stderr
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    if status:
        assert b"full" in streams.encode()
    else:
        assert (tmp_path / "script.py.out").read_text() == "done"


WAITING = """
import sys, time
from digits.errors import run

def main():
    try:
        print("ready", flush=True)
        time.sleep(60)
    finally:
        print("cleaning up", flush=True)
        time.sleep({cleaning})
        print("clean", flush=True)

sys.argv[1:] = []
run(main)
"""


@pytest.mark.parametrize(
    ("sent", "cleaning", "status", "clean"),
    [
        ([signal.SIGINT], 0, 130, True),
        ([signal.SIGTERM], 0, 143, True),
        ([signal.SIGINT, signal.SIGINT], 60, 130, False),  # the second one does not wait
        ([signal.SIGINT, signal.SIGTERM], 60, 143, False),
    ],
    ids=str,
)
def test_a_signal_cleans_up_and_a_second_one_ends(sent, cleaning, status, clean, tmp_path):
    path = script(tmp_path, WAITING.format(cleaning=cleaning))
    options = {"env": environment(), "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, path], **options) as process:
        for number in sent:
            process.stdout.readline()
            process.send_signal(number)
        printed, messages = process.communicate(timeout=30)
    assert process.returncode == status
    assert ("clean\n" in printed.splitlines(keepends=True)) == clean
    assert "Traceback" not in messages
    assert (errors.INTERRUPTED in messages) == clean


def test_ctrl_c_while_the_libraries_are_imported_prints_no_traceback(tmp_path):
    path = script(tmp_path, "import digits, time\nprint('ready', flush=True)\ntime.sleep(60)")
    options = {"env": environment(), "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, path], **options) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        _, messages = process.communicate(timeout=30)
    assert process.returncode == -signal.SIGINT  # which a shell shows as 130
    assert messages == "interrupted\n"


def test_a_job_in_the_background_keeps_ignoring_ctrl_c(tmp_path):
    path = script(tmp_path, WAITING.format(cleaning=0).replace("sleep(60)", "sleep(0.5)"))
    ignored = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)}
    with subprocess.Popen([sys.executable, path], env=environment(), stdout=subprocess.PIPE, **ignored) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        ([], 0, ""),
        (["--help"], 0, "A stage of the test."),
        (["--epochs", "3"], 2, "unrecognized arguments: --epochs 3"),
    ],
)
def test_a_stage_takes_no_arguments(arguments, status, words, tmp_path):
    path = script(tmp_path, '"""A stage of the test."""\nfrom digits.errors import run\nrun(lambda: None)')
    done = subprocess.run([sys.executable, path, *arguments], capture_output=True, text=True, env=environment())
    assert done.returncode == status
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("3/a picture.png", "3/a picture.png"),
        ("3/größe 七.png", "3/größe 七.png"),
        ("3/a\nb.png", "3/a\\nb.png"),
        ("3/\x1b[31mred.png", "3/\\x1b[31mred.png"),
        ("3/\udcff.png", "3/\\udcff.png"),  # a byte that is no UTF-8, as in names of the file system
        ("3/\u202egnp.exe", "3/\\u202egnp.exe"),  # reverses the direction of the text after it
        (Path("3/a\tb"), "3/a\\tb"),
        (7, "7"),
    ],
)
def test_a_name_is_one_printable_line(name, shown):
    assert errors.printable(name) == shown
    errors.printable(name).encode("utf-8")

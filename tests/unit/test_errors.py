"""Messages and exit statuses of a command."""

import errno
from pathlib import Path

import pytest

from digits import errors


def ending(error: BaseException) -> SystemExit:
    def main():
        raise error

    with pytest.raises(SystemExit) as caught:
        errors.run(main)
    return caught.value


def test_a_users_error_is_a_message_and_status_1():
    assert ending(errors.UserError("a.png: blank")).code == "error: a.png: blank"


def test_a_full_disk_names_the_file():
    code = ending(OSError(errno.ENOSPC, "No space left on device", "a.parquet")).code
    assert code == "error: [Errno 28] No space left on device: 'a.parquet'"


def test_ctrl_c_is_status_130(capsys):
    assert ending(KeyboardInterrupt()).code == 130
    assert "run the same command again" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback():
    def main():
        raise KeyError("bug")

    with pytest.raises(KeyError):
        errors.run(main)


def test_success_returns():
    assert errors.run(lambda: None) is None


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

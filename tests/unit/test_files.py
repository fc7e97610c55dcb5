"""A file or folder is replaced only by a complete one."""

import errno
import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from digits import files
from tests.imports import ROOT


@pytest.fixture(params=["in one step", "in two steps"])
def exchange(request, monkeypatch) -> str:
    """How a folder is replaced: as on Linux, and as on a system that cannot swap two."""
    if request.param == "in two steps":
        monkeypatch.setattr(files, "_swap", lambda one, other: False)
    elif not sys.platform.startswith("linux"):
        pytest.skip("only Linux swaps two folders")
    return request.param


def test_a_file_appears_complete_and_its_temporary_path_has_its_suffix(tmp_path):
    target = tmp_path / "new" / "a.weights.h5"
    with files.atomic_write(target) as temporary:
        assert temporary.name.endswith(".weights.h5")
        temporary.write_text("one")
        assert not target.exists()
    assert target.read_text() == "one"


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), files.atomic_write(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_not_replaced_by_a_file(tmp_path):
    (tmp_path / "notes.txt").write_text("kept")
    with pytest.raises(IsADirectoryError), files.atomic_write(tmp_path) as temporary:
        temporary.write_text("page")
    assert (tmp_path / "notes.txt").read_text() == "kept"


def test_a_folder_is_replaced_as_a_whole(tmp_path, exchange):
    target = tmp_path / "data"
    target.mkdir()
    (target / "old").touch()
    with files.atomic_write(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_and_a_folder_replace_each_other_where_the_caller_allows_it(tmp_path, exchange):
    target = tmp_path / "data"
    target.write_text("old")
    with files.atomic_write(target, any_kind=True) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    with files.atomic_write(target, any_kind=True) as temporary:
        temporary.write_text("file")
    assert target.read_text() == "file"
    assert list(tmp_path.iterdir()) == [target]


def test_a_linked_folder_is_replaced_where_it_lies(tmp_path, exchange):
    (tmp_path / "disk" / "data").mkdir(parents=True)
    link = tmp_path / "data"
    link.symlink_to("disk/data")
    with files.atomic_write(link) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert link.is_symlink()
    assert [path.name for path in (tmp_path / "disk" / "data").iterdir()] == ["new"]
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["data"]


def test_on_linux_a_folder_is_never_away(tmp_path):
    """On this file system, unless it is one that cannot swap."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    assert files._swap(tmp_path / "one", tmp_path / "other") == sys.platform.startswith("linux")
    assert (tmp_path / "one" / "other").exists()
    with pytest.raises(FileNotFoundError):
        files._swap(tmp_path / "one", tmp_path / "missing")


def test_what_is_renamed_is_on_the_disk_first(tmp_path, monkeypatch):
    done, fsync = [], os.fsync

    def noted(number: int) -> None:
        done.append(str(Path(f"/proc/self/fd/{number}").readlink()))
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    with files.atomic_write(tmp_path / "data") as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert done == [f"{temporary}/new", str(temporary), str(tmp_path)]


def test_a_kill_between_the_two_steps_is_mended_by_who_reads_or_writes_next(tmp_path):
    target = tmp_path / "data"
    (tmp_path / ".partial-old-data").mkdir()
    (tmp_path / ".partial-old-data" / "old").touch()
    files.require(target)
    assert [path.name for path in target.iterdir()] == ["old"]
    target.rename(tmp_path / ".partial-old-data")
    with pytest.raises(ZeroDivisionError), files.atomic_write(target):
        raise ZeroDivisionError
    assert [path.name for path in target.iterdir()] == ["old"]


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as caught:
        files.require(tmp_path / "data")
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, str(tmp_path / "data"))


# For each line of its input it starts a process that writes, and kills it after so many seconds
WRITERS = """
import itertools, os, signal, sys, time
from pathlib import Path
from digits import files

def write(target):
    files.recover(target)
    for number in itertools.count():
        with files.atomic_write(target) as temporary:
            temporary.mkdir()
            for name in ("train", "validation", "test"):
                (temporary / name).write_text(str(number) * 1000)

if sys.argv[2] == "in two steps":
    files._swap = lambda one, other: False
for seconds in sys.stdin:
    pid = os.fork()
    if pid == 0:
        write(Path(sys.argv[1]))
    time.sleep(float(seconds))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    print("killed", flush=True)
"""


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_leaves_the_old_or_the_new_folder(tmp_path, exchange):
    target, kills = tmp_path / "data", 100
    target.mkdir()
    for name in ("train", "validation", "test"):
        (target / name).write_text("before")
    found = {"missing": 0, "mixed": 0, "whole": 0}
    command = [sys.executable, "-c", WRITERS, str(target), exchange]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    wait = random.Random(0)
    with subprocess.Popen(command, cwd=ROOT, **streams) as process:
        for _ in range(kills):
            print(wait.uniform(0, 0.05), file=process.stdin, flush=True)
            assert process.stdout.readline() == "killed\n"
            if exchange == "in two steps":
                files.recover(target)
            texts = {path.read_text() for path in target.iterdir()} if target.is_dir() else None
            whole = texts is not None and len(texts) == 1 and len(list(target.iterdir())) == 3
            found["missing" if texts is None else "whole" if whole else "mixed"] += 1
    assert found == {"missing": 0, "mixed": 0, "whole": kills}
    assert texts != {"before"}


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".partial-data").mkdir()
    (tmp_path / ".partial-data" / "half").touch()
    with files.atomic_write(tmp_path / "data") as temporary:
        temporary.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_json_is_written_the_same_each_time(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1.5, "a": ["ü"]})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "b": 1.5,\n  "a": [\n    "ü"\n  ]\n}\n'.encode()
    assert files.read_json(tmp_path / "a.json") == {"b": 1.5, "a": ["ü"]}


def test_digest_is_the_hash_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"seven")
    assert files.digest(tmp_path / "a", "md5") == hashlib.md5(b"seven").hexdigest()
    assert files.digest(tmp_path / "a", "sha256") == hashlib.sha256(b"seven").hexdigest()

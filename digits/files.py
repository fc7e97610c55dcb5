"""Files are written to a temporary path and then renamed, so that no reader sees an incomplete file."""

import ctypes
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

AT_FDCWD, RENAME_EXCHANGE = -100, 2  # of Linux: linux/fcntl.h, linux/fs.h


@contextmanager
def atomic_write(path: Path | str, any_kind: bool = False) -> Iterator[Path]:
    """Yield a temporary path, in the folder of `path`, to write a file or a folder to; put it in place at the end.

    At any moment, also where the process is killed or the machine stops, `path` is the old file or folder or the new
    one, whole. The file's suffixes are kept, since some libraries choose the format by them. What a killed process left
    at the temporary path is removed first. Raises OSError where a file would take the place of a folder, or a folder
    that of a file, unless `any_kind`.
    """
    path = Path(path)
    if path.is_symlink() and path.is_dir():
        path = path.resolve()  # the folder stays on the disk that it was put on
    temporary = path.with_name(f".partial-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path)
    remove(temporary)
    try:
        yield temporary
        _flush(temporary)
        if path.is_dir() and not (temporary.is_dir() or any_kind):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if path.is_dir() or (any_kind and path.exists() and temporary.is_dir()):
            _swap_or_move(temporary, path)
        else:
            temporary.replace(path)
        _flush_entry(path.parent)
    finally:
        remove(temporary)


def recover(path: Path) -> None:
    """Put the old folder back where a process was killed while it replaced `path` on a system that cannot swap two."""
    old = _old(path)
    if old.exists():
        if path.exists():
            remove(old)
        else:
            old.replace(path)


def require(folder: Path) -> None:
    """Raise FileNotFoundError where there is no such folder."""
    recover(folder)
    if not folder.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder))


def _swap_or_move(new: Path, path: Path) -> None:
    """Put `new` in the place of what is at `path`, of which one is a folder; that may be left at `new`."""
    if not _swap(new, path):
        old = _old(path)
        path.replace(old)  # where the process is killed after this, `recover` puts it back
        new.replace(path)
        remove(old)


def _swap(one: Path, other: Path) -> bool:
    """Swap two paths in one step; False where the system cannot: Linux can, on its own file systems (renameat2(2))."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # another system
        return False
    if renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):  # an older kernel, a file system over a network
        return False
    raise OSError(error, os.strerror(error), str(other))


def _old(path: Path) -> Path:
    return path.with_name(f".partial-old-{path.name}")


def _flush(path: Path) -> None:
    """Write a file, or a folder and all in it, from the system's memory to the disk, before it replaces another."""
    if path.is_dir():
        for entry in path.iterdir():
            _flush(entry)
        _flush_entry(path)
    else:
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _flush_entry(folder: Path) -> None:
    """Write a folder's own entries to the disk: the names in it."""
    with suppress(OSError):  # Windows opens no folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_json(path: Path | str, content: dict[str, Any]) -> None:
    """Write `content` as JSON, indented, in the order of its keys: the same content gives the same bytes."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: Path | str) -> dict[str, Any]:
    """Read what `write_json` wrote."""
    content: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    return content


def digest(path: Path | str, algorithm: str) -> str:
    """Hex digest of a file's bytes; `md5` is DVC's hash of that file, `sha256` a model's identity."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()

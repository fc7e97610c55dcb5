"""Files are written to a temporary path and then renamed, so that no reader sees an incomplete file."""

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_write(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path, in the folder of `path`, to write a file or a folder to; rename it if the block succeeds.

    The file's suffixes are kept, since some libraries choose the format by them. What a killed process
    left at the temporary path is removed first.
    """
    path = Path(path)
    temporary = path.with_name(f".partial-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    remove(temporary)
    try:
        yield temporary
        if path.is_dir():
            shutil.rmtree(path)
        temporary.replace(path)
    finally:
        remove(temporary)


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
    return json.loads(Path(path).read_text(encoding="utf-8"))


def digest(path: Path | str, algorithm: str) -> str:
    """Hex digest of a file's bytes; `md5` is DVC's hash of that file, `sha256` a model's identity."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()

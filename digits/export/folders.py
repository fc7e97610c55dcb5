"""A folder of an export: it is replaced as a whole, and only where nothing but an export is in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from digits.errors import UserError, printable
from digits.files import atomic_write, digest, read_json, recover, write_json

DESCRIPTION = "export.json"  # what is exported, and the SHA-256 of each other file
MAX_LISTED = 3  # files in a message


@contextmanager
def replace(folder: Path, description: dict[str, Any]) -> Iterator[Path]:
    """Yield a temporary folder to write to, which then takes the place of `folder`, with a description in export.json.

    Raises UserError where `folder` has files that no export has written, or that were changed since.
    """
    recover(folder)
    _check(folder)
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        yield temporary
        write_json(temporary / DESCRIPTION, {**description, "files": _hashes(temporary)})


def _check(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise UserError(f"{printable(folder)} is a file: give a new folder with --out")
    if not any(not path.is_dir() for path in folder.rglob("*")):  # empty subfolders are no loss
        return
    try:
        known = dict(read_json(folder / DESCRIPTION)["files"])
    except (OSError, ValueError, KeyError, TypeError):
        known = {}
    found = _hashes(folder)
    others = sorted(name for name, sha256 in found.items() if known.get(name) != sha256)
    if others or not known:
        listed = ", ".join(map(printable, others[:MAX_LISTED])) or printable(DESCRIPTION)
        more = f" and {len(others) - MAX_LISTED} more" if len(others) > MAX_LISTED else ""
        raise UserError(
            f"{printable(folder)} has files that no export has written, or that were changed since: {listed}{more}; "
            "give another folder with --out, or remove this one"
        )


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if not path.is_dir() and path != folder / DESCRIPTION)
    return {path.relative_to(folder).as_posix(): digest(path, "sha256") for path in files}

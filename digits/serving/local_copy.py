"""The copies of champion and challenger on this machine: ONNX file, and what is known of it; the registry's state.

The process that follows the registry writes them, each server process reads them: so the servers need no MLflow, and
start also where the registry can't be reached.
"""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from digits.files import atomic_write, digest, read_json, write_json

CHAMPION, CHALLENGER, REGISTRY = "champion.json", "challenger.json", "registry.json"
KEPT = 3  # ONNX files: a server process may still be about to load the last but one

SILENT_SECONDS = 15  # without an answer, good or bad: it hangs, as a locked database does


class LocalCopy(NamedTuple):
    """A version's ONNX file, and its description: what `GET /v1/model` answers, without the registry's state."""

    onnx_file: Path
    description: dict[str, Any]

    def is_intact(self) -> bool:
        """Whether the file is there, with the bytes that the description says."""
        try:
            return bool(digest(self.onnx_file, "sha256") == self.description["sha256"])
        except OSError:
            return False


def write(folder: Path, onnx_file: Path, description: dict[str, Any], name: str = CHAMPION) -> None:
    """Make this file with the SHA-256 `description["sha256"]` the champion's or challenger's copy.

    Older copies are removed, but for those that a description names.
    """
    copy = LocalCopy(_onnx_file(folder, description["sha256"]), description)
    if not copy.is_intact():
        with atomic_write(copy.onnx_file) as temporary:
            shutil.copyfile(onnx_file, temporary)
    copy.onnx_file.touch()
    write_json(folder / name, description)
    named = {known.onnx_file for one in (CHAMPION, CHALLENGER) if (known := read(folder, one)) is not None}
    copies = sorted(folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime_ns)
    for old in copies[:-KEPT]:
        if old not in named:
            old.unlink(missing_ok=True)


def remove(folder: Path, name: str) -> None:
    """Let there be no copy with this name; its ONNX file is removed when newer ones come."""
    (folder / name).unlink(missing_ok=True)


def read(folder: Path, name: str = CHAMPION) -> LocalCopy | None:
    """The champion's or challenger's copy; None where there is none."""
    try:
        description = read_json(folder / name)
        return LocalCopy(_onnx_file(folder, description["sha256"]), description)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_registry_state(folder: Path, state: dict[str, Any]) -> None:
    """Write whether the registry answers, and which of its versions is refused; the file's time is that of the check.

    The same state again changes the time only: it is written every second, and a disk need not be flushed for that.
    """
    path = folder / REGISTRY
    try:
        known = read_json(path)
    except (OSError, ValueError):
        known = None
    if known == state:
        path.touch()
    else:
        write_json(path, state)


def read_registry_state(folder: Path) -> dict[str, Any]:
    """What `write_registry_state` wrote, and when; not reachable where that is long ago, or never was."""
    path = folder / REGISTRY
    try:
        state, checked = registry_state(**read_json(path)), path.stat().st_mtime
    except (OSError, ValueError, TypeError):  # TypeError where another version of this project wrote it
        return registry_state(False, "the registry was not asked yet") | {"checked": None}
    if state["reachable"] and time.time() - checked > SILENT_SECONDS:
        state = state | {"reachable": False, "error": "the registry does not answer"}
    return state | {"checked": datetime.fromtimestamp(checked, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def registry_state(
    reachable: bool,
    error: str | None = None,
    refused: dict[str, str] | None = None,
    challenger: dict[str, str | None] | None = None,
) -> dict[str, Any]:
    """The state of the registry as JSON: whether it answers, or else why not, and the version that is refused.

    Where params.yaml names a challenger, its state is there, too.
    """
    state: dict[str, Any] = {"reachable": reachable, "error": error, "refused": refused}
    return state if challenger is None else state | {"challenger": challenger}


def _onnx_file(folder: Path, sha256: str) -> Path:
    if not (len(sha256) == 64 and sha256.isalnum()):
        raise ValueError(f"{sha256} is no SHA-256")
    return folder / f"{sha256}.onnx"

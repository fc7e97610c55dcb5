"""The copy of the champion on this machine: its ONNX file, and what is known of it; and the state of the registry.

The process that follows the registry writes them, each server process reads them: so the servers need no MLflow, and
start also where the registry can't be reached.
"""

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from digits.files import atomic_write, digest, read_json, write_json

CHAMPION, REGISTRY = "champion.json", "registry.json"
KEPT = 3  # ONNX files: a server process may still be about to load the last but one

SILENT_SECONDS = 15  # without an answer, good or bad: it hangs, as a locked database does


class LocalCopy(NamedTuple):
    """The champion's ONNX file, and its description: what `GET /v1/model` answers, without the registry's state."""

    onnx_file: Path
    description: dict[str, Any]

    def is_intact(self) -> bool:
        """Whether the file is there, with the bytes that the description says."""
        try:
            return digest(self.onnx_file, "sha256") == self.description["sha256"]
        except OSError:
            return False


def write(folder: Path, onnx_file: Path, description: dict[str, Any]) -> None:
    """Make this file with the SHA-256 `description["sha256"]` the champion's copy; older copies are removed."""
    copy = LocalCopy(_onnx_file(folder, description["sha256"]), description)
    if not copy.is_intact():
        with atomic_write(copy.onnx_file) as temporary:
            shutil.copyfile(onnx_file, temporary)
    copy.onnx_file.touch()
    write_json(folder / CHAMPION, description)
    copies = sorted(folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime_ns)
    for old in copies[:-KEPT]:
        old.unlink(missing_ok=True)


def read(folder: Path) -> LocalCopy | None:
    """The champion's copy; None where there is none."""
    try:
        description = read_json(folder / CHAMPION)
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
        state = registry_state(False, "the registry does not answer", state["refused"])
    return state | {"checked": datetime.fromtimestamp(checked, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}


def registry_state(reachable: bool, error: str | None = None, refused: dict[str, str] | None = None) -> dict[str, Any]:
    """The state of the registry as JSON: whether it answers, or else why not, and the version that is refused."""
    return {"reachable": reachable, "error": error, "refused": refused}


def _onnx_file(folder: Path, sha256: str) -> Path:
    if not (len(sha256) == 64 and sha256.isalnum()):
        raise ValueError(f"{sha256} is no SHA-256")
    return folder / f"{sha256}.onnx"

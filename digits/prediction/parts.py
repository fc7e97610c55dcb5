"""A listing in parts, each of which is decoded, classified and written by itself; and the folder of what is written."""

import fcntl
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc

from digits.data import shards
from digits.errors import UserError, printable
from digits.files import read_json, remove, write_json
from digits.prediction.inputs import Listing, PictureInput, RowGroup, encoded_size, in_batches

MAX_BYTES = 256 << 20  # of a part: a part of photographs has fewer pictures
ORIGIN = "origin.json"


class Part(NamedTuple):
    """Consecutive pictures of a listing: files, and row groups of Parquet files."""

    number: int
    units: list[PictureInput | RowGroup]

    def batches(self) -> Iterator[list[PictureInput]]:
        """The pictures in batches."""
        return in_batches(self._pictures())

    def _pictures(self) -> Iterator[PictureInput]:
        for unit in self.units:
            if isinstance(unit, RowGroup):
                yield from unit.pictures()
            else:
                yield unit


def divide(listing: Listing, pictures: int) -> list[Part]:
    """The listing in parts of about so many pictures, fewer where they have MAX_BYTES; a row group is never divided."""
    parts: list[Part] = []
    units: list[PictureInput | RowGroup] = []
    rows = size = 0
    for unit in listing.units():
        more, bytes_more = (unit.rows, unit.size) if isinstance(unit, RowGroup) else (1, encoded_size(unit.content))
        if units and (rows + more > pictures or size + bytes_more > MAX_BYTES):
            parts.append(Part(len(parts), units))
            units, rows, size = [], 0, 0
        units.append(unit)
        rows, size = rows + more, size + bytes_more
    return [*parts, Part(len(parts), units)] if units else parts


class PartFiles:
    """A folder with a Parquet file of predictions for each part, and `origin`, what they depend on.

    The parts that an interrupted run has written are kept if their origin is the same. Raises UserError where the
    folder has other files, or another process writes to it.

    `missing` are the numbers of the parts to write; `changed` are the keys of `origin` that differ, so that none was
    kept. `close` removes what killed processes left, and unlocks the folder.
    """

    def __init__(self, folder: Path, origin: dict[str, Any], parts: int) -> None:
        before = _origin(folder)
        if before.keys() != origin.keys() and not _is_empty(folder):
            raise UserError(f"{printable(folder)} is no folder of predictions; name a new folder, or an empty one")
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(folder)
        self.changed = [key for key in before if before[key] != origin[key]]
        self._folder = folder
        self._remove_incomplete()
        if not before or self.changed:
            for path in folder.glob(shards.PATTERN):
                path.unlink()
            write_json(folder / ORIGIN, origin)
        present = {path.name for path in folder.glob(shards.PATTERN)}
        self.missing = [number for number in range(parts) if shards.part_name(number) not in present]

    def close(self) -> None:
        """Let another process write to the folder."""
        self._remove_incomplete()
        os.close(self._lock)

    def _remove_incomplete(self) -> None:
        for path in self._folder.glob(f"{shards.PARTIAL}*"):
            remove(path)


def count(folder: Path) -> Counter[str]:
    """How many predictions in a folder of parts are `read`, `refused` and `failed`.

    Raises UserError where a part is damaged.
    """
    counts: Counter[str] = Counter()
    for address in shards.files(folder):
        try:
            with shards.opened(address) as file:
                table = file.read(["accepted", "error"])
        except UserError as error:  # which says how to restore what DVC keeps
            raise UserError(f"{printable(address)} is damaged: remove it, and run the same command again") from error
        accepted, failed = pc.sum(table["accepted"]).as_py() or 0, table.num_rows - table["error"].null_count
        counts.update(read=accepted, failed=failed, refused=table.num_rows - accepted - failed)
    return counts


def _origin(folder: Path) -> dict[str, Any]:
    """The origin of the parts in a folder; empty where there is none, or a file of somebody else."""
    try:
        found = read_json(folder / ORIGIN)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_empty(folder: Path) -> bool:
    """Whether a folder has nothing but the origin that a killed process did not complete, or does not exist."""
    if folder.is_dir():
        return {path.name for path in folder.iterdir()} <= {f"{shards.PARTIAL}{ORIGIN}"}
    return not folder.exists()


def _lock(folder: Path) -> int:
    """A lock that this process has until it ends. Raises UserError where another one has it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UserError(f"another process writes {printable(folder)} now; wait for it, or name another") from None
    return descriptor

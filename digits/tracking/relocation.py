"""A project that was moved or copied: MLflow keeps the absolute address of every artifact folder in its database."""

import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from digits import addresses
from digits.paths import ARTIFACTS

# The columns that hold an artifact folder's address
COLUMNS = {
    "experiments": "artifact_location",
    "runs": "artifact_uri",
    "model_versions": "storage_location",
    "logged_models": "artifact_location",
}


def relocate(database: Path, root: Path) -> None:
    """Let the addresses that lay under the artifact folder of the project's old place lie under that of `root`.

    Only in the project's own database, in its root: one that several projects share keeps its addresses. A copy of a
    project writes to its own artifacts from then on, and the original's database is not touched.
    """
    if not former_places(database, root):
        return
    with FileLock(lock_of(database)), closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        for place in _former_places(connection, root):
            moved = f"the project was at {place}: its record's files are now those in {root / ARTIFACTS}"
            print(moved, file=sys.stderr, flush=True)  # standard output has a command's answers
            for table, column in COLUMNS.items():
                _replace(connection, table, column, place / ARTIFACTS, root / ARTIFACTS)
        connection.execute("COMMIT")


def lock_of(database: Path) -> Path:
    """The lock file of a database: held while it is created or rewritten."""
    return database.with_name(database.name + ".lock")


def former_places(database: Path, root: Path) -> list[Path]:
    """The project folders, other than `root`, that the addresses of the project's own database lie in."""
    if database.parent != root:
        return []
    try:
        with closing(sqlite3.connect(database)) as connection:
            return _former_places(connection, root)
    except sqlite3.OperationalError:
        return []  # a database without MLflow's tables


def _former_places(connection: sqlite3.Connection, root: Path) -> list[Path]:
    found = (
        addresses.file_path(row[0] or "") for row in connection.execute("SELECT artifact_location FROM experiments")
    )
    places = {folder.parent for folder in found if folder is not None and folder.name == ARTIFACTS.name}
    return sorted(place for place in places if _was_the_project(place, root))


def _was_the_project(place: Path, root: Path) -> bool:
    """Whether this folder is the project at another place, or was: not a folder that the user chose for artifacts."""
    # os.path, since pathlib raises PermissionError for a folder of another user
    if os.path.isdir(place / ARTIFACTS):
        return os.path.realpath(place) != os.path.realpath(root) and os.path.isdir(place / ".dvc")
    return os.path.isdir(root / ARTIFACTS)


def _replace(connection: sqlite3.Connection, table: str, column: str, old: Path, new: Path) -> None:
    for before, after in ((addresses.file_address(old), addresses.file_address(new)), (str(old), str(new))):
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} = ? OR substr({column}, 1, ?) = ?",
            (after, len(before) + 1, before, len(before) + 1, f"{before}/"),
        )

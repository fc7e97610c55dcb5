"""What a champion and a challenger predicted of the same pictures, in SQLite: hashes and labels, no pictures.

The service writes it, and the comparison of two models reads it, together with what people corrected.
"""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from digits.sqlite_files import SqliteFile, transaction

FILE = "shadow.db"
BUSY_SECONDS = 5.0  # others' transactions take milliseconds
DAY = 24 * 60 * 60  # seconds
SCHEMA = """
CREATE TABLE pairs (
    id INTEGER PRIMARY KEY, champion TEXT NOT NULL, champion_sha256 TEXT NOT NULL, challenger TEXT NOT NULL,
    challenger_sha256 TEXT NOT NULL, UNIQUE (champion, champion_sha256, challenger, challenger_sha256)
) STRICT;
CREATE TABLE predictions (
    time INTEGER NOT NULL, pair INTEGER NOT NULL REFERENCES pairs, request_id TEXT NOT NULL, picture BLOB NOT NULL,
    champion_label INTEGER NOT NULL, champion_probability REAL NOT NULL, champion_accepted INTEGER NOT NULL,
    challenger_label INTEGER NOT NULL, challenger_probability REAL NOT NULL, challenger_accepted INTEGER NOT NULL
) STRICT;
CREATE INDEX predictions_time ON predictions (time);
"""


class ModelPrediction(NamedTuple):
    """What one model predicts of a picture: label 0 to 9, probability 0 to 1."""

    label: int
    probability: float
    accepted: bool


class ShadowPredictions(NamedTuple):
    """What both models predict of a picture, at a time in seconds since 1970, in the request with this id.

    `sha256` is the identity of the picture in the queue of feedback (`stored_pictures.stored`).
    """

    time: int
    request_id: str
    sha256: str
    champion: ModelPrediction
    challenger: ModelPrediction


class Pair(NamedTuple):
    """The versions of two models, and the SHA-256s of their ONNX files."""

    champion: str
    champion_sha256: str
    challenger: str
    challenger_sha256: str


class ShadowLog:
    """`shadow.db` in a folder, to add predictions to; for one thread. Its methods raise UserError and OSError."""

    def __init__(self, folder: Path) -> None:
        self._file = _database(folder / FILE)
        self._connection: sqlite3.Connection | None = None

    def add(self, pair: Pair, predictions: Iterable[ShadowPredictions]) -> None:
        """Add predictions of two models, in one transaction."""
        if self._connection is None or not self._file.exists():
            self.close()
            self._connection = self._file.open()
        with self._file.errors(), transaction(self._connection):
            self._connection.execute("INSERT OR IGNORE INTO pairs VALUES (NULL, ?, ?, ?, ?)", pair)
            (number,) = self._connection.execute(
                "SELECT id FROM pairs WHERE (champion, champion_sha256, challenger, challenger_sha256) = (?, ?, ?, ?)",
                pair,
            ).fetchone()
            rows = [
                (one.time, number, one.request_id, bytes.fromhex(one.sha256), *one.champion, *one.challenger)
                for one in predictions
            ]
            self._connection.executemany("INSERT INTO predictions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)

    def close(self) -> None:
        """Close the database."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def files(served: Path) -> list[Path]:
    """The databases of all services whose folders are in the folder `served`."""
    return sorted(served.glob(f"*/{FILE}"))


def read(paths: Sequence[Path], champion_sha256: str, challenger_sha256: str) -> list[ShadowPredictions]:
    """The predictions of two models, by the SHA-256s of their ONNX files, in several databases; the oldest first.

    Raises UserError for a database that can't be read.
    """
    return sorted(one for path in paths for one in _read(path, champion_sha256, challenger_sha256))


def expire(path: Path, keep_days: int) -> int:
    """Remove the predictions that are older than so many days; returns how many. Raises UserError and OSError."""
    return _delete(path, "time < ?", [[time.time() - keep_days * DAY]])


def count(paths: Sequence[Path], request_ids: Sequence[str]) -> int:
    """How many predictions were made in the requests with these ids."""
    found = 0
    for path in paths:
        with _database(path).read() as connection:
            for request_id in request_ids:
                query = "SELECT count(*) FROM predictions WHERE request_id = ?"
                found += connection.execute(query, [request_id]).fetchone()[0]
    return found


def forget(paths: Sequence[Path], request_ids: Sequence[str], sha256s: Sequence[str]) -> int:
    """Remove the predictions of these requests and of these pictures; returns how many."""
    removed = 0
    for path in paths:
        removed += _delete(path, "request_id = ?", [[one] for one in request_ids])
        removed += _delete(path, "picture = ?", [[bytes.fromhex(one)] for one in sha256s])
    return removed


def _delete(path: Path, condition: str, values: Sequence[Sequence[str | bytes | float]]) -> int:
    if not values:
        return 0
    file = _database(path)
    with file.change() as connection:
        removed = connection.executemany(f"DELETE FROM predictions WHERE {condition}", values).rowcount
    with file.errors(), closing(file.open()) as connection:  # the write-ahead log of a running service has the rows yet
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed


def _read(path: Path, champion_sha256: str, challenger_sha256: str) -> list[ShadowPredictions]:
    with _database(path).read() as connection:
        rows = connection.execute(
            "SELECT time, request_id, hex(picture), champion_label, champion_probability, champion_accepted, "
            "challenger_label, challenger_probability, challenger_accepted FROM predictions "
            "JOIN pairs ON pair = id WHERE champion_sha256 = ? AND challenger_sha256 = ?",
            [champion_sha256, challenger_sha256],
        )
        return [
            ShadowPredictions(when, request_id, picture.lower(), _prediction(*both[:3]), _prediction(*both[3:]))
            for when, request_id, picture, *both in rows
        ]


def _prediction(label: int, probability: float, accepted: int) -> ModelPrediction:
    return ModelPrediction(label, probability, bool(accepted))


def _database(path: Path) -> SqliteFile:
    return SqliteFile(
        path,
        SCHEMA,
        1,
        busy_seconds=BUSY_SECONDS,
        synchronous="NORMAL",
        secure_delete=True,
        remedy="remove it: the service begins another one",
    )

"""Counts of what a server answered, by hour: how often each statistic was in each of its bins. SQLite, no pictures.

Several processes add to it. A count belongs to the ONNX file that answered, since the bins are those of its reference.
"""

import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from digits.sqlite_files import SqliteFile

NAME = "traffic.db"
HOUR = 3600  # seconds
BUSY_SECONDS = 5.0  # that a process waits for another one's write
_SCHEMA = """
    CREATE TABLE counts (
        hour INTEGER, sha256 TEXT, statistic TEXT, bin TEXT, count INTEGER NOT NULL,
        PRIMARY KEY (hour, sha256, statistic, bin)
    ) WITHOUT ROWID
"""
_ADD = """
    INSERT INTO counts VALUES (?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET count = count + excluded.count
"""
_READ = "SELECT statistic, bin, sum(count) FROM counts WHERE sha256 = ? AND hour >= ? GROUP BY statistic, bin"
Counts = dict[str, dict[str, int]]  # by statistic and bin


class Bin(NamedTuple):
    """One bin of one statistic of what the version with this ONNX file answered."""

    sha256: str
    statistic: str
    name: str


class TrafficStore:
    """The database of one server's folder. What fails raises UserError or OSError, as `SqliteFile` says."""

    def __init__(self, folder: Path) -> None:
        self._file = SqliteFile(
            folder / NAME,
            _SCHEMA,
            1,
            busy_seconds=BUSY_SECONDS,
            synchronous="NORMAL",  # a power cut may lose the last seconds, no more
            remedy="stop the server, remove the file, and start it",
        )

    def add(self, counts: Mapping[Bin, int], now: float) -> None:
        """Add to the counts of the hour of `now`, in seconds since 1970."""
        hour = int(now // HOUR)
        with self._file.change() as connection:
            connection.executemany(_ADD, [(hour, *key, count) for key, count in counts.items()])

    def read(self, sha256: str, since: float) -> Counts:
        """The counts of the version with this ONNX file from the hour of `since` on; empty where there are none."""
        counts: Counts = defaultdict(dict)
        with self._file.read() as connection:
            for statistic, name, count in connection.execute(_READ, (sha256, int(since // HOUR))):
                counts[statistic][name] = count
        return dict(counts)

    def expire(self, keep_days: int) -> None:
        """Remove what is older."""
        if self._file.exists():
            with self._file.change() as connection:
                connection.execute("DELETE FROM counts WHERE hour < ?", (int(time.time() // HOUR) - 24 * keep_days,))

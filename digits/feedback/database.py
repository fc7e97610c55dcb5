"""The SQLite database of feedback: its schema."""

from pathlib import Path

from digits.errors import printable
from digits.sqlite_files import SqliteFile

FILE = "queue.db"
BUSY_SECONDS = 30.0  # others' transactions take milliseconds
SCHEMA = """
CREATE TABLE pictures (
    sha256 TEXT PRIMARY KEY, state TEXT NOT NULL, received TEXT NOT NULL, predicted INTEGER, probability REAL,
    accepted INTEGER NOT NULL, reason TEXT, version TEXT NOT NULL, label TEXT, who TEXT, decided TEXT,
    reports INTEGER NOT NULL
) STRICT;
CREATE INDEX pictures_state ON pictures (state, received);
CREATE TABLE suggestions (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL REFERENCES pictures ON DELETE CASCADE, suggested TEXT NOT NULL,
    count INTEGER NOT NULL, UNIQUE (sha256, suggested)
) STRICT;
CREATE TABLE request_ids (
    id INTEGER PRIMARY KEY, sha256 TEXT NOT NULL REFERENCES pictures ON DELETE CASCADE, request_id TEXT NOT NULL,
    UNIQUE (sha256, request_id)
) STRICT;
CREATE TABLE admitted (at REAL NOT NULL, client BLOB NOT NULL) STRICT;
CREATE INDEX admitted_at ON admitted (at);
CREATE INDEX admitted_client ON admitted (client, at);
CREATE TABLE client_key (key BLOB NOT NULL) STRICT;
"""


def database(folder: Path, busy_seconds: float = BUSY_SECONDS) -> SqliteFile:
    """`queue.db` in a folder."""
    remedy = f"restore it from a backup, or move the folder {printable(folder)} away to begin with an empty queue"
    return SqliteFile(folder / FILE, SCHEMA, 1, busy_seconds=busy_seconds, secure_delete=True, remedy=remedy)

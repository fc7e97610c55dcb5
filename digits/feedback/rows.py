"""The rows of the queue's database: what is known of each picture, what people suggest, and their request ids."""

import sqlite3
from datetime import UTC, datetime

from digits.feedback.items import WAITING, Item, Report

MAX_REQUEST_IDS = 100  # of a picture, the last ones: some KB, whatever is sent
COLUMNS = "sha256, state, received, predicted, probability, accepted, reason, version, label, who, decided, reports"
SUGGESTED = (
    "SELECT suggested FROM suggestions WHERE suggestions.sha256 = pictures.sha256 ORDER BY count DESC, id LIMIT 1"
)
REQUEST_IDS = (
    "SELECT group_concat(request_id, ' ') FROM "
    "(SELECT request_id FROM request_ids WHERE request_ids.sha256 = pictures.sha256 ORDER BY id)"
)


def waiting(connection: sqlite3.Connection) -> int:
    """How many pictures wait for a label."""
    count: int = connection.execute("SELECT count(*) FROM pictures WHERE state = ?", [WAITING]).fetchone()[0]
    return count


def insert_picture(connection: sqlite3.Connection, sha256: str, report: Report) -> None:
    """Let a picture wait from now on, with the answer that the report has."""
    answer = report.predicted, report.probability, report.accepted, report.reason, report.version
    values = [sha256, WAITING, time_text(), *answer, None, None, None, 0]
    connection.execute(f"INSERT INTO pictures ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)


def insert_report(connection: sqlite3.Connection, sha256: str, report: Report) -> None:
    """Count what somebody says of a picture that has a row, and add the request ids."""
    connection.execute("UPDATE pictures SET reports = reports + 1 WHERE sha256 = ?", [sha256])
    if report.suggested is not None:
        connection.execute(
            "INSERT INTO suggestions VALUES (NULL, ?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            [sha256, report.suggested],
        )
    connection.executemany(
        "INSERT OR REPLACE INTO request_ids (sha256, request_id) VALUES (?, ?)",
        [(sha256, request_id) for request_id in report.request_ids],
    )
    last = "SELECT id FROM request_ids WHERE sha256 = ? ORDER BY id DESC LIMIT ?"
    connection.execute(
        f"DELETE FROM request_ids WHERE sha256 = ? AND id NOT IN ({last})", [sha256, sha256, MAX_REQUEST_IDS]
    )


def select(connection: sqlite3.Connection, condition: str, values: list[str]) -> list[Item]:
    """The pictures for which an SQL condition on their table holds, with these values for its question marks."""
    query = f"SELECT ({SUGGESTED}), ({REQUEST_IDS}), {COLUMNS} FROM pictures WHERE {condition}"
    found = []
    for suggested, request_ids, *row in connection.execute(query, values):
        fields = dict(zip(COLUMNS.split(", "), row, strict=True))
        fields["accepted"] = bool(fields["accepted"])
        found.append(Item(suggested=suggested, request_ids=tuple((request_ids or "").split()), **fields))
    return found


def time_text(moment: datetime | None = None) -> str:
    """A moment in UTC, by default now, in ISO 8601 to the second."""
    return (moment or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")

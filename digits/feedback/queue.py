"""The labelling queue: pictures that people say were misread, until a person has labelled or dropped them."""

import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from digits.data.corrections import DROP
from digits.errors import UserError
from digits.feedback import rates, rows
from digits.feedback.database import BUSY_SECONDS, database
from digits.feedback.items import (
    ADDED,
    DECISIONS,
    DROPPED,
    LABELLED,
    WAITING,
    Item,
    Report,
    least_certain_first,
    oldest_first,
)
from digits.feedback.rows import time_text
from digits.feedback.stored_pictures import stored
from digits.files import atomic_write
from digits.paths import CORRECTIONS, EXTERNAL

PICTURES = "pictures"
SHA256 = re.compile("[0-9a-f]{64}")


class TooManyWaitingError(Exception):
    """As many pictures wait as may."""


class DecidedError(Exception):
    """Somebody else has decided meanwhile; `item` is the picture as it is now."""

    def __init__(self, item: Item) -> None:
        super().__init__(f"{item.who} has decided already: {item.label}")
        self.item = item


class Kept(NamedTuple):
    """A picture as the queue has it after it was sent, and whether it was unknown before."""

    item: Item
    is_new: bool


class Decision(NamedTuple):
    """A label, "0" to "9", or DROP; who decided, and when in ISO 8601 (UTC), to the second."""

    label: str
    who: str
    when: str


class Queue:
    """The queue in a folder: `queue.db`, and the pictures as PNG files. Threads and processes may use it together.

    A picture is kept as `stored` has it. What has the same pixels then is the same picture, whatever its format.
    Changes raise FullError where the disk is full, and keep nothing then; all methods BusyError where another process
    has locked the database for `busy_seconds`, UserError where it can't be used.
    """

    def __init__(self, folder: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        self._database = database(folder, busy_seconds)
        self._pictures = folder / PICTURES

    def add(self, picture: bytes, report: Report, max_waiting: int | None = None) -> Kept:
        """Add an encoded picture; where its pixels are known, only the report is added to it.

        Raises PictureError where it can't be decoded, TooManyWaitingError for a new one where `max_waiting` wait.
        """
        sha256, png = stored(picture)
        with self._database.change() as connection:
            if rows.select(connection, "sha256 = ?", [sha256]):
                rows.insert_report(connection, sha256, report)
                return Kept(_one(connection, sha256), False)
            if max_waiting is not None and rows.waiting(connection) >= max_waiting:
                raise TooManyWaitingError
            try:
                # Before the row: a killed process leaves a file without a row, which `expire` removes
                with atomic_write(self._file(sha256)) as temporary:
                    temporary.write_bytes(png)
                rows.insert_picture(connection, sha256, report)
                rows.insert_report(connection, sha256, report)
                item = _one(connection, sha256)
                connection.execute("COMMIT")
            except BaseException:  # within the transaction: later the file could be another process's
                self._file(sha256).unlink(missing_ok=True)
                raise
        return Kept(item, True)

    def items(self, state: str | None = None) -> list[Item]:
        """The pictures in a state, or all; those that wait least certain first, all others oldest first."""
        found = self._select("state = ?", [state]) if state else self._select("1", [])
        return sorted(found, key=least_certain_first if state == WAITING else oldest_first)

    def get(self, sha256: str) -> Item | None:
        """The picture with this SHA-256; None where the queue does not have it."""
        return next(iter(self._select("sha256 = ?", [sha256])), None)

    def counts(self) -> Counter[str]:
        """How many pictures are in each state."""
        with self._database.read() as connection:
            return Counter(dict(connection.execute("SELECT state, count(*) FROM pictures GROUP BY state").fetchall()))

    def picture(self, sha256: str) -> bytes:
        """The picture as PNG. Raises KeyError where there is none."""
        if SHA256.fullmatch(sha256):
            try:
                return self._file(sha256).read_bytes()
            except FileNotFoundError:
                pass
        raise KeyError(sha256)

    def decide(self, sha256: str, label: str | None, who: str, expected: tuple[str, str | None] | None = None) -> Item:
        """Label a picture, "0" to "9", or "drop" it; None takes the decision back, and it waits again.

        Raises KeyError for an unknown picture, ValueError for another label, UserError for a picture that has been
        added to the training data, and DecidedError where its state and label are not the `expected` ones.
        """
        if label not in (None, *DECISIONS):
            raise ValueError(f"label {label!r}; expected one of {', '.join(DECISIONS)}")
        with self._database.change() as connection:
            item = _one(connection, sha256)
            if item.state == ADDED:
                raise UserError(
                    f"the picture {sha256[:16]} is in {EXTERNAL} already: a row of {CORRECTIONS} corrects it"
                )
            if expected not in (None, (item.state, item.label)):
                raise DecidedError(item)
            _write_decision(connection, sha256, Decision(label, who, time_text()) if label else None)
            return _one(connection, sha256)

    def decide_all(self, choose: Callable[[Mapping[str, Item]], Mapping[str, Decision]]) -> None:
        """Write the decisions that `choose` returns, by SHA-256, given all pictures: in one transaction.

        Where `choose` raises none is written.
        """
        with self._database.change() as connection:
            items = {item.sha256: item for item in rows.select(connection, "1", [])}
            for sha256, decision in choose(items).items():
                _write_decision(connection, sha256, decision)

    def mark_added(self, labels: Iterable[tuple[str, str | None]]) -> None:
        """Note that pictures, by SHA-256, are in the training data now, where they still have these labels."""
        with self._database.change() as connection:
            connection.executemany(
                "UPDATE pictures SET state = ? WHERE sha256 = ? AND state = ? AND label = ?",
                [(ADDED, sha256, LABELLED, label) for sha256, label in labels],
            )

    def remove(self, sha256s: Iterable[str]) -> None:
        """Remove pictures with all that is known of them; unknown ones are left out."""
        if not self._database.exists():
            return
        with self._database.change() as connection:
            for sha256 in sha256s:
                if connection.execute("DELETE FROM pictures WHERE sha256 = ?", [sha256]).rowcount:
                    self._file(sha256).unlink(missing_ok=True)

    def remove_all(self) -> None:
        """Remove all pictures with all that is known of them."""
        if self._database.exists():
            with self._database.change() as connection:
                connection.execute("DELETE FROM pictures")
                self._remove_orphaned_files(connection)

    def expire(self, keep_days: int) -> int:
        """Remove what was received more than so many days ago and is not labelled; returns how many.

        Files without a row are removed, too, rows that wait without a file, which a killed process or a person leaves,
        and what is older than a day of `rates`.
        """
        if not self._database.exists():
            return 0
        before = time_text(datetime.now(UTC) - timedelta(days=keep_days))
        with self._database.change() as connection:
            rates.expire(connection)
            old = "DELETE FROM pictures WHERE state IN (?, ?) AND received < ?"
            removed = connection.execute(old, [WAITING, DROPPED, before]).rowcount
            waiting = connection.execute("SELECT sha256 FROM pictures WHERE state = ?", [WAITING]).fetchall()
            lost = [(sha256,) for (sha256,) in waiting if not self._file(sha256).exists()]
            connection.executemany("DELETE FROM pictures WHERE sha256 = ?", lost)
            self._remove_orphaned_files(connection)
        return removed + len(lost)

    def _select(self, condition: str, values: list[str]) -> list[Item]:
        with self._database.read() as connection:
            return rows.select(connection, condition, values)

    def _remove_orphaned_files(self, connection: sqlite3.Connection) -> None:
        """Remove the files without a row; within a change, so that none is of a picture that is being added."""
        known = {f"{sha256}.png" for (sha256,) in connection.execute("SELECT sha256 FROM pictures")}
        for file in self._pictures.glob("*"):
            if file.name not in known:
                file.unlink()

    def _file(self, sha256: str) -> Path:
        return self._pictures / f"{sha256}.png"


def _one(connection: sqlite3.Connection, sha256: str) -> Item:
    found = rows.select(connection, "sha256 = ?", [sha256])
    if not found:
        raise KeyError(sha256)
    return found[0]


def _write_decision(connection: sqlite3.Connection, sha256: str, decision: Decision | None) -> None:
    values: tuple[str | None, ...] = (WAITING, None, None, None)
    if decision:
        state = DROPPED if decision.label == DROP else LABELLED
        values = (state, decision.label, decision.who, decision.when)
    connection.execute(
        "UPDATE pictures SET state = ?, label = ?, who = ?, decided = ? WHERE sha256 = ?", [*values, sha256]
    )

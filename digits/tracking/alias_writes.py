"""Records of who makes which version champion, so that processes that register at once correct each other.

MLflow sets an alias without comparing it first, so a process may overwrite what another one set after it last read the
alias. Each process therefore opens a record, a tag of the registered model, before it reads the champion. In it, it
names each version before it makes it champion, and the champion that it saw then. After writing it reads all records:
a version that another process wrote meanwhile, without having seen this one's, may be what it overwrote. The best of
them becomes champion. The process that writes last sees all records, since each was written before the alias was.

A champion that no record names was chosen by a person, and is not replaced without a new comparison. What a person
sets between the last look at the alias and the write, one call, is overwritten: after `digits promote` and `digits
rollback`, which log their entry in the history before they set the alias, it is put back; what is set on MLflow's page
in that time is lost.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import uuid4

from digits.tracking import history, registry, store
from digits.tracking.history import STALE
from digits.tracking.registry import NAME, Version

PREFIX = "digits.promotion."  # of the records' keys


class Write(NamedTuple):
    """A version that a process makes champion and the champion before, by their numbers; and whether that is done."""

    version: str
    before: str | None
    is_set: bool = False


class AliasWrites:
    """This process's record, and the view of the others'. A write is named by its record and its position there."""

    def __init__(self, version: Version) -> None:
        self._key = f"{PREFIX}{uuid4().hex}"
        self._record: dict[str, Any] = {"open": True, "time": 0.0, "writes": [], "ignored": []}
        self._save()  # before the champion is read
        others = self._others()
        # What is written already is seen when this process reads the champion.
        ignored = {name for name, write in _writes(others).items() if write.is_set}
        # A process that was killed after it made this version champion has not looked at the others': this one does.
        self._unfinished = [
            key
            for key, record in others.items()
            if record["open"] and any(write.version == version.number for write in record["writes"])
        ]
        for key in self._unfinished:
            ignored &= set(others[key]["ignored"])
        self._record["ignored"] = sorted(ignored)
        self._save()

    @property
    def unfinished(self) -> bool:
        """Whether another process made this version champion, and has not ended."""
        return bool(self._unfinished)

    def make_champion(self, version: Version, before: Version | None, by: str, why: str) -> bool:
        """Make the version champion in place of `before`; False, and nothing is done, where another is champion now.

        `by` and `why` are for the history.
        """
        writes: list[Write] = self._record["writes"]
        writes.append(Write(version.number, registry.number_of(before)))
        self._save()
        if not history.set_champion(version, before, by, why):
            writes.pop()
            self._save()
            return False
        writes[-1] = writes[-1]._replace(is_set=True)
        self._save()
        return True

    def rivals(self) -> set[str]:
        """The numbers of the versions that this process may have overwritten."""
        mine = {write.version for write in self._record["writes"]}
        writes = _writes(_recent(self._others()))
        return {
            write.version
            for name, write in writes.items()
            if name not in self._record["ignored"] and write.before not in mine
        }

    def names(self, version: Version) -> bool:
        """Whether a process, and not a person, made the version champion."""
        records = [*self._others().values(), self._record]
        return any(write.version == version.number for record in records for write in record["writes"])

    def close(self) -> None:
        """End the record. Where no other is open, all are removed: no process still needs them."""
        self._record["open"] = False
        self._save()  # before the others are read: of two that end at once, one finds no open record
        for key in self._unfinished:
            self._delete(key)
        others = self._others()
        if not any(record["open"] for record in _recent(others).values()):
            for key in (*others, self._key):
                self._delete(key)

    def _save(self) -> None:
        self._record["time"] = time.time()
        store.connect().set_registered_model_tag(NAME, self._key, json.dumps(self._record))

    def _delete(self, key: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            store.connect().delete_registered_model_tag(NAME, key)
        except MlflowException:
            if key in store.connect().get_registered_model(NAME).tags:
                raise  # else another process has removed it

    def _others(self) -> dict[str, dict[str, Any]]:
        found = store.connect().get_registered_model(NAME).tags
        return {key: _parse(text) for key, text in found.items() if key.startswith(PREFIX) and key != self._key}


def _parse(text: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(text)
    return {**record, "writes": [Write(*write) for write in record["writes"]]}


def _recent(records: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    since = time.time() - STALE
    return {key: record for key, record in records.items() if record["time"] > since}


def _writes(records: dict[str, dict[str, Any]]) -> dict[str, Write]:
    return {f"{key} {at}": write for key, record in records.items() for at, write in enumerate(record["writes"])}


@contextmanager
def opened(version: Version) -> Iterator[AliasWrites]:
    """A record for the block; after an error it stays open, and the version's next registration completes it."""
    writes = AliasWrites(version)
    yield writes
    writes.close()

"""Records of who makes which version champion, so that processes that register at once correct each other.

MLflow sets an alias without comparing it first, so a process may overwrite what another one set after it last read the
alias. Each process therefore opens a record, a tag of the registered model, before it reads the champion, and names in
it each version before it makes it champion. After writing it reads the records of all processes that were open with it,
and writes the best of their versions. The process that writes last sees all the others' records, since each was written
before the alias was.

A version that nobody's record names was made champion by a person, and is not replaced without a new comparison. What
remains is the time between the last look at the alias and the write, one call: what a person sets in it is overwritten.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from digits.tracking import store
from digits.tracking.registry import NAME, Version

PREFIX = "promotion."  # of the records' keys
LIFETIME = 24 * 3600  # seconds: an open record that is older belongs to a process that was killed


class AliasWrites:
    """This process's record, and the view of the others'."""

    def __init__(self, version: Version) -> None:
        self._key = f"{PREFIX}{uuid4().hex}"
        self._record: dict[str, Any] = {"open": True, "time": time.time(), "wrote": [], "ignored": []}
        self._save()  # before the champion is read
        others = self._others()
        # What they wrote was there before this process reads the champion.
        ignored = {key for key, record in others.items() if not record["open"]}
        # A process that was killed after it made this version champion has not looked at the others': this one does.
        self._unfinished = [
            key for key, record in others.items() if record["open"] and version.number in record["wrote"]
        ]
        for key in self._unfinished:
            ignored &= set(others[key]["ignored"])
        self._record["ignored"] = sorted(ignored)
        self._save()

    @property
    def unfinished(self) -> bool:
        """Whether another process made this version champion, and has not ended."""
        return bool(self._unfinished)

    def announce(self, version: Version) -> None:
        """Record that this process is about to make the version champion."""
        self._record["wrote"].append(version.number)
        self._save()

    def rivals(self) -> set[str]:
        """The numbers of the versions that processes which were open with this one have made champion."""
        others = self._others()
        return {one for key in others.keys() - self._record["ignored"] for one in others[key]["wrote"]}

    def close(self) -> None:
        """End the record. Where no other is open, all are removed: no process still needs them."""
        self._record["open"] = False
        self._save()  # before the others are read: of two that end at once, one finds no open record
        for key in self._unfinished:
            self._delete(key)
        others = self._others()
        recent = time.time() - LIFETIME
        if not any(record["open"] and record["time"] > recent for record in others.values()):
            for key in (*others, self._key):
                self._delete(key)

    def _save(self) -> None:
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
        return {key: json.loads(text) for key, text in found.items() if key.startswith(PREFIX) and key != self._key}


@contextmanager
def opened(version: Version) -> Iterator[AliasWrites]:
    """A record for the block; after an error it stays open, and the version's next registration completes it."""
    writes = AliasWrites(version)
    yield writes
    writes.close()

"""What a person chose as champion: by a promotion or a rollback, which `register` does not undo."""

from collections.abc import Callable
from typing import NamedTuple

from digits.errors import UserError
from digits.tracking import history, registry, store, tags, version_checks
from digits.tracking.history import PROMOTE, ROLLBACK, UNKNOWN, Entry, History
from digits.tracking.registry import CHALLENGER, UnusableVersionError, Version


class Choice(NamedTuple):
    """The champion that a person chose, and the one before."""

    version: Version
    before: Version | None

    @property
    def is_new(self) -> bool:
        """Whether another version was champion before, or none."""
        return registry.number_of(self.before) != self.version.number


def promote(number: int, why: str) -> Choice:
    """Make the version with this number champion, whatever its gates; where it is that already the choice is logged.

    Raises UserError where there is no such version, or the store fails, UnusableVersionError where its files are.
    """
    store.connect()
    with store.wrap_store_errors():
        log = history.read()
        version = registry.find_version(str(number))
        if version is None:
            raise UserError(
                f"version {number} of the model {registry.NAME} is not in the registry at {store.redacted_uri()}, "
                f"where the highest number is {log.latest}: `digits history` and `make ui` show its versions"
            )
        version_checks.load_classifier(version)
        return _choose(version, PROMOTE, why)


def roll_back(why: str, report: Callable[[str], None]) -> Choice:
    """Make the last champion before this one champion again; each version that can't be is reported and skipped.

    Raises UserError where there is none, or the store fails.
    """
    store.connect()
    with store.wrap_store_errors():
        log = history.read()
        for number in log.earlier():
            version = registry.find_version(number)
            if version is None:
                report(f"version {number} is skipped: it was deleted")
                continue
            try:
                version_checks.load_classifier(version)
            except UnusableVersionError as error:
                report(f"version {number} is skipped: {error}")
                continue
            return _choose(version, ROLLBACK, why)
        now = f"version {log.champion} is champion" if log.champion else "there is no champion"
        raise UserError(
            f"{now}, and the registry at {store.redacted_uri()} has no earlier champion to go back to: "
            "`digits history` shows all, and `digits promote VERSION` makes any version champion"
        )


def against(version: Version, champion: Version | None) -> Entry | None:
    """The choice by which `register` does not make a version champion, or None.

    Versions that were in the registry when a person last promoted one or rolled back stay back, and so does the same
    model registered once more. A choice on MLflow's page holds while its version is champion and can be used.
    """
    log = history.read()
    numbers = {version.number, *(one.number for one in registry.find_all(version.tags[tags.ONNX]))}
    for entry in reversed((*log.entries, *log.pending)):
        if entry.by in (PROMOTE, ROLLBACK) or (entry.by == UNKNOWN and _stands(entry, log, champion)):
            was_there = min(map(int, numbers)) <= entry.latest
            return entry if was_there and entry.after not in numbers else None
    return None


def reason(choice: Entry, version: Version) -> str:
    """Why a choice keeps a version from being champion."""
    time = f"{choice.time:%Y-%m-%d %H:%M} UTC"
    if choice.by == UNKNOWN:
        chosen = f"version {choice.after} was made champion outside of this project, before {time}"
    else:
        why = f" ({choice.why})" if choice.why else ""
        chosen = f"{choice.who} chose version {choice.after} by `digits {choice.by}` at {time}{why}"
    return f"it was in the registry when {chosen}; `digits promote {version.number}` makes it champion"


def _stands(entry: Entry, log: History, champion: Version | None) -> bool:
    """Whether a change that was made elsewhere is a choice: the first entry only says what was there before."""
    return (
        entry is log.entries[-1]
        and len(log.entries) > 1
        and champion is not None
        and champion.number == entry.after
        and version_checks.is_intact(champion)
    )


def _choose(version: Version, by: str, why: str) -> Choice:
    while True:
        choice = Choice(version, registry.champion())
        if not choice.is_new:
            last = history.read().entries[-1:]
            if not last or last[0].by not in (PROMOTE, ROLLBACK):
                history.log_choice(version, by, why)
            return choice
        if history.set_champion(version, choice.before, by, why):
            registry.delete_alias(CHALLENGER, registry.get_version(version.number))
            return choice
        # Another process set another one meanwhile: that is not what the person chose.

"""The history of the champion, kept in the registry: one tag of the registered model for each change of the alias.

MLflow keeps no history of an alias. Whoever changes it here writes an entry before, and marks it as done after, so that
nobody takes a change in progress for one that was made elsewhere. Where the alias is not the version that the newest
entry names, somebody changed it on MLflow's page or by its API: the next that reads the history logs that.
"""

import getpass
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from digits.errors import printable
from digits.tracking import causes, registry, store, values
from digits.tracking.registry import CHAMPION, Version

PREFIX = "digits.history."  # of the tags' keys; then the time, and a random part
LONGEST_WHY, LONGEST_WHO = 2000, 100  # characters: as JSON, at most twice as many, an entry is below MLflow's 5,000
STALE = 900  # seconds: what is not done by then was interrupted
# What made the change; CORRECTION is one of `register`, after processes that set the alias at the same time
REGISTER, CORRECTION, PROMOTE, ROLLBACK, UNKNOWN = "register", "correction", "promote", "rollback", "unknown"


@dataclass(frozen=True)
class Entry:
    """A change of the champion, from one version's number to another's; None where there is no champion."""

    number: int  # entries are in this order, whatever the clocks of the machines say
    time: datetime  # with its time zone, UTC
    who: str
    before: str | None
    after: str | None
    by: str
    why: str
    latest: int  # the highest number of a version in the registry at that time
    done: bool = True  # whether the alias is set
    key: str = ""  # of the tag

    def to_dict(self) -> dict[str, str | None]:
        """What is shown, as JSON objects have it; the time in ISO 8601."""
        shown = {"time": self.time.isoformat(timespec="seconds"), "who": self.who}
        return {**shown, "from": self.before, "to": self.after, "by": self.by, "why": self.why}


@dataclass(frozen=True)
class History:
    """The champion, and how it became that."""

    champion: str | None = None  # the number of the version that has the alias now
    entries: tuple[Entry, ...] = ()  # the oldest first
    pending: tuple[Entry, ...] = ()  # changes in progress
    latest: int = 0  # the highest number of a version in the registry
    unreadable: tuple[str, ...] = ()  # keys of tags that are no entries: a person may edit them

    @property
    def newest(self) -> str | None:
        """The champion by the newest entry."""
        return self.entries[-1].after if self.entries else None

    @property
    def next_number(self) -> int:
        return max((entry.number for entry in (*self.entries, *self.pending)), default=0) + 1

    def earlier(self) -> list[str]:
        """The numbers of the versions to go back to, the last champion first.

        A rollback takes the versions after the one that it goes back to off the stack; every other change adds one.
        """
        stack: list[str] = []
        for entry in self.entries:
            if entry.by == ROLLBACK and entry.after in stack:
                while stack[-1] != entry.after:
                    stack.pop()
            elif entry.after is not None:
                if entry.by == CORRECTION:
                    del stack[-1:]  # champion for a moment
                if entry.after not in stack[-1:]:
                    stack.append(entry.after)
        return [number for number in dict.fromkeys(reversed(stack)) if number != self.champion]


def read() -> History:
    """The history, after a change that was made elsewhere is logged. Raises MLflow's errors where the store fails."""
    found = _load()
    return found if found.newest == found.champion else notice(found.champion)


def notice(champion_now: str | None) -> History:
    """Log that this version, by its number, is champion, where no entry says so; returns the history.

    `champion_now` was read from the alias before: so the entry of the process that set it is there, if there is one.
    """
    found = _load()
    if champion_now == found.newest or champion_now != found.champion:
        return found
    own = next((entry for entry in found.pending if entry.after == champion_now), None)
    if own is not None:
        _finish(own)
    else:
        why = f"changed outside of this project, before {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        why = why if found.entries else "champion when this history began"
        _save(_entry(found, found.newest, champion_now, UNKNOWN, why, who="unknown"))
    return _load()


def set_champion(version: Version, before: Version | None, by: str, why: str) -> bool:
    """Make the version champion in place of `before`, with an entry; False, and nothing is done, where that is gone."""
    former = registry.number_of(before)
    entry = replace(_entry(_load(), former, version.number, by, why, _user()), done=False)
    _save(entry)
    is_set = False
    try:
        if registry.number_of(registry.champion()) == former:  # the last look: after it comes the write alone
            registry.set_alias(CHAMPION, version)
            is_set = True
    finally:
        if not is_set:
            with suppress(Exception):  # the store may be out of reach: the entry is then ignored when it is STALE
                store.connect().delete_registered_model_tag(registry.NAME, entry.key)
    if is_set:
        _finish(entry)
    return is_set


def log_choice(version: Version, by: str, why: str) -> None:
    """Log that a person chose the version that is champion already: `register` shall not undo that either."""
    _save(_entry(_load(), version.number, version.number, by, why, _user()))


def translated(tags: dict[str, str], numbers: dict[str, str]) -> dict[str, str]:
    """The entries among a registered model's tags, as tags for another registry where the versions have these numbers.

    A version that the other registry lacks is None there.
    """
    entries = (_parse(key, text) for key, text in tags.items() if key.startswith(PREFIX))
    return {
        entry.key: _to_json(
            replace(
                entry,
                before=numbers.get(entry.before or ""),
                after=numbers.get(entry.after or ""),
                latest=max((int(new) for old, new in numbers.items() if int(old) <= entry.latest), default=0),
            )
        )
        for entry in entries
        if entry is not None
    }


def _load() -> History:
    client = store.connect()
    model = causes.found_or_none(lambda: client.get_registered_model(registry.NAME))
    if model is None:
        return History()
    parsed = {key: _parse(key, text) for key, text in model.tags.items() if key.startswith(PREFIX)}
    entries = sorted(filter(None, parsed.values()), key=lambda one: (one.number, one.time))
    since = datetime.now(UTC) - timedelta(seconds=STALE)
    champion = model.aliases.get(CHAMPION)
    return History(
        champion=None if champion is None else str(champion),
        entries=tuple(_without_repetitions(one for one in entries if one.done)),
        pending=tuple(one for one in entries if not one.done and one.time > since),
        latest=max((int(one.version) for one in model.latest_versions), default=0),
        unreadable=tuple(key for key, entry in parsed.items() if entry is None),
    )


def _without_repetitions(entries: Iterable[Entry]) -> Iterable[Entry]:
    """The entries but those of a change made elsewhere that another process noticed at the same time."""
    last = None
    for entry in entries:
        if last is None or entry.by != UNKNOWN or entry.after != last.after:
            yield entry
            last = entry


def _entry(found: History, before: str | None, after: str | None, by: str, why: str, who: str) -> Entry:
    now = datetime.now(UTC)
    who, why = values.cut(printable(who), LONGEST_WHO), values.cut(printable(why), LONGEST_WHY)
    key = f"{PREFIX}{now:%Y%m%dT%H%M%S.%f}Z.{uuid4().hex}"
    return Entry(found.next_number, now, who, before, after, by, why, found.latest, key=key)


def _finish(entry: Entry) -> None:
    """Log that the alias is set: as the newest entry, unless another process has set it again, whose entry that is."""
    found = _load()
    number = found.next_number if found.champion == entry.after else entry.number
    _save(replace(entry, number=number, done=True))


def _save(entry: Entry) -> None:
    store.connect().set_registered_model_tag(registry.NAME, entry.key, _to_json(entry))


def _to_json(entry: Entry) -> str:
    more = {"number": entry.number, "time": entry.time.isoformat(), "latest": entry.latest, "done": entry.done}
    return json.dumps(entry.to_dict() | more, ensure_ascii=False)


def _parse(key: str, text: str) -> Entry | None:
    try:
        content = json.loads(text)
        return Entry(
            number=int(content["number"]),
            time=datetime.fromisoformat(content["time"]).astimezone(UTC),
            before=_number(content["from"]),
            after=_number(content["to"]),
            latest=int(content["latest"]),
            done=bool(content["done"]),
            key=key,
            **{name: printable(content[name]) for name in ("who", "by", "why")},
        )
    except (ValueError, TypeError, KeyError, OverflowError):
        return None


def _number(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError(f"{value} is no version's number")


def _user() -> str:
    """Who runs this process, as MLflow's tag mlflow.user: the user of the tracking server, or of the machine."""
    from mlflow.utils.credentials import read_mlflow_creds

    try:
        return read_mlflow_creds().username or getpass.getuser()
    except (KeyError, OSError):  # a user id without an entry, as in a container; the latter from Python 3.13
        return "unknown"

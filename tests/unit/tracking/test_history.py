"""The history of the champion in a real registry, with changes made elsewhere, and processes interleaved by hand."""

import json
import sqlite3
import time
from datetime import UTC, datetime

import pytest

from digits.tracking import history, registry
from digits.tracking.history import CORRECTION, PROMOTE, REGISTER, ROLLBACK, UNKNOWN, Entry, History


@pytest.fixture
def client(store):
    """MLflow's client of a registry with three versions without files; the user is ada."""
    client = store.connect()
    registry.provide_model()
    for number in "123":
        client.create_model_version(registry.NAME, f"models/{number}")
    return client


def version(number: int | None):
    return None if number is None else registry.get_version(str(number))


def change(before: int | None, after: int, by: str = REGISTER, why: str = "") -> bool:
    return history.set_champion(version(after), version(before), by, why)


def elsewhere(number: int) -> None:
    registry.set_alias(registry.CHAMPION, version(number))


def shown() -> list[tuple]:
    return [(one.before, one.after, one.by) for one in history.read().entries]


def around_set_alias(monkeypatch, before=lambda: None, after=lambda: None) -> None:
    """Do something once, just before and just after the next call that sets an alias."""
    call = registry.set_alias

    def pause(*arguments):
        monkeypatch.setattr(registry, "set_alias", call)
        before()
        call(*arguments)
        after()

    monkeypatch.setattr(registry, "set_alias", pause)


def test_an_entry_has_who_when_from_to_by_and_why(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    assert change(None, 1, why="it passes every gate")
    assert change(1, 3, PROMOTE, "new forms")
    first, second = (one.to_dict() for one in history.read().entries)
    assert (first["who"], first["from"], first["to"], first["why"]) == ("ada", None, "1", "it passes every gate")
    assert (second["from"], second["to"], second["by"], second["why"]) == ("1", "3", "promote", "new forms")
    assert abs(datetime.fromisoformat(second["time"]) - datetime.now(UTC)).total_seconds() < 60
    assert history.read().champion == "3"
    assert [one.latest for one in history.read().entries] == [3, 3]


def test_nothing_is_changed_where_another_is_champion_than_before(client):
    change(None, 1)
    elsewhere(2)
    assert not change(1, 3)
    assert shown() == [(None, "1", REGISTER), ("1", "2", UNKNOWN)]


def test_a_registry_without_the_model_has_an_empty_history(store):
    assert history.read() == History()


def test_changes_made_elsewhere_are_logged_once_each(client):
    elsewhere(1)
    (first,) = history.read().entries
    assert (first.who, first.why) == ("unknown", "champion when this history began")
    elsewhere(2)
    registered = history.read().entries[-1]
    assert registered.why.startswith(f"changed outside of this project, before {datetime.now(UTC):%Y-}")
    client.delete_registered_model_alias(registry.NAME, registry.CHAMPION)
    history.notice(None)
    assert shown() == [(None, "1", UNKNOWN), ("1", "2", UNKNOWN), ("2", None, UNKNOWN)]


def test_an_observation_that_no_longer_holds_is_not_logged(client):
    change(None, 1)
    history.notice("2")
    assert shown() == [(None, "1", REGISTER)]


def test_a_change_that_two_processes_notice_at_once_is_shown_once(client, monkeypatch):
    change(None, 1)
    elsewhere(2)
    save = history._save

    def other_first(entry):
        monkeypatch.setattr(history, "_save", save)
        history.read()
        save(entry)

    monkeypatch.setattr(history, "_save", other_first)
    assert shown() == [(None, "1", REGISTER), ("1", "2", UNKNOWN)]
    assert len(client.get_registered_model(registry.NAME).tags) == 3


def test_a_change_in_progress_is_not_taken_for_one_made_elsewhere(client, monkeypatch):
    change(None, 1)
    seen = []
    around_set_alias(monkeypatch, lambda: seen.append(shown()), lambda: seen.append(shown()))
    change(1, 2, PROMOTE)
    first, second = (None, "1", REGISTER), ("1", "2", PROMOTE)
    assert seen == [[first], [first, second]]
    assert shown() == [first, second]


@pytest.mark.parametrize("when", ["before", "after"])
def test_of_two_changes_at_once_the_one_that_was_set_last_is_the_newest(client, monkeypatch, when):
    change(None, 1)
    other = {"before": lambda: change(1, 3), "after": lambda: change(2, 3)}[when]
    around_set_alias(monkeypatch, **{when: other})
    change(1, 2, PROMOTE)
    assert {one[2] for one in shown()} == {REGISTER, PROMOTE}
    assert history.read().newest == history.read().champion == {"before": "2", "after": "3"}[when]


def test_a_process_killed_after_it_set_the_alias_has_its_entry(client, monkeypatch):
    def killed(entry):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(history, "_finish", killed)
        change(None, 2, PROMOTE, "forms")
    (entry,) = history.read().entries
    assert (entry.after, entry.by, entry.why) == ("2", PROMOTE, "forms")


def test_a_failure_to_set_the_alias_leaves_no_entry(client, monkeypatch):
    def fail():
        raise OSError("the network is down")

    with pytest.raises(OSError, match="the network"):
        around_set_alias(monkeypatch, fail)
        change(None, 2)
    assert client.get_registered_model(registry.NAME).tags == {}


def test_a_long_reason_is_cut_and_what_a_terminal_would_act_on_is_escaped(client):
    change(None, 1, why='"\x1b[31m\n\udcff' + '"' * 9000)
    (text,) = client.get_registered_model(registry.NAME).tags.values()
    assert len(text) <= 5000
    (entry,) = history.read().entries
    assert entry.why.startswith('"\\x1b[31m\\n\\udcff""')
    assert entry.why.endswith("characters, cut)")


def test_tags_that_a_person_damaged_are_named_and_skipped(client):
    change(None, 1)
    entry = json.loads(next(text for key, text in client.get_registered_model(registry.NAME).tags.items()))
    wrong = [json.dumps(entry | change) for change in ({"to": ["1"]}, {"time": "0001-01-01T00:00:00+14:00"})]
    texts = ["", "[]", "{}", '{"time": 3}', "\x00", *wrong]
    damaged = {f"{history.PREFIX}{n}": text for n, text in enumerate(texts)}
    for key, text in damaged.items():
        client.set_registered_model_tag(registry.NAME, key, text)
    found = history.read()
    assert (set(found.unreadable), found.newest) == (set(damaged), "1")


def test_a_thousand_entries_are_read_at_once(client, workspace):
    change(None, 1)
    ((key, text),) = client.get_registered_model(registry.NAME).tags.items()
    rows = [(f"{key}.{n}", json.dumps({**json.loads(text), "number": n, "why": "x" * 400})) for n in range(2, 1001)]
    with sqlite3.connect(workspace / "mlflow.db") as connection:
        connection.executemany(
            "INSERT INTO registered_model_tags (workspace, name, key, value) "
            f"SELECT workspace, name, ?, ? FROM registered_models WHERE name = '{registry.NAME}'",
            rows,
        )
    started = time.perf_counter()
    assert len(history.read().entries) == 1000
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("changes", "champion", "earlier"),
    [
        ([], None, ""),
        ([(REGISTER, "1")], "1", ""),
        ([(REGISTER, "1"), (REGISTER, "2"), (PROMOTE, "3")], "3", "21"),
        ([(REGISTER, "1"), (REGISTER, "2"), (PROMOTE, "3"), (ROLLBACK, "2")], "2", "1"),
        ([(REGISTER, "1"), (REGISTER, "2"), (ROLLBACK, "1"), (PROMOTE, "2")], "2", "1"),
        ([(REGISTER, "1"), (REGISTER, "2"), (PROMOTE, "3"), (ROLLBACK, "1")], "1", ""),  # 2 was skipped
        ([(REGISTER, "1"), (UNKNOWN, "2"), (UNKNOWN, None)], None, "21"),
        ([(REGISTER, "1"), (UNKNOWN, "2"), (UNKNOWN, None), (ROLLBACK, "2")], "2", "1"),
        ([(REGISTER, "1"), (UNKNOWN, "2"), (UNKNOWN, "1")], "1", "2"),
        ([(REGISTER, "1"), (REGISTER, "2"), (CORRECTION, "3")], "3", "1"),  # 2 was champion for a moment
        ([(PROMOTE, "2"), (PROMOTE, "1"), (PROMOTE, "2"), (ROLLBACK, "1"), (ROLLBACK, "2")], "2", ""),
    ],
)
def test_the_versions_to_go_back_to(changes, champion, earlier):
    now = datetime.now(UTC)
    entries = tuple(Entry(n, now, "ada", None, after, by, "", 3) for n, (by, after) in enumerate(changes))
    assert "".join(History(champion, entries).earlier()) == earlier

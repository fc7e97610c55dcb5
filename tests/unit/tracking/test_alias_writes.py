"""Processes that register at once, interleaved by hand in one process; tests/race.py lets real processes race."""

import json
import time

import pytest

from digits.data import processed_tables
from digits.model.acceptance import Acceptance
from digits.tracking import alias_writes, choices, history, promotion, registry, store
from digits.tracking.alias_writes import AliasWrites
from digits.tracking.registry import CHAMPION
from tests.tracking_store import METRICS, NOTHING, registered_version
from tests.unit.tracking.test_promotion import PARAMS, splits


@pytest.fixture
def versions(versions):
    """Three versions: on the validation digits the third is the best, then the second, then the first."""
    splits([1, 2, 2, 3, 3, 3], [1, 2, 3])
    return versions


def records() -> dict:
    found = store.connect().get_registered_model(registry.NAME).tags
    return {key: json.loads(text) for key, text in found.items() if key.startswith(alias_writes.PREFIX)}


def paused(monkeypatch, name: str, action) -> None:
    """Do something once, just before the next call of a function of the registry."""
    call = getattr(registry, name)

    def pause(*arguments):
        monkeypatch.setattr(registry, name, call)
        action()
        return call(*arguments)

    monkeypatch.setattr(registry, name, pause)


def before_look(monkeypatch, number: int, action) -> None:
    """Do something just before a process looks at the others' records after its write, the `number`th time."""
    correct, calls = promotion._correct, []

    def look(*arguments):
        calls.append(arguments)
        if len(calls) == number:
            action()
        correct(*arguments)

    monkeypatch.setattr(promotion, "_correct", look)


@pytest.fixture
def newer(constant_model):
    """A function that goes back to a version on MLflow's page, then registers another model, as good as the second."""

    def go_back_and_register(version):
        registry.set_alias(CHAMPION, version)
        history.read()
        return registered_version(constant_model(2, Acceptance(min_probability=0.5)), learned=NOTHING)

    return go_back_and_register


def killed() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("step", ["champion", "set_alias"])
@pytest.mark.parametrize(("slow", "fast"), [(0, 2), (2, 0), (1, 2)])
def test_two_that_register_at_once_leave_the_better_one(versions, monkeypatch, step, slow, fast):
    """One process registers whole while the other one is paused before it reads, or before it sets, the alias."""
    decisions = {}

    def other() -> None:
        decisions[fast] = promotion.promote(versions[fast], METRICS, PARAMS)

    paused(monkeypatch, step, other)
    decisions[slow] = promotion.promote(versions[slow], METRICS, PARAMS)
    best = max(slow, fast)
    assert registry.champion().number == versions[best].number
    assert decisions[slow].champion is (slow == best)
    assert records() == {}  # removed by the last


@pytest.mark.parametrize("learned", [NOTHING, None], ids=["nothing", "unknown"])
def test_two_that_register_at_once_are_compared_on_what_neither_learned(store, constant_model, monkeypatch, learned):
    """On all validation digits the second is the better one, on those that it has not learned the first."""
    splits([1, 1, 2, 2, 2], [1, 2])
    first = registered_version(constant_model(1), learned=learned)
    second = registered_version(constant_model(2), learned=processed_tables.read_picture_hashes("validation")[2:])
    paused(monkeypatch, "set_alias", lambda: promotion.promote(first, METRICS, PARAMS))
    promotion.promote(second, METRICS, PARAMS)
    assert registry.champion().number == first.number


def test_three_at_once_leave_the_best(versions, monkeypatch):
    first, second, third = versions
    paused(monkeypatch, "set_alias", lambda: promotion.promote(third, METRICS, PARAMS))
    with alias_writes.opened(second):  # one that is about to write, too
        promotion.promote(first, METRICS, PARAMS)
        assert registry.champion().number == "3"
        assert len(records()) == 3  # an open record keeps the closed ones, which it may have to correct by


def test_what_a_person_sets_during_the_comparison_is_not_undone(versions, monkeypatch):
    first, second, third = versions
    registry.set_alias(CHAMPION, first)
    compare = promotion.compare

    def meanwhile(*arguments):
        monkeypatch.setattr(promotion, "compare", compare)
        found = compare(*arguments)
        registry.set_alias(CHAMPION, third)
        return found

    monkeypatch.setattr(promotion, "compare", meanwhile)
    decision = promotion.promote(second, METRICS, PARAMS)
    assert "version 2 stays a challenger: it was in the registry when version 3 was made champion" in decision.reason
    assert registry.champion().number == "3"


def test_what_a_person_sets_after_the_write_is_not_undone(versions, monkeypatch):
    _, second, third = versions
    registry.set_alias(CHAMPION, second)
    before_look(monkeypatch, 1, lambda: registry.set_alias(CHAMPION, second))
    decision = promotion.promote(third, METRICS, PARAMS)
    assert registry.champion().number == "2"
    assert not decision.champion
    assert "at the same time version 2 is champion" in decision.reason


def test_what_a_person_sets_is_kept_though_a_version_that_was_overwritten_is_better(versions, monkeypatch):
    first, second, third = versions
    # The third looks first, then the first, which has overwritten it.
    before_look(monkeypatch, 2, lambda: registry.set_alias(CHAMPION, second))
    paused(monkeypatch, "set_alias", lambda: promotion.promote(third, METRICS, PARAMS))
    promotion.promote(first, METRICS, PARAMS)
    assert registry.champion().number == "2"


def test_a_version_that_a_process_wrote_and_then_a_person_chose_is_kept(versions, monkeypatch):
    """Though the third, which the second has overwritten, is better."""
    _, second, third = versions

    def choose() -> None:
        for number in (1, 2):
            choices.promote(number, "")

    before_look(monkeypatch, 2, choose)  # the third looks first, then the second
    paused(monkeypatch, "set_alias", lambda: promotion.promote(third, METRICS, PARAMS))
    promotion.promote(second, METRICS, PARAMS)
    assert registry.champion().number == "2"


def test_a_rollback_to_what_a_process_has_written_is_not_undone(versions, monkeypatch):
    """Before the first process looks again, a second one has promoted a better version, and a person went back."""
    first, second, third = versions
    registry.set_alias(CHAMPION, first)

    def promote_and_go_back() -> None:
        assert promotion.promote(third, METRICS, PARAMS).champion
        registry.set_alias(CHAMPION, second)

    before_look(monkeypatch, 1, promote_and_go_back)
    assert promotion.promote(second, METRICS, PARAMS).champion
    assert registry.champion().number == "2"


def test_what_a_killed_process_wrote_does_not_come_back(versions, newer, monkeypatch):
    """Its record stays open; a person went back to the champion before, which a worse new version then replaces."""
    first, _, third = versions
    registry.set_alias(CHAMPION, first)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        before_look(patch, 1, killed)
        promotion.promote(third, METRICS, PARAMS)
    assert registry.champion().number == "3"
    assert promotion.promote(newer(first), METRICS, PARAMS).champion
    assert registry.champion().number == "4"


def test_a_version_overwritten_by_a_process_that_was_overwritten_too_comes_back(versions, monkeypatch):
    """The best is overwritten by the worst, that by the second before it has looked: it looks, and corrects both."""
    first, second, third = versions
    before_look(monkeypatch, 2, lambda: promotion.promote(second, METRICS, PARAMS))  # the look of the first version
    paused(monkeypatch, "set_alias", lambda: promotion.promote(third, METRICS, PARAMS))
    promotion.promote(first, METRICS, PARAMS)
    assert registry.champion().number == "3"


def test_an_earlier_champion_is_not_brought_back(versions, newer):
    """Version 3 was the best, and a person went back to 1: what is registered now is compared with 1 only."""
    first, _, third = versions
    with alias_writes.opened(first):  # keeps the records of the past
        promotion.promote(third, METRICS, PARAMS)
        assert promotion.promote(newer(first), METRICS, PARAMS).champion
    assert registry.champion().number == "4"


def test_a_process_killed_after_its_write_is_completed_by_the_next(versions, monkeypatch):
    """Version 1 was written over version 3, and its process was killed before it looked: its next run corrects that."""
    first, _, third = versions
    paused(monkeypatch, "set_alias", lambda: promotion.promote(third, METRICS, PARAMS))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        before_look(patch, 2, killed)  # the look of the first version
        promotion.promote(first, METRICS, PARAMS)
    assert registry.champion().number == "1"
    promotion.promote(first, METRICS, PARAMS)
    assert registry.champion().number == "3"
    assert records() == {}


def test_old_records_of_killed_processes_are_removed(versions, monkeypatch):
    AliasWrites(versions[0])  # never closed
    with alias_writes.opened(versions[1]):
        pass
    assert len(records()) == 2
    later = time.time() + history.STALE + 1
    monkeypatch.setattr(time, "time", lambda: later)
    with alias_writes.opened(versions[1]):
        pass
    assert records() == {}


def test_equal_rivals_leave_the_older_one(versions, monkeypatch):
    splits([1, 2], [1, 2])
    paused(monkeypatch, "set_alias", lambda: promotion.promote(versions[0], METRICS, PARAMS))
    promotion.promote(versions[1], METRICS, PARAMS)
    assert registry.champion().number == "1"


def test_a_write_that_comes_too_late_is_not_done_and_leaves_no_record(versions):
    first, second, third = versions
    writes = AliasWrites(second)
    registry.set_alias(CHAMPION, third)
    assert not writes.make_champion(second, first, "register", "")
    assert registry.champion().number == "3"
    assert AliasWrites(third).rivals() == set()

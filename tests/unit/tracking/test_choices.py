"""What a person promoted or rolled back, with real models in a real registry, and that `register` does not undo it."""

import pytest

from digits.errors import UserError
from digits.params import Register
from digits.tracking import choices, history, model_files, promotion, registry, store
from digits.tracking.history import CORRECTION, PROMOTE, REGISTER, ROLLBACK
from digits.tracking.registry import CHALLENGER, CHAMPION
from tests.tracking_store import METRICS, NOTHING, registered_version
from tests.unit.tracking.test_alias_writes import paused
from tests.unit.tracking.test_promotion import PARAMS, splits


@pytest.fixture
def versions(versions):
    """Three versions that were champion one after the other: each is better than those before."""
    splits([1, 2, 2, 3, 3, 3], [1, 2, 3])
    for version in versions:
        history.set_champion(version, registry.champion(), REGISTER, "better")
    return versions


def champion() -> str | None:
    found = registry.champion()
    return found and found.number


def changes() -> list[tuple]:
    return [(one.before, one.after, one.by) for one in history.read().entries]


def damage(version) -> None:
    model_files.stored(version.uri).write_bytes(b"damaged")


def roll_back() -> tuple[str, list[str]]:
    """The champion after a rollback, and what is reported."""
    reported = []
    choice = choices.roll_back("", reported.append)
    assert champion() == choice.version.number
    return choice.version.number, reported


def test_a_version_is_promoted_by_hand_and_is_no_challenger(versions):
    registry.set_alias(CHALLENGER, versions[0])
    choice = choices.promote(1, "old forms")
    assert (choice.version.number, choice.before.number, champion()) == ("1", "3", "1")
    entry = history.read().entries[-1]
    assert (entry.before, entry.after, entry.by, entry.why) == ("3", "1", PROMOTE, "old forms")
    assert registry.get_version("1").aliases == (CHAMPION,)


def test_what_cannot_be_promoted_changes_nothing(versions):
    before = changes()
    damage(versions[0])
    with pytest.raises(UserError, match=r"version 1 of the model digits can't be used|model.onnx of version 1 of"):
        choices.promote(1, "")
    with pytest.raises(UserError, match=r"version 9 .* is not in the registry at sqlite.*the highest number is 3"):
        choices.promote(9, "")
    assert (champion(), changes()) == ("3", before)


def test_who_promotes_the_champion_chooses_it_once(versions):
    for _ in range(2):
        assert choices.promote(3, "").before.number == "3"
    assert champion() == "3"
    assert changes()[-1] == ("3", "3", PROMOTE)
    assert changes()[-2] != changes()[-1]
    assert choices.against(versions[0], versions[2]).after == "3"
    assert roll_back() == ("2", [])


def test_each_rollback_goes_one_champion_further_back_and_a_promotion_goes_forward(versions):
    assert roll_back() == ("2", [])
    assert roll_back() == ("1", [])
    with pytest.raises(UserError, match=r"version 1 is champion, and .* has no earlier champion to go back to"):
        roll_back()
    choices.promote(3, "")
    assert roll_back() == ("1", [])


def test_versions_that_cannot_be_champion_are_skipped(versions):
    damage(versions[1])
    number, (line,) = roll_back()
    assert number == "1"
    assert line.startswith("version 2 is skipped: ")
    choices.promote(3, "")
    store.connect().delete_model_version(registry.NAME, "1")
    with pytest.raises(UserError, match="has no earlier champion"):
        choices.roll_back("", lambda line: None)
    assert champion() == "3"


def test_a_rollback_after_changes_on_mlflows_page_goes_back_to_what_was_before_them(versions):
    registry.set_alias(CHAMPION, versions[0])
    assert roll_back()[0] == "3"
    registry.delete_alias(CHAMPION, registry.champion())
    assert roll_back()[0] == "3"  # there was none
    assert changes()[-2:] == [("3", None, "unknown"), (None, "3", ROLLBACK)]


OTHER = [PARAMS, PARAMS.model_copy(update={"min_accuracy": 0.2})]  # the question is asked again


def register(version, params: Register = PARAMS) -> promotion.Decision:
    return promotion.promote(version, METRICS, params)


def test_register_undoes_no_rollback(versions):
    choices.roll_back("misreads 7s", print)
    for params in OTHER:
        decision = register(versions[2], params)
        assert not decision.champion
        assert "stays a challenger: it was in the registry when " in decision.reason
        assert "chose version 2 by `digits rollback` at 20" in decision.reason
        assert "(misreads 7s); `digits promote 3` makes it champion" in decision.reason
    registry.delete_alias(CHAMPION, registry.champion())
    assert not register(versions[2]).champion  # though there is none
    assert register(versions[1]).champion  # the one that was chosen


def test_register_undoes_no_promotion(versions, constant_model):
    registered_version(constant_model(4), learned=NOTHING)
    splits([1, 2, 2, 4, 4, 4, 4], [1, 2, 4])
    choices.promote(1, "")
    assert not register(registry.get_version("4")).champion  # it was there, and was never champion
    newer = registered_version(constant_model(5), learned=NOTHING)
    splits([1, 5, 5], [1, 5])
    assert register(newer).champion  # as every model that is registered later, by its gates
    assert not register(versions[1]).champion


def test_a_model_that_was_taken_back_stays_back_when_it_is_registered_once_more(versions, workspace):
    choices.roll_back("", print)
    store.connect().delete_run(versions[2].run_id)
    again = registered_version(workspace / "always_3.onnx", learned=NOTHING)
    assert again.number == "4"
    assert not register(again).champion


def test_the_history_follows_the_champion_to_a_new_version_of_the_same_model(versions, workspace):
    store.connect().delete_run(versions[2].run_id)
    registered_version(workspace / "always_3.onnx", learned=NOTHING)
    entry = history.read().entries[-1]
    assert (entry.before, entry.after, entry.why) == ("3", "4", "the same model as version 3")


@pytest.fixture
def newer(versions, constant_model):
    """A version that is better than the champion, the third."""
    splits([1, 2, 2, 3, 3, 3, 4, 4, 4, 4], [1, 2, 3, 4])
    return registered_version(constant_model(4), learned=NOTHING)


@pytest.mark.parametrize("step", ["champion", "set_alias"])
def test_what_a_person_chooses_while_a_model_is_registered_stands(newer, monkeypatch, step):
    """Also where `register` overwrites it: it has looked at the alias before, and sets it after."""
    paused(monkeypatch, step, lambda: choices.promote(1, "now"))
    decision = register(newer)
    assert champion() == "1"
    assert not decision.champion
    ended = {"champion": ("3", "1", PROMOTE), "set_alias": ("4", "1", CORRECTION)}[step]
    assert changes()[-1] == ended
    assert roll_back()[0] == "3"  # the fourth was champion for a moment


def test_a_model_that_is_registered_while_a_person_chooses_does_not_replace_the_choice(newer, monkeypatch):
    paused(monkeypatch, "set_alias", lambda: register(newer))
    choices.promote(1, "now")
    assert champion() == "1"
    assert changes()[-1] == ("3", "1", PROMOTE)
    assert registry.get_version("4").aliases == (CHALLENGER,)

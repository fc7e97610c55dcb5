"""Promotion to champion, and its reason, with a real registry."""

import numpy as np
import pytest

from digits.data import dataset
from digits.data.dataset import Digits
from digits.tracking import promotion, registry
from tests.raw import RULE, block
from tests.tracking_store import registered_version


@pytest.mark.parametrize(
    ("accuracy", "champion", "promoted", "words"),
    [
        (0.98, None, False, "its accuracy of 98.00% is below register.min_accuracy = 98.50%"),
        (0.985, None, True, "meets the floor of 98.50%, and there was no champion"),
        (0.99, 0.989, True, "beats the champion's 98.90% on the same test split"),
        (0.99, 0.99, False, "does not beat the champion's 99.00%"),
        (0.98, 0.97, False, "is below register.min_accuracy"),
    ],
)
def test_the_decision_and_its_reason(accuracy, champion, promoted, words):
    decision = promotion.decide(accuracy, floor=0.985, champion=champion)
    assert decision.champion is promoted
    assert words in decision.reason


@pytest.fixture
def versions(store, constant_model):
    """Two registered versions: the first always predicts 1, the second always 2."""
    return [registered_version(str(label) * 64, constant_model(label), accuracy="0.5") for label in (1, 2)]


def write_test_split(labels: list[int]) -> None:
    digits = Digits(np.zeros((len(labels), 28, 28), np.uint8), np.array(labels))
    dataset.write_processed([block("test", digits)], RULE)


def test_the_champion_is_scored_on_the_current_test_split(versions):
    write_test_split([1, 2, 2, 2])
    assert [promotion.current_accuracy(version) for version in versions] == [0.25, 0.75]


def test_champion_challenger_and_back(versions):
    first, second = versions
    write_test_split([1, 1, 1, 2])
    assert "version 1 is now champion" in promotion.promote(first, 0.75, floor=0.5).reason
    assert (
        "version 2 stays a challenger: its accuracy of 25.00% is below"
        in promotion.promote(second, 0.25, floor=0.5).reason
    )
    assert registry.get_version("1").aliases == ("champion",)
    assert registry.get_version("2").aliases == ("challenger",)

    write_test_split([1, 2, 2, 2])  # other test data: the champion now classifies one of four correctly
    assert "version 2 is now champion" in promotion.promote(registry.get_version("2"), 0.75, floor=0.5).reason
    assert registry.get_version("2").aliases == ("champion",)
    assert registry.get_version("1").aliases == ()
    assert promotion.promote(registry.get_version("2"), 0.75, floor=0.5).reason == "version 2 is the champion already"


def test_of_two_that_claim_at_once_the_better_one_becomes_champion(versions):
    first, second = versions
    write_test_split([1, 1, 2, 2])
    with registry.claiming(second, 0.75):  # another process is at the same point with a better one
        words = promotion.promote(first, 0.5, floor=0.5).reason
    assert words == "version 1 stays a challenger: version 2, registered at the same time, is as good or better"
    with registry.claiming(first, 0.25):  # and now with a worse one
        assert "version 2 is now champion" in promotion.promote(second, 0.75, floor=0.5).reason


def test_of_two_equals_that_claim_at_once_the_older_one_becomes_champion(versions):
    first, second = versions
    write_test_split([1, 1, 2, 2])
    with registry.claiming(first, 0.5):
        assert "version 2 stays a challenger" in promotion.promote(second, 0.5, floor=0.5).reason
    with registry.claiming(second, 0.5):
        assert "version 1 is now champion" in promotion.promote(first, 0.5, floor=0.5).reason


def test_a_version_that_became_champion_meanwhile_is_compared_too(versions, constant_model, monkeypatch):
    first, second = versions
    third = registered_version("3" * 64, constant_model(3), accuracy="0.5")
    registry.set_alias(registry.CHAMPION, first)
    write_test_split([1, 2, 2, 2])
    score, scored = promotion.current_accuracy, []

    def while_another_is_faster(champion):
        scored.append(champion.number)
        registry.set_alias(registry.CHAMPION, second)
        return score(champion)

    monkeypatch.setattr(promotion, "current_accuracy", while_another_is_faster)
    words = promotion.promote(third, 0.5, floor=0.1).reason
    assert scored == ["1", "2"]
    assert words.endswith("its accuracy of 50.00% does not beat the champion's 75.00% on the same test split")
    assert registry.champion().number == "2"


def test_an_old_claim_is_ignored(versions, monkeypatch):
    first, second = versions
    write_test_split([1, 1, 2, 2])
    with registry.claiming(second, 0.75):
        monkeypatch.setattr(registry, "CLAIM_LIFETIME", -1)
        assert "version 1 is now champion" in promotion.promote(first, 0.5, floor=0.5).reason

"""Who becomes champion, and why, with a real registry."""

import numpy as np
import pytest

from digits import dataset
from digits.dataset import Digits
from digits.errors import UserError
from pipeline import register


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
    decision = register.decide(accuracy, floor=0.985, champion=champion)
    assert decision.promoted is promoted
    assert words in decision.reason


def test_a_shipped_file_that_says_something_else_is_refused():
    register.must_agree(0.0001, bound=0.0001)
    words = r"digits\.onnx gives logits that lie up to .* from those of .* register\.max_logit_difference = 0\.0001"
    for difference in (0.00011, float("nan")):
        with pytest.raises(UserError, match=words):
            register.must_agree(difference, bound=0.0001)


@pytest.fixture
def versions(store, constant_model):
    """Two registered versions: the first always answers 1, the second always 2."""
    from digits.tracking import registry, runs

    made = []
    for label in (1, 2):
        weights = str(label) * 64
        with runs.of_weights(weights, constant_model(label)) as run_id:
            made.append(registry.register(run_id, {runs.WEIGHTS: weights, "accuracy": "0.5"}))
    return made


def write_test_split(labels: list[int]) -> None:
    dataset.write_prepared([("test", Digits(np.zeros((len(labels), 28, 28), np.uint8), np.array(labels)))])


def test_the_champion_is_judged_on_todays_test_split(versions):
    write_test_split([1, 2, 2, 2])
    assert [register.accuracy_today(version) for version in versions] == [0.25, 0.75]


def test_champion_challenger_and_back(versions):
    from digits.tracking import registry

    first, second = versions
    write_test_split([1, 1, 1, 2])
    assert "version 1 is now champion" in register.promote(first, 0.75, floor=0.5)
    assert "version 2 stays a challenger: its accuracy of 25.00% is below" in register.promote(second, 0.25, floor=0.5)
    assert registry.version("1").aliases == ("champion",)
    assert registry.version("2").aliases == ("challenger",)

    write_test_split([1, 2, 2, 2])  # the data moved on: the champion now reads one of four
    assert "version 2 is now champion" in register.promote(registry.version("2"), 0.75, floor=0.5)
    assert registry.version("2").aliases == ("champion",)
    assert registry.version("1").aliases == ()
    assert register.promote(registry.version("2"), 0.75, floor=0.5) == "version 2 is the champion already"

"""A model that misses a gate is registered, not promoted, and its tags say why; a registration takes 3 s."""

import numpy as np
import pytest

from digits import paths
from digits.evaluation.comparison import Difference
from digits.files import read_json, write_json
from digits.params import Register, load
from digits.tracking import gates, promotion, registration, registry, runs, tags
from digits.tracking.challenge import Comparison, Gate
from tests.imports import ROOT
from tests.tracking_store import METRICS

GOOD = {
    "test.accuracy": 0.99,
    "test.ece": 0.01,
    "test.coverage": 0.95,
    "auroc.worst": 0.97,
    "corruption_error.mean": 0.2,
    "font_accuracy": 0.95,
    "test.worst_slice.accuracy": 0.95,
}
# By the key of each floor: the figure of a bad model, and the reason for its refusal
BAD = {
    "min_accuracy": ("test.accuracy", 0.98, "its test accuracy of 98.00% is below register.min_accuracy = 98.50%"),
    "max_ece": ("test.ece", 0.031, "its expected calibration error of 3.10% is above register.max_ece = 2.00%"),
    "min_coverage": ("test.coverage", 0.5, "its coverage of 50.00% is below register.min_coverage = 85.00%"),
    "min_auroc": (
        "auroc.worst",
        0.8,
        "its AUROC for the worst kind of non-digit of 0.800 is below register.min_auroc = 0.950",
    ),
    "max_corruption_error": (
        "corruption_error.mean",
        0.4,
        "its mean error on corrupted digits of 40.00% is above register.max_corruption_error = 25.00%",
    ),
    "min_font_accuracy": (
        "font_accuracy",
        0.3,
        "its accuracy on digits of fonts of 30.00% is below register.min_font_accuracy = 90.00%",
    ),
    "min_worst_slice": (
        "test.worst_slice.accuracy",
        0.85,
        "its accuracy on the worst slice of 85.00% is below register.min_worst_slice = 92.00%",
    ),
}


def write_figures(figures: dict[str, float]) -> None:
    """Change figures of metrics/evaluate.json, by the keys that lead to them."""
    evaluation = read_json(paths.EVALUATION)
    for keys, value in figures.items():
        *above, last = keys.split(".")
        section = evaluation
        for key in above:
            section = section[key]
        section[last] = value
    write_json(paths.EVALUATION, evaluation)


@pytest.fixture
def register(trained_project):
    """A function that registers a good model with some figures changed; returns the decision, and the version."""

    def call(figures: dict[str, float]):
        write_figures({**GOOD, **figures})
        decision = registration.register(trained_project, tags.of_model())
        return decision, registry.get_version("1")

    return call


def test_every_floor_of_params_yaml_is_a_gate():
    bounds = [key for key in Register.model_fields if key.startswith(("min_", "max_")) and key != "min_compared"]
    assert [floor.key for floor in gates.FLOORS] == bounds == list(BAD)


@pytest.mark.parametrize("floor", gates.FLOORS, ids=lambda floor: floor.key)
def test_a_floor_that_a_model_misses_is_the_only_reason(floor):
    _, value, reason = BAD[floor.key]
    params = load(ROOT / "params.yaml").register_
    assert gates.missed({**METRICS, floor.metric: value}, [], params) == [reason]


def test_every_reason_is_in_the_tags_and_a_model_that_misses_none_is_promoted(register):
    decision, version = register({figure: value for figure, value, _ in BAD.values()})
    reasons = [reason for *_, reason in BAD.values()]
    run_tags = runs.get_run(version.run_id).data.tags
    assert version.tags["gates_missed"] == run_tags["gates_missed"] == "; ".join(reasons)
    assert run_tags["promotion"] == decision.reason == f"version 1 stays a challenger: {'; '.join(reasons)}"
    assert registry.champion() is None
    assert version.aliases == ("challenger",)
    decision, version = register({})
    assert decision.reason.endswith("it passes every gate, with a test accuracy of 99.00%, and there was no champion")
    assert (version.aliases, version.tags["gates_missed"]) == (("champion",), "none")
    decision, version = register({"test.ece": 0.5})  # evaluated anew, the champion stays
    assert "version 1 is champion: it was champion before, though its expected calibration error" in decision.reason
    assert version.tags["gates_missed"].startswith("its expected calibration error of 50.00%")


@pytest.mark.parametrize(("value", "words"), [(None, "is missing"), (float("nan"), "is no number")])
def test_a_metric_that_is_missing_or_no_number_is_a_gate_missed(value, words):
    metrics = {name: one for name, one in {**METRICS, "test_ece": value}.items() if one is not None}
    params = Register(**dict.fromkeys(BAD, 0.5), confidence=0, min_compared=2)
    reason = f"its expected calibration error, for register.max_ece = 50.00%, {words} in metrics/evaluate.json"
    assert gates.missed(metrics, [], params) == [reason]


def test_floors_and_comparisons_with_the_champion_are_missed_at_once():
    params = Register(**dict.fromkeys(BAD, 0.5), confidence=0, min_compared=2)
    worse = [Gate("test", "the test digits", 5, 0, 1 / 32), Gate("test_mnist", "the test digits of mnist", 1, 0, 0.5)]
    better = Difference(np.float64(0.1), 0.0, 0.2, 0.95, 400)
    decision = promotion.decide({**METRICS, "test_coverage": 0.1}, params, Comparison(better, worse))
    assert not decision.champion
    assert decision.missed == [
        "its coverage of 10.00% is below register.min_coverage = 50.00%",
        f"{worse[0]}, below 0.05",
    ]

"""The sections of metrics/evaluate.json, by hand for a few digits. Three seconds, most of it for imports."""

import numpy as np
import pytest

from digits.data.dataset import Digits
from digits.data.training_tables import NonDigits
from digits.evaluation import corruptions, message, summary
from digits.evaluation.certificate import Certificate
from digits.evaluation.choice import Choice
from digits.evaluation.intervals import wilson
from digits.model.acceptance import Acceptance
from digits.model.classifier import Classifier, Predictions

# Four digits of two sources: right, right, wrong and refused, right and refused
CONFIDENCE = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
PREDICTED, LABELS = np.array([3, 1, 4, 1]), np.array([3, 1, 9, 1])
SOURCES = np.array(["folder", "mnist", "mnist", "mnist"])


def predictions(score: list[float], accepted: list[bool]) -> Predictions:
    others = (1 - CONFIDENCE[: len(score), None]) / 9
    probabilities = np.where(np.arange(10) == PREDICTED[: len(score), None], CONFIDENCE[: len(score), None], others)
    return Predictions(probabilities, np.log(probabilities), np.array(score), np.array(accepted))


FOUND = predictions([-3, -2, -1, 0], [True, True, False, False])


def test_scores_of_a_split_and_of_its_sources():
    found = summary.split_scores(FOUND, LABELS, SOURCES)
    losses = -np.log([0.9, 0.8, 0.3 / 9, 0.6])
    assert (found["pictures"], found["accuracy"]) == (4, 0.75)
    assert (found["accuracy_low"], found["accuracy_high"]) == wilson(3, 4)
    assert found["log_loss"] == pytest.approx(losses.mean())
    assert min(losses) < found["log_loss_low"] < found["log_loss"] < found["log_loss_high"] < max(losses)
    assert {name: (one["pictures"], one["accuracy"]) for name, one in found["sources"].items()} == {
        "folder": (1, 1),
        "mnist": (3, pytest.approx(2 / 3)),
    }
    assert found["sources"]["mnist"]["accuracy_low"] == wilson(2, 3).low
    assert found["classes"]["1"]["f1"] == 1


def test_coverage_and_the_error_of_what_is_accepted():
    found = summary.accepted(FOUND, LABELS)
    assert (found["coverage"], found["error_when_accepted"]) == (0.5, 0)
    assert (found["error_when_accepted_low"], found["error_when_accepted_high"]) == wilson(0, 2)
    assert found["aurc"] == pytest.approx((0 + 0 + 1 / 3 + 1 / 4) / 4)
    nothing = summary.accepted(FOUND._replace(accepted=np.zeros(4, bool)), LABELS)
    assert [nothing[f"error_when_accepted{end}"] for end in ("", "_low", "_high")] == [0, 0, 1]


def test_what_is_no_digit_by_kind():
    """Blank pictures count as refused whatever their score, and have no AUROC."""
    images = np.ones((5, 28, 28), np.uint8)
    images[[2, 4]] = 0
    others = NonDigits(images, np.array(["signs", "signs", "signs", "paper", "paper"]))
    scores = Predictions(
        *np.zeros((2, 5, 10)), np.array([-0.5, 1, -9, 2, 2]), np.array([True, False, True, True, True])
    )
    found = summary.non_digits(FOUND, scores, others)
    assert found["auroc"]["signs"] == found["auroc"]["worst"] == pytest.approx((3 + 4) / 8)
    assert found["auroc"]["worst_low"] == found["auroc"]["signs_low"]
    assert "paper" not in found["auroc"]  # one score has no interval
    assert (found["refused"]["signs"], found["refused"]["paper"]) == (pytest.approx(2 / 3), 0.5)


def test_equal_scores_have_the_auroc_of_chance():
    images = np.ones((2, 28, 28), np.uint8)
    same = predictions([-1] * 4, [True] * 4)
    others = Predictions(*np.zeros((2, 2, 10)), np.array([-1.0, -1]), np.ones(2, bool))
    found = summary.non_digits(same, others, NonDigits(images, np.array(["signs", "signs"])))
    assert [found["auroc"][f"signs{end}"] for end in ("", "_low", "_high")] == [0.5, 0, 1]


def test_a_constant_model_misreads_all_but_one_label(constant_model, mnist_digits, monkeypatch):
    monkeypatch.setattr(corruptions, "CORRUPTIONS", {name: corruptions.CORRUPTIONS[name] for name in ("fog", "stripe")})
    digits = Digits(mnist_digits.images[1500:1504], np.array([3, 3, 3, 1]))
    found = summary.robustness(Classifier(constant_model(3)), digits, count=4)
    errors = found["corruption_error"]
    assert [errors[name] for name in ("stripe", "fog", "mean")] == [0.25] * 3
    assert errors["mean_low"] <= 0.25 <= errors["mean_high"]
    assert [found[f"font_accuracy{end}"] for end in ("", "_low", "_high")] == pytest.approx([0.1, *wilson(108, 1080)])


def test_the_choice_is_stated_with_what_was_asked_for():
    certificate = Certificate(0.8, 0.02, 0.01, 0.9, 50, 40, 0)
    found = summary.acceptance(Choice(Acceptance(1.5, 0.8, -2), certificate))
    assert found == {
        "temperature": 1.5,
        "min_probability": 0.8,
        "max_score": -2,
        "certified_error": 0.02,
        "certified_at": 0.9,
        "certificate_digits": 50,
        "certificate_accepted": 40,
        "certificate_errors": 0,
        "max_error_when_accepted": 0.01,
        "met": 0,
    }


def test_the_message_has_the_main_figures():
    test = summary.split_scores(FOUND, LABELS, SOURCES) | summary.accepted(FOUND, LABELS)
    evaluated = {
        "test": test | summary.confidence(FOUND, LABELS),
        "refused": {"signs": 0.9, "signs_low": 0.8, "signs_high": 1, "two_digits": 0.5, "two_digits_low": 0.4},
        "corruption_error": {"mean": 0.2},
        "font_accuracy": 0.7,
        "pages": {"difficulty_1": {"f1": 0.9}, "grids": {"cell_accuracy": 0.8}},
    }
    worst = {"slice": "class", "group": "9", "accuracy": 0.5}
    text = message.text(evaluated, Certificate(0.8, 0.02, 0.01, 0.9, 50, 40, 0), worst)
    for words in (
        "accuracy 75.00% on 4 test digits, 95 % interval 30.06% to 95.44%; folder 100.00% of 1; mnist 66.67% of 3; log",
        "accepts 50.00% of the test digits, and misreads 0.00% of these",
        "certified: at most 2.00% error among accepted digits, at 90% confidence (of 50 validation digits 40 accepted",
        "refuses 70.0% of what is no digit, least often two digits: 50.0%",
        "misreads 20.0% of corrupted digits and 30.0% of printed ones",
        "reads composed pages with an F1 of 90% (difficulty 1), and 80.0% of the cells of grids",
        "the worst slice is class: 9, with an accuracy of 50.00%",
    ):
        assert words in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= 80

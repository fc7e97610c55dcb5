"""The model card has the figures of metrics/evaluate.json, the worst ones of many, and fits MLflow. 0.1 s each."""

import copy

import numpy as np
import pytest

from digits import params, paths
from digits.data import dataset, training_tables
from digits.data.dataset import NO_DIGIT, Digits
from digits.evaluation import model_card
from digits.evaluation.certificate import Certificate
from digits.files import digest, read_json
from tests.imports import ROOT
from tests.raw import write_processed_splits

MANY = [f"{n}{'_' * 60}" for n in range(12)]  # sources with long names, all of whose characters are escaped
FEW_DIGITS = Certificate(0.97, 0.0352, 0.005, 0.9, digits=163, accepted=150, errors=2)


@pytest.fixture
def evaluated(workspace, constant_model) -> dict:
    """The committed metrics, in a workspace with a model and a few digits of the sources that they have."""
    paths.ONNX.parent.mkdir()
    paths.ONNX.write_bytes(constant_model(3).read_bytes())
    write_processed_splits(train=[0] * 9, validation=[1] * 5, test=[2] * 7)
    training_tables.write_non_digits([("train", "signs", np.zeros((4, 28, 28), np.uint8))])
    training_tables.write_page_cuts([Digits(np.zeros((5, 28, 28), np.uint8), np.array([1, 7, 7, NO_DIGIT, NO_DIGIT]))])
    return read_json(ROOT / paths.EVALUATION)


def write(evaluated: dict, certificate: Certificate = FEW_DIGITS, **changes) -> str:
    model_card.write(evaluated, certificate, params.load().train.model_copy(update=changes))
    return paths.MODEL_CARD.read_text()


def test_the_figures_are_those_of_the_evaluation(evaluated):
    card, test = write(evaluated), evaluated["test"]
    assert f"Of {test['pictures']} test digits it reads {test['accuracy']:.2%} rightly" in card
    assert "| mnist-5k | 9 | 5 | 7 |" in card
    assert "9 digits and 4 drawn pictures of no digit, and 3 digits and 2 others cut from composed pages" in card
    assert f"{evaluated['pages']['difficulty_1']['f1']:.0%}, " in card
    assert digest(paths.ONNX, "sha256") in card
    assert f"{28 * 28 * 11 + 11:,} weights" in card
    assert "epochs 11" in card and "rotation 12, " in card and "seed 0" in card
    assert "processes" not in card and "memory" not in card
    assert "stroke 0" not in card  # a parameter that is 0
    assert "don't edit" in card.splitlines()[2]


def test_equal_rates_are_in_the_order_of_the_metrics(evaluated):
    kinds = [name for name in evaluated["refused"] if "_low" not in name and "_high" not in name]
    evaluated["refused"] |= dict.fromkeys(kinds, 0.5)
    shown = "It refuses letters (50.00%), signs (50.00%), scribbles (50.00%) least"
    assert shown in write(evaluated)


def test_the_worst_rows_of_long_tables_are_shown(evaluated):
    for n, kind in enumerate(("letters", "signs", "text", "noise", "things")):
        evaluated["refused"][kind] = n / 10
    evaluated["test"]["slices"]["stroke"]["thin"] |= {"pictures": 49, "accuracy": 0.0}
    evaluated["test"]["slices"]["stroke"]["thick"] |= {"pictures": 50, "accuracy": 0.5}
    card = write(evaluated)
    rows = [line.split(" | ")[0].strip("| ") for line in card.partition("| no digit, 4 worst of 9")[2].splitlines()]
    assert rows[2:7] == ["letters", "signs", "text", "noise", ""]
    assert card.index("| stroke: thick | 50 | 50.00%") < card.index("| slant: ")
    assert "stroke: thin" not in card  # too few digits


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (FEW_DIGITS, ["at most 3.52% of accepted", "takes 460 accepted", "can't be certified with so few digits"]),
        (FEW_DIGITS._replace(digits=900, accepted=800), ["can't be certified with so many errors"]),
        (FEW_DIGITS._replace(certified_error=1.0), ["No error is certified"]),
    ],
)
def test_what_is_not_certified_is_said_with_the_reason(evaluated, certificate, words):
    assert [one for one in words if one not in write(evaluated, certificate)] == []


def test_a_certified_request_needs_no_reason(evaluated):
    assert "was asked for" not in write(evaluated, FEW_DIGITS._replace(certified_error=0.004))


def test_the_longest_card_fits_the_description_of_a_version(evaluated):
    scores = evaluated["test"]["sources"]["mnist-5k"]
    evaluated["test"]["sources"] = {name: {**scores, "accuracy": n / 100} for n, name in enumerate(MANY[1:])}
    evaluated["test"]["slices"]["size"] = {"small": copy.copy(scores)}
    evaluated["test"]["pictures"] = 1_000_000
    names = MANY * 2
    write_processed_splits(
        source=dict.fromkeys(dataset.SPLITS, names), **dict.fromkeys(dataset.SPLITS, [0] * len(names))
    )
    card = write(evaluated, convolutions=[[4096, 3, 1]] * 20)
    assert "| source, 4 worst of 12 |" in card
    assert "no test digits" not in card  # the one without is last
    assert len(card) <= 5000

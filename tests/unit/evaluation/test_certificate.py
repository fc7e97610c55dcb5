"""Certificates: the published numbers of digits, MAPIE's own controller, and how often one is wrong. Six seconds."""

import numpy as np
import pytest

from digits.evaluation import certificate
from digits.evaluation.certificate import certify, claims

UNIFORM = np.linspace(0.5, 1, 1001)  # confidences of training digits


def digits_of(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.column_stack([1 - confidence, confidence]), right.astype(int)


def certify_all(digits: int, errors: int) -> certificate.Certificate:
    """A certificate where all digits have the same confidence."""
    probabilities, labels = digits_of(np.full(digits, 0.99), np.arange(digits) >= errors)
    tested = claims(np.full(1000, 0.99), digits, 0.001, 0.9)
    return certify(probabilities, labels, np.ones(digits, bool), tested)


@pytest.mark.parametrize(("errors", "needed"), [(0, 2302), (1, 3889), (2, 5321), (3, 6679)])
def test_an_error_of_a_thousandth_takes_this_many_digits(errors, needed):
    assert certify_all(needed, errors).met
    assert not certify_all(needed - 1, errors).met
    assert certificate.digits_needed(0.001, 0.9) == 2302


def test_400_digits_without_an_error_certify_0_57_percent():
    found = certify_all(400, 0)
    assert found[1:] == (pytest.approx(0.00574, abs=5e-6), 0.001, 0.9, 400, 400, 0)
    assert str(found) == (
        "at most 0.57% error among accepted digits, at 90% confidence (of 400 validation digits 400 accepted, 0 of "
        "these misread; 0.10% takes 2,302 accepted without an error)"
    )


def test_few_digits_certify_nothing():
    found = certify_all(5, 0)
    assert (found.certified_error, found.threshold, found.met) == (1, 0, False)
    assert str(found).startswith("no error is certified (of 5 validation digits 5 accepted, 0 of these misread; 0.10%")
    assert certify_all(30, 0).certified_error < 0.1
    assert certify_all(300, 150).certified_error == 1


def test_the_coverage_is_the_largest_that_is_certified():
    """The least confident quarter of 4,000 digits has all errors: without it 1 % is certified, with much of it not."""
    confidence = np.linspace(0.5, 1, 4000)
    probabilities, labels = digits_of(confidence, (confidence > 0.625) | (np.arange(4000) % 2 == 0))
    found = certify(probabilities, labels, np.ones(4000, bool), claims(UNIFORM, 4000, 0.01, 0.9))
    assert found.met
    assert 0.6 < found.threshold < 0.625
    assert (found.accepted, found.errors) == (
        (confidence >= found.threshold).sum(),
        ((confidence >= found.threshold) & (labels == 0)).sum(),
    )


def test_a_digit_beyond_the_bound_of_its_score_is_not_accepted():
    probabilities, labels = digits_of(np.full(1000, 0.99), np.arange(1000) >= 500)
    found = certify(probabilities, labels, np.arange(1000) >= 500, claims(np.full(9, 0.99), 1000, 0.01, 0.9))
    assert (found.met, found.accepted, found.errors) == (True, 500, 0)


def test_the_claims_fall_to_the_error_asked_for_and_then_their_thresholds():
    tested = claims(UNIFORM, 4000, 0.005, 0.9)
    assert (np.diff(tested.levels) <= 0).all() and (np.diff(tested.thresholds) <= 0).all()
    assert (tested.levels[0], tested.levels[-1], tested.thresholds[0], tested.thresholds[-1]) == (0.1, 0.005, 0.75, 0)
    # where the digits are too few for that, nearly all are accepted from the start
    assert claims(UNIFORM, 100, 0.005, 0.9).thresholds[0] == pytest.approx(0.5075, abs=0.001)


def test_the_threshold_is_that_of_mapies_controller_with_the_order_kept():
    from mapie.risk_control import BinaryRisk, MultiClassificationLTTController, abstention_rate, control_fwer

    confidence = np.random.default_rng(0).uniform(0.5, 1, 3000)
    probabilities, labels = digits_of(confidence, (confidence > 0.7) | (np.arange(3000) % 20 > 0))
    tested = claims(UNIFORM, 3000, 0.01, 0.9)
    asked = tested.thresholds[tested.levels == 0.01]
    controller = MultiClassificationLTTController(
        predict_function=lambda rows: rows,
        risks=[BinaryRisk(lambda y, p: (p != y) & ~np.isnan(p), lambda y, p: ~np.isnan(p), higher_is_better=False)],
        target_level=[0.01],
        confidence_level=0.9,
        best_predict_param_choice=abstention_rate,
        list_predict_params=asked,
        classes=np.arange(2),
        fwer_method="bonferroni",  # not used: its p-values are
    ).calibrate(probabilities, labels)
    held = control_fwer(controller.p_values[:, 0], 0.1, "fixed_sequence")
    assert 10 < len(held) < len(asked)
    assert certify(probabilities, labels, np.ones(3000, bool), tested).threshold == asked[held[-1]]


def test_a_certificate_is_wrong_in_at_most_one_case_of_ten():
    """500 samples of 600 digits, whose error is known at each confidence: 4 % below 0.7, 1 % above, so that most
    claims are nearly wrong.
    """
    random, wrong = np.random.default_rng(0), 0
    tested = claims(UNIFORM, 600, 0.01, 0.9)
    for _ in range(500):
        confidence = random.uniform(0.5, 1, 600)
        right = random.random(600) > np.where(confidence < 0.7, 0.04, 0.01)
        found = certify(*digits_of(confidence, right), np.ones(600, bool), tested)
        low = max(0.7 - max(found.threshold, 0.5), 0) / (1 - max(found.threshold, 0.5))
        wrong += 0.04 * low + 0.01 * (1 - low) > found.certified_error
    assert 0.02 < wrong / 500 <= 0.1

"""Drift of counts against a reference, in words and on a page. Milliseconds each."""

import numpy as np
import pytest

from digits.data.statistics import PIXEL_COLUMNS
from digits.serving.drift import measurement
from digits.serving.drift import page as drift_page
from digits.serving.drift import reference as drift_reference
from digits.serving.drift import text as drift_text
from digits.serving.drift.measurement import DRIFTED, NOT_JUDGED, USUAL
from digits.validation.drift import chance
from tests.served_drift import PARAMS, answers, pictures, reference, training_profile

VERSION = ("3", "a" * 64)


def states(counts):
    return {one.name: one.state for one in measurement.measure(counts, VERSION, reference(), PARAMS, 0).statistics}


def test_the_reference_is_the_profile_and_the_histograms_of_the_answers():
    found = reference()
    assert found["predictions"] == {
        "label": {str(label): 10 for label in range(10)},
        "probability": {"4": 5, "11": 95},
        "outcome": {"accepted": 95, "refused": 5},
    }
    assert list(found["pictures"]) == PIXEL_COLUMNS
    assert found["missing"] == []


def test_a_profile_that_lacks_a_new_statistic_leaves_that_out():
    profile = training_profile()
    del profile["statistics"]["stroke"]
    found = drift_reference.build("1", "ab" * 32, profile, None)
    assert list(found["pictures"]) == [name for name in PIXEL_COLUMNS if name != "stroke"]


def test_answers_like_those_to_the_test_digits_are_usual_and_others_have_drifted():
    usual = states(answers(each=10))
    assert {usual[name] for name in ("label", "probability", "outcome")} == {USUAL}
    other = states(answers(each=10, labels=[1, 7], refused=60))
    assert {name: other[name] for name in ("label", "probability", "outcome")} == {
        "label": DRIFTED,
        "probability": USUAL,
        "outcome": DRIFTED,
    }


def test_the_bound_is_that_of_the_parameters_plus_what_chance_adds():
    one = next(
        one
        for one in measurement.measure(answers(2), VERSION, reference(), PARAMS, 0).statistics
        if one.name == "label"
    )
    assert one.psi == 0
    assert one.bound == pytest.approx(0.25 + chance(np.full(10, 20), np.full(10, 10)))


def test_image_statistics_are_judged_but_for_those_that_the_conversion_evens_out():
    bins = {str(len(training_profile()["statistics"]["ink"]["counts"]) - 1): 200}  # all above the training pictures
    found = states({"ink": bins, "dark_ink": bins, "extent": bins})
    assert (found["ink"], found["dark_ink"], found["extent"]) == (DRIFTED, NOT_JUDGED, NOT_JUDGED)
    assert found["stroke"] == "too few: 0 of 100 pictures"
    assert states({"ink": {"0": 99}})["ink"] == "too few: 99 of 100 pictures"


def test_an_older_version_has_what_can_be_measured_and_a_word_for_the_rest():
    found = measurement.measure(
        answers(10), VERSION, drift_reference.build("3", "a", training_profile(), None), PARAMS, 0
    )
    assert found.answered == 1000
    assert found.missing == ["its run has no predictions of the test digits"]
    assert "label" not in {one.name for one in found.statistics}
    assert "not measured: its run has no predictions of the test digits" in drift_text.format_drift(5001, found, PARAMS)


def test_the_digits_of_pages_are_shown_and_not_compared():
    counts = {**answers(10), "page outcome": {"accepted": 30, "refused": 10}, "page label": {"1": 40}}
    found = measurement.measure(counts, VERSION, reference(), PARAMS, 0)
    assert (found.answered, found.drifted) == (1000, [])
    assert "digits of pages: 40, refused 25.0%; not compared" in drift_text.format_drift(5001, found, PARAMS)


def test_the_window_begins_with_an_hour():
    assert measurement.window_start(24, 100 * 3600 + 1800.0) == 77 * 3600
    assert measurement.window_start(1, 100 * 3600 + 1800.0) == 100 * 3600


def test_the_text_has_the_state_what_drifted_first_and_what_to_do():
    text = drift_text.format_drift(
        5001, measurement.measure(answers(10, [1], 60), VERSION, reference(), PARAMS, 0), PARAMS
    )
    first, _, second, *_ = text.splitlines()
    assert first.endswith("1,000 pictures since 1970-01-01 00:00 UTC: drifted: label, outcome")
    assert second.split()[0] == "label" and second.endswith("drifted")
    assert "refused, served / test digits: 60.0% / 5.0%" in text
    assert "digits label" in text.splitlines()[-1]
    few = drift_text.format_drift(5001, measurement.measure({}, VERSION, reference(), PARAMS, 0), PARAMS)
    assert "not enough pictures to tell drift, which takes 100 of each statistic" in few
    assert "digits label" not in few


def test_the_page_is_whole_and_shows_each_statistic(tmp_path):
    found = measurement.measure(answers(10, [1], 60), VERSION, reference(), PARAMS, 0)
    drift_page.write(tmp_path / "page.html", {5001: found, 5002: found}, PARAMS)
    page = (tmp_path / "page.html").read_text()
    assert page.count("<section>") == 2 * (3 + len(PIXEL_COLUMNS))
    assert "drifted: label, outcome" in page
    assert "<script" not in page and "http" not in page


def test_what_is_said_without_enough_pictures():
    def said(counts, before=()):
        return drift_text.verdict(measurement.measure(counts, VERSION, reference(), PARAMS, 0, before), PARAMS)

    assert said(answers(10) | pictures(10)) == "no drift"
    assert said(answers(10)).startswith("no drift in label, probability, outcome; too few pictures for ink, ")
    evened_out = {name: counts for name, counts in pictures(10).items() if name in drift_reference.EVENED_OUT}
    assert said(evened_out).startswith("not enough pictures to tell drift")
    assert said({}, ["ink"]) == "drifted: ink (until measured again: ink)"
    assert said(answers(10), ["label"]).startswith("no drift in label")

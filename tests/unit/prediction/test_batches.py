"""Predictions in batches: the same as one by one, in order, on one core and on all; errors in their places."""

import numpy as np
import pytest

from digits import processes
from digits.data import pictures
from digits.model.classifier import Classifier
from digits.prediction import batches, inputs
from digits.prediction.inputs import Listing


@pytest.fixture
def folder(tmp_path, mnist_digits):
    """20 pictures of several sizes; of numbers 3 and 19 the file has none, and number 5 is blank."""
    for number, digit in enumerate(mnist_digits.images[::250]):
        shown = np.pad(255 - digit, number % 3 * 4, constant_values=255)
        data = b"text" if number in (3, 19) else pictures.encode_png(np.zeros_like(shown) if number == 5 else shown)
        (tmp_path / f"{number:02d}.png").write_bytes(data)
    return tmp_path


@pytest.mark.parametrize("jobs", ["one core", "all cores"])
def test_a_batch_has_the_digits_and_errors_of_its_pictures(folder, monkeypatch, jobs):
    monkeypatch.setattr(inputs, "BATCH_PICTURES", 8)
    monkeypatch.setattr(processes, "cpu_count", lambda: 2)
    monkeypatch.setattr(processes, "MIN_PARALLEL_WORKLOAD", 1 if jobs == "all cores" else 10**9)
    listing = Listing([str(folder)])
    decoded = list(batches.decode_batches(listing, lambda: True))
    assert [len(batch.names) for batch in decoded] == [8, 8, 4]
    assert [list(batch.errors) for batch in decoded] == [[3], [], [3]]
    assert [list(batch.blank) for batch in decoded] == [[5], [], []]
    one_by_one = [batches.decode(picture.content) for picture in listing]
    digits = np.concatenate([batch.digits for batch in decoded])
    for number, one in enumerate(one_by_one):
        assert decoded[number // 8].errors.get(number % 8) == one.error
        assert decoded[number // 8].blank.get(number % 8) == one.blank
        assert one.digit is None or np.array_equal(one.digit, digits[number])
    assert one_by_one[3].error.startswith("not a picture (4 bytes)")
    assert one_by_one[5].blank.startswith("blank")


def test_skipped_batches_are_not_decoded(folder, monkeypatch):
    monkeypatch.setattr(inputs, "BATCH_PICTURES", 8)
    (batch,) = batches.decode_batches(Listing([str(folder)]), lambda: True, skip=2)
    assert [name[-6:] for name in batch.names] == ["16.png", "17.png", "18.png", "19.png"]


@pytest.mark.parametrize(("ready", "limit", "ahead"), [(False, 100, 20), (False, 7, 7), (True, 100, 1)])
def test_pictures_are_decoded_ahead_until_the_model_is_ready(folder, monkeypatch, ready, limit, ahead):
    monkeypatch.setattr(inputs, "BATCH_PICTURES", 1)
    monkeypatch.setattr(batches, "MAX_BATCHES_AHEAD", limit)
    asked = []
    found = batches.decode_batches(Listing([str(folder)]), lambda: bool(asked.append(1) or ready))
    assert len(asked) == ahead
    assert len(list(found)) == 20


def test_predictions_are_those_of_the_model_in_order(folder, constant_model):
    (batch,) = batches.decode_batches(Listing([str(folder)]), lambda: True)
    predictions = batches.classify(batch, lambda: Classifier(constant_model(3)))
    assert [one.path for one in predictions] == batch.names
    assert [number for number, one in enumerate(predictions) if one.error] == [3, 19]
    assert predictions[0] == (batch.names[0], 3, 0.91, True, None, None, [0.01] * 3 + [0.91] + [0.01] * 6)
    assert predictions[5] == (batch.names[5], None, None, False, batch.blank[5], None, None)
    assert [one.label for one in predictions] == [None if number in (3, 5, 19) else 3 for number in range(20)]


def test_a_refused_digit_has_its_reason_and_the_best_guess(folder, constant_model):
    (batch,) = batches.decode_batches(Listing([str(folder)]), lambda: True)
    found = batches.classify(batch, lambda: Classifier(constant_model(3)), min_probability=0.95)
    assert found[0][1:5] == (3, 0.91, False, "probability 91.0% is below 95.0%")
    assert {one.accepted for one in found if one.error is None} == {False}
    assert [number for number, one in enumerate(found) if one.error] == [3, 19]


def test_a_batch_without_a_digit_needs_no_model(folder):
    paths = [str(folder / name) for name in ("03.png", "05.png", "no.png")]
    (batch,) = batches.decode_batches(Listing(paths), lambda: True)
    found = batches.classify(batch, lambda: pytest.fail("the model was asked for"))
    assert [(one.error or one.reason).split(":")[0][:13] for one in found] == [
        "not a picture",
        "blank",
        "can't be read",
    ]


def test_canonical_digits_and_missing_bytes(mnist_digits):
    digit = mnist_digits.images[0]
    assert batches.decode(digit).digit is digit
    assert batches.decode(None).error == "has no picture: its bytes are null"
    assert batches.decode(np.zeros_like(digit))[1:] == (None, None, "blank: no ink")

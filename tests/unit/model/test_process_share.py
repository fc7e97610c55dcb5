"""Several processes have the batches of one, each its part. A second."""

import numpy as np
import pytest

from digits.data import training_tables
from digits.data.dataset import NO_DIGIT, Digits
from digits.model.process_share import ProcessShare
from digits.params import load
from tests.imports import ROOT
from tests.numbered import numbered, write_table

PARAMS = load(ROOT / "params.yaml").train.model_copy(update={"batch_size": 12, "devices": 1})
ROWS = 105  # and so 8 batches, and an incomplete one


@pytest.fixture(params=["train alone", "train, what is no digit, and cuts"])
def tables(request, tmp_path):
    """The tables, and all of their digits that are trained on."""
    if request.param == "train alone":
        return [write_table(tmp_path, numbered(ROWS), 20)], numbered(ROWS)
    digits = numbered(ROWS)
    parts = [Digits(*(column[rows] for column in digits)) for rows in (slice(50), slice(50, 80), slice(80, ROWS))]
    train = write_table(tmp_path / "processed", parts[0], 20)
    others, cuts = tmp_path / "non_digits.parquet", tmp_path / "page_cuts.parquet"
    unseen = np.zeros((4, 28, 28), np.uint8)
    training_tables.write_non_digits([("test", "letter", unseen), ("train", "letter", parts[1].images)], others)
    training_tables.write_page_cuts([parts[2]], cuts)
    labels = digits.labels.copy()
    labels[50:80] = NO_DIGIT
    return [train, others, cuts], Digits(digits.images, labels)


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_parts_of_the_batches_together_are_those_of_one_process(tables, processes, monkeypatch):
    from digits.model import input_batches  # it imports Keras

    paths, digits = tables
    monkeypatch.setattr(input_batches, "BACKEND", "jax")
    with input_batches.InMemory(digits, PARAMS).epoch(3) as whole:
        rows, augmentation = whole["x"]
        wanted = digits.images[rows], augmentation, whole["y"]
    found = []
    for process in range(processes):
        with ProcessShare(paths, PARAMS, process, processes).epoch(3) as part:
            assert part["batch_size"] == 12 // processes
            found.append((*part["x"], part["y"]))
    assert len(rows) == 96
    for column, every in zip(zip(*found, strict=True), wanted, strict=True):
        batches = np.concatenate([one.reshape(8, 12 // processes, *one.shape[1:]) for one in column], axis=1)
        np.testing.assert_array_equal(batches.reshape(every.shape), every)


def test_a_process_holds_its_rows_of_the_epoch_only(tmp_path):
    part = ProcessShare([write_table(tmp_path, numbered(ROWS), 20)], PARAMS, 1, 3)
    assert part.steps == 8
    with part.epoch(0) as batches:
        assert [len(each) for each in batches["x"]] == [32, 32]


def test_another_epoch_has_another_order_and_the_same_one_the_same(tmp_path):
    part = ProcessShare([write_table(tmp_path, numbered(ROWS), 20)], PARAMS, 0, 2)

    def images(epoch):
        with part.epoch(epoch) as batches:
            return batches["x"][0]

    assert np.array_equal(images(1), images(1))
    assert not np.array_equal(images(1), images(2))

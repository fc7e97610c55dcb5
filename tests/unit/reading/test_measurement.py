"""Composed pages are read and counted by difficulty. With a model that reads everything as 3. 0.5 s."""

from itertools import count
from types import SimpleNamespace

import cv2
import numpy as np

from digits import params
from digits.data.page_orders import PageOrder
from digits.reading import measurement, reader
from digits.reading.scores import Counts, GridCounts
from tests.imports import ROOT


def wanted(**changes) -> params.Evaluate:
    return params.load(ROOT / "params.yaml").evaluate.model_copy(update=changes)


def test_each_difficulty_has_its_pages_and_a_grid_for_every_four(mnist_digits):
    orders = measurement.orders(wanted(page_difficulties=[1, 4], pages_per_difficulty=5), mnist_digits)
    kinds = [(order.difficulty, order.size) for order in orders]
    assert kinds == [(1, None)] * 5 + [(4, None)] * 5 + [(1, (9, 9))] * 2 + [(4, (9, 9))] * 2
    assert not any(order.for_training for order in orders)
    first, other = orders[:2]
    assert not np.array_equal(first.digits.images, other.digits.images)
    again = measurement.orders(wanted(), mnist_digits)[0]
    assert np.array_equal(first.compose().pixels, again.compose().pixels)


def test_what_the_model_reads_is_counted_however_slow_the_machine_is(mnist_digits, constant_model, monkeypatch):
    monkeypatch.setattr(reader, "time", SimpleNamespace(monotonic=count(0, 1000).__next__))
    model = constant_model(3)
    lines, grid = measurement.orders(wanted(page_difficulties=[1], pages_per_difficulty=1), mnist_digits)
    counts, labels = measurement.measure(model, lines), lines.compose().labels
    assert counts.right + counts.wrong_label > 0.9 * len(labels)
    assert 0 < counts.right <= (labels == 3).sum()
    cells, page = measurement.measure(model, grid), grid.compose()
    empty = 81 - len(page.labels)
    assert cells == GridCounts(1, 1, 81, empty + (page.labels == 3).sum())
    pixels = cv2.imdecode(np.frombuffer(measurement.shown(model, [lines]), np.uint8), cv2.IMREAD_COLOR)
    assert (np.ptp(pixels.astype(int), axis=2) > 90).any()  # of a box, on a page in black and white


def test_the_scores_are_of_all_pages_of_a_difficulty_and_of_all_grids():
    pages = [Counts(right=8, missed=2), Counts(right=4, extra=4, lines=2, exact_lines=1), Counts(missed=5)]
    orders = [PageOrder(difficulty, 0, None, False) for difficulty in (2, 2, 5)] + [None] * 2
    found = measurement.summary(orders, [*pages, GridCounts(1, 1, 81, 80), GridCounts(1, 0, 81, 0)])
    assert list(found) == ["difficulty_2", "difficulty_5", "grids"]
    assert found["difficulty_2"] == {"precision": 12 / 16, "recall": 12 / 14, "f1": 24 / 30, "exact_lines": 0.5}
    assert found["difficulty_5"]["f1"] == 0
    assert found["grids"] == {"grids_found": 0.5, "cell_accuracy": 80 / 162}

"""How well a model reads composed pages of digits that it was not trained on: pages and grids of each difficulty."""

import math
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from digits.data.dataset import Digits
from digits.data.page_orders import PageOrder, some_digits
from digits.model.classifier import Classifier
from digits.params import Evaluate
from digits.reading import scores
from digits.reading.annotation import drawn
from digits.reading.reader import Limits, read
from digits.reading.scores import Counts, Found, GridCounts

PAGES_PER_GRID = 4  # of lines
GRID, EMPTY = (9, 9), 0.4  # of a puzzle, and the share of its cells without a digit
SHOWN_DIFFICULTY = 3  # or the nearest to it, of the page that is shown: a usual photograph
JPEG_QUALITY = 80
NO_TIME_LIMIT = Limits(seconds=math.inf)  # else a busy machine would end the stage, or change its figures


def orders(params: Evaluate, digits: Digits) -> list[PageOrder]:
    """The pages, of these digits, difficulty by difficulty, and then the grids; the same for each model."""
    grids = math.ceil(params.pages_per_difficulty / PAGES_PER_GRID)
    return [
        PageOrder(difficulty, seed, some_digits(digits, np.random.default_rng([difficulty, seed])), False, size, EMPTY)
        for size, count in ((None, params.pages_per_difficulty), (GRID, grids))
        for difficulty in sorted(set(params.page_difficulties))
        for seed in range(count)
    ]


def measure(model: Path, order: PageOrder) -> Counts | GridCounts:
    """What this model file reads on a page."""
    page, classifier = order.compose(), Classifier(model)
    if page.grid is not None:
        found_grid = read(page.pixels, classifier, layout="grid", limits=NO_TIME_LIMIT).grid
        return scores.count_cells(found_grid, page.grid.table(page.labels))
    answered = read(page.pixels, classifier, limits=NO_TIME_LIMIT)
    boxes = np.array([digit.box for digit in answered.digits], int).reshape(-1, 4)
    labels = np.array([digit.label for digit in answered.digits], int)
    accepted = np.array([digit.accepted for digit in answered.digits], bool)
    found = Found(boxes, labels, accepted, [line for line in answered.lines if line])
    return scores.count(found, page.boxes, page.labels, page.lines())


def summary(orders: Iterable[PageOrder], counts: Iterable[Counts | GridCounts]) -> dict[str, dict[str, float]]:
    """The scores of all pages of each difficulty, `difficulty_1` and so on, and of all grids, `grids`."""
    pages: dict[str, list[Counts]] = {}
    grids = []
    for order, counted in zip(orders, counts, strict=True):
        if isinstance(counted, Counts):
            pages.setdefault(f"difficulty_{order.difficulty}", []).append(counted)
        else:
            grids.append(counted)
    by_difficulty = {name: scores.total(counted).scores() for name, counted in pages.items()}
    return {**by_difficulty, "grids": scores.total_cells(grids).scores()}


def shown(model: Path, orders: Iterable[PageOrder]) -> bytes:
    """A JPEG of the first page of a usual difficulty with what the model reads in it."""
    page = min(orders, key=lambda order: abs(order.difficulty - SHOWN_DIFFICULTY)).compose()
    pixels = drawn(page.pixels, read(page.pixels, Classifier(model), limits=NO_TIME_LIMIT))
    return cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()

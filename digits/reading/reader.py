"""From a picture to its page: the steps of reading in their order."""

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from digits.arrays import Floats, Pixels
from digits.data.picture_files import PictureError
from digits.data.stacks import DIGIT_SIZE
from digits.model.classifier import Classifier, Predictions
from digits.reading import candidates, cells, grids
from digits.reading.candidates import Candidate
from digits.reading.finding import Finding, find
from digits.reading.lattice import best_path
from digits.reading.page import Box, Digit, Page, as_box
from digits.reading.picture import MAX_PIXELS, upright_colours, upright_grey
from digits.reading.separation import separate, wholes
from digits.reading.strings import line_string, row_string, without_bare_strokes, without_words

# A page with more parts is sampled; it has digits if at least that share is one by this probability
MANY_PARTS, SAMPLED_PARTS, SURE, MIN_DIGITS = 500, 300, 0.9, 0.01


class Limits(NamedTuple):
    """A picture with more than `max_pixels` is averaged down; more digits, or more `seconds`, are an error."""

    max_pixels: int = MAX_PIXELS
    max_digits: int = 1000
    seconds: float = 20.0


DEFAULT_LIMITS = Limits()


class Deadline:
    """Raises PictureError at the first step that ends after the limit of time."""

    def __init__(self, limits: Limits) -> None:
        self._start, self._seconds = time.monotonic(), limits.seconds

    def check(self) -> None:
        if time.monotonic() - self._start > self._seconds:
            raise PictureError(
                f"takes longer than {self._seconds:g} s; cut the picture into smaller ones, scale it down, or raise "
                "the limit on seconds"
            )


def read(
    picture: bytes | np.ndarray,
    classifier: Classifier,
    *,
    layout: str = "page",
    grid: tuple[int, int] | None = None,
    min_probability: float = 0.0,
    limits: Limits = DEFAULT_LIMITS,
) -> Page:
    """The page of an encoded picture, or of (height, width) or (height, width, 3) uint8 RGB.

    `layout` is "page", "line" for a single line, or "grid" for a ruled grid, whose rows and columns `grid` fixes.
    What is less probable than `min_probability` is refused too. Raises PictureError for what can't be decoded, and
    where a limit is exceeded.
    """
    deadline = Deadline(limits)
    grey, width, height, scale = upright_grey(picture, limits.max_pixels)
    if layout == "grid":
        darkest = upright_colours(picture, limits.max_pixels).min(axis=2)  # shows rules of any colour
        crossings = grids.find_grid(darkest, grid)
        deadline.check()
        page = (
            Page(width, height, [], []) if crossings is None else _table(grey, crossings, classifier, min_probability)
        )
    else:
        page = _lines(find(grey, one_line=layout == "line"), classifier, min_probability, deadline)
    deadline.check()
    if sum(digit.accepted for digit in page.digits) > limits.max_digits:
        raise PictureError(
            f"more than {limits.max_digits:,} digits; cut the picture into smaller ones, or raise the limit on digits"
        )
    digits = [digit._replace(box=_scaled(digit.box, scale, width, height)) for digit in page.digits]
    return page._replace(width=width, height=height, digits=digits)


def _table(grey: Pixels, crossings: Floats, classifier: Classifier, min_probability: float) -> Page:
    """The digits in the cells of a grid; a digit's line and position are its cell's row and column."""
    found = cells.read_cells(grey, crossings)
    predictions = classifier.predict(found.digits, min_probability)
    reasons = classifier.refusal_reasons(predictions, min_probability)
    digits = [
        digit._replace(line=int(row), position=int(column))
        for digit, (row, column) in zip(_digits(found.boxes, predictions, reasons), found.places, strict=True)
    ]
    rows, columns = (length - 1 for length in crossings.shape[:2])
    labels = {(digit.line, digit.position): digit.label for digit in digits}
    table = [[labels.get((row, column)) for column in range(columns)] for row in range(rows)]
    strings = [row_string([digit for digit in digits if digit.line == row], columns) for row in range(rows)]
    return Page(0, 0, digits, strings, table)


def _lines(found: Finding, classifier: Classifier, min_probability: float, deadline: Deadline) -> Page:
    """The digits of all lines, and the strings of those with an accepted digit, from top to bottom."""
    digits: list[Digit] = []
    strings: list[str] = []
    chosen = _chosen(found, classifier, min_probability, deadline)
    rows = [
        without_words(
            _digits(boxes, predictions, classifier.refusal_reasons(predictions, min_probability)), line.height
        )
        for line, (boxes, predictions) in zip(found.lines, chosen, strict=True)
    ]
    for line, row in zip(found.lines, without_bare_strokes(rows), strict=True):
        if any(digit.accepted for digit in row):
            row = [digit._replace(line=len(strings), position=place) for place, digit in enumerate(row)]
            strings.append(line_string(row, line.height))
        digits += row
    return Page(0, 0, digits, strings)


def _digits(boxes: Iterable[Iterable[int]], predictions: Predictions, reasons: list[str | None]) -> list[Digit]:
    labels, shares = predictions.probabilities.argmax(axis=1), predictions.probabilities.max(axis=1)
    rows = zip(boxes, labels, shares, reasons, strict=True)
    return [
        Digit(as_box(box), int(label), float(share), reason is None, reason, None, None)
        for box, label, share, reason in rows
    ]


def _chosen(
    found: Finding, classifier: Classifier, min_probability: float, deadline: Deadline
) -> list[tuple[list[Box], Predictions]]:
    """Of each line the boxes of its digits, from left to right, and what is predicted for them."""

    def predict(groups: list[list[Candidate]]) -> list[Predictions]:
        images = candidates.images([one for group in groups for one in group])
        deadline.check()
        columns = classifier.predict(images, min_probability)
        ends = np.cumsum([len(group) for group in groups])[:-1]
        return [Predictions(*one) for one in zip(*(np.split(column, ends) for column in columns), strict=True)]

    parts = [wholes(found, line) for line in found.lines]
    everything = [part for line in parts for part in line]
    if not everything or _is_texture(everything, lambda sample: predict([sample])[0]):
        return [([], classifier.predict(np.zeros((0, DIGIT_SIZE, DIGIT_SIZE), np.uint8)))] * len(parts)
    first = predict(parts)
    sure = [np.exp(_log_probabilities(one)) for one in first]
    lattices = [separate(found, *one) for one in zip(found.lines, parts, sure, strict=True)]
    deadline.check()
    more = predict([lattice.candidates[len(one) :] for lattice, one in zip(lattices, parts, strict=True)])
    chosen = []
    for lattice, *predictions in zip(lattices, first, more, strict=True):
        both = Predictions(*(np.concatenate(pair) for pair in zip(*predictions, strict=True)))
        path = best_path(lattice.pieces, lattice.arcs, _log_probabilities(both), both.probabilities.argmax(axis=1))
        boxes = [lattice.candidates[place].box for place in path]
        chosen.append((boxes, Predictions._make(column[path] for column in both)))
    return chosen


def _is_texture(parts: list[Candidate], predict: Callable[[list[Candidate]], Predictions]) -> bool:
    """Whether hardly any of very many parts is a digit, by a sample: a bare stroke, as of a 1, is everywhere."""
    if len(parts) <= MANY_PARTS:
        return False
    rows = np.random.default_rng(0).choice(len(parts), SAMPLED_PARTS, replace=False)
    sample = predict([parts[row] for row in rows])
    digits = (_log_probabilities(sample) > np.log(SURE)) & (sample.probabilities.argmax(axis=1) != 1)
    return bool(digits.mean() < MIN_DIGITS)


def _log_probabilities(predictions: Predictions) -> Floats:
    """(n,): that each is a digit, and the one that it is most like."""
    score = np.nan_to_num(predictions.score, nan=-np.inf)
    found: Floats = np.log(np.maximum(predictions.probabilities.max(axis=1), 1e-9)) - np.logaddexp(0, score)
    return found


def _scaled(box: Box, scale: int, width: int, height: int) -> Box:
    """A box in pixels of the upright picture."""
    left, top, right, bottom = (scale * side for side in box)
    return left, top, min(right, width), min(bottom, height)

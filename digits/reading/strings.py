"""The digits of a line as a string, and which of them stand in words of letters."""

import itertools
from collections.abc import Sequence

import numpy as np

from digits.model.classifier import UNLIKE
from digits.reading.page import Digit

# A gap between digits is a space if it is wider than this share of the line's height, and so much wider than most gaps
SPACE, WIDER = 0.55, 1.8
WORD_GAP = 0.4  # of the line's height: a wider gap is between words
WORD_LETTERS = 0.5  # of the signs of a word: more that look like no digit make it one
FEW, SAME_SIZE, NEAR = 3, 1.5, 5  # parts of a page; times as high; heights away
BARE = f"{UNLIKE}: a bare stroke, and no digit of its size near it"
# A line with so many signs, of which more than this share looks like no digit, is text; a number in it has some digits
TEXT_SIGNS, TEXT_LETTERS, SHORT = 8, 0.3, 2
IN_WORD = f"{UNLIKE}: in a word of letters"


def is_no_digit(digit: Digit) -> bool:
    """Whether it is refused since it looks like no digit, not for its probability alone."""
    return digit.reason is not None and digit.reason.startswith(UNLIKE)


def without_words(row: Sequence[Digit], height: float) -> list[Digit]:
    """The digits of a line of this height; in a word, some of which looks like no digit, none is accepted.

    How much of it depends on the line: one that has many such signs is text, and letters like digits are in every word.
    """
    gaps = [right.box[0] - left.box[2] for left, right in itertools.pairwise(row)]
    starts = [0, *(place for place, gap in enumerate(gaps, 1) if gap > WORD_GAP * height), len(row)]
    is_text = len(row) >= TEXT_SIGNS and sum(map(is_no_digit, row)) > TEXT_LETTERS * len(row)
    found: list[Digit] = []
    for first, last in itertools.pairwise(starts):
        word = row[first:last]
        letters = sum(map(is_no_digit, word))
        is_word = letters > WORD_LETTERS * len(word) or (is_text and (letters > 0 or len(word) < SHORT))
        if is_word:
            word = [digit._replace(accepted=False, reason=IN_WORD) if digit.accepted else digit for digit in word]
        found += word
    return found


def without_bare_strokes(rows: Sequence[Sequence[Digit]]) -> list[list[Digit]]:
    """The lines of a page; one whose accepted digits are all 1s needs another digit of their size close to it.

    For a scratch, a fold or a piece of a rule looks like a 1. A page of a few parts may be a 1 alone.
    """
    boxes = [digit.box for row in rows for digit in row if digit.accepted and digit.label != 1]
    others = np.array(boxes).reshape(-1, 4)
    few = sum(map(len, rows)) <= FEW
    return [list(row) if few or not _only_ones(row) else [_bare(digit, others) for digit in row] for row in rows]


def _only_ones(row: Sequence[Digit]) -> bool:
    return all(digit.label == 1 for digit in row if digit.accepted)


def _bare(digit: Digit, others: np.ndarray) -> Digit:
    """The digit, refused where none of the (n, 4) other boxes is of its height and near it."""
    left, top, right, bottom = digit.box
    height = bottom - top
    gap = np.maximum(others[:, :2] - (right, bottom), (left, top) - others[:, 2:]).max(axis=1, initial=-height)
    heights = others[:, 3] - others[:, 1]
    alike = (heights < SAME_SIZE * height) & (height < SAME_SIZE * heights) & (gap < NEAR * height)
    return digit if alike.any() or not digit.accepted else digit._replace(accepted=False, reason=BARE)


def line_string(row: Sequence[Digit], height: float) -> str:
    """A line's digits with spaces, "?" for one that is refused as too improbable, without what looks like no digit."""
    kept = [digit for digit in row if not is_no_digit(digit)]
    gaps = [right.box[0] - left.box[2] for left, right in itertools.pairwise(kept)]
    usual = float(np.quantile([0, *gaps], 0.5, method="lower"))  # of one or two gaps the wider can be a space
    space = max(SPACE * height, WIDER * usual)
    signs = (str(digit.label) if digit.accepted else "?" for digit in kept)
    return "".join((" " if gap > space else "") + sign for gap, sign in zip([0, *gaps], signs, strict=False))


def row_string(row: Sequence[Digit], columns: int) -> str:
    """A row of a grid: "." for an empty cell, "?" for a refused digit."""
    labels = {digit.position: str(digit.label) if digit.accepted else "?" for digit in row}
    return "".join(labels.get(column, ".") for column in range(columns))

"""How many digits a system reads without regard to boxes, and the paired test of two systems on the same pages."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from benchmarks.ocr import Reading
from benchmarks.page_sets import Sample
from digits.reading import scores

RESAMPLES = 9999


class PageScore(NamedTuple):
    """Of a page: digits right, missed and added by alignment, right by box and label (where known), and exact lines."""

    right: int
    missed: int
    added: int
    boxes_right: int | None
    exact: int
    lines: int

    @property
    def value(self) -> float:
        """F1 by alignment, 0 to 1."""
        return f1(self.right, self.missed, self.added)


def f1(right: int, missed: int, added: int) -> float:
    """Of `right + missed` true digits and `right + added` found ones; 1 where there are none of both."""
    return 2 * right / (2 * right + missed + added) if right + missed + added else 1.0


def score_page(sample: Sample, found: Reading) -> PageScore:
    """Where the truth has no boxes, all digits of the picture are one line, in the order of the system."""
    if sample.boxes is None:
        truth, lines, boxes_right = ["".join(sample.lines)], ["".join(map(str, found.labels))], None
    else:
        truth, lines = sample.lines, in_lines(found, sample)
        rows, true_rows = scores.match(found.boxes, sample.boxes)
        boxes_right = sum(str(found.labels[row]) == "".join(truth)[at] for row, at in zip(rows, true_rows, strict=True))
    right, digits = sum(map(matched, truth, lines)), sum(map(len, truth))
    exact = sum(map(str.__eq__, truth, lines))
    return PageScore(right, digits - right, len(found.labels) - right, boxes_right, exact, len(truth))


def matched(truth: str, found: str) -> int:
    """How many digits are right in the best alignment: the length of the strings' longest common subsequence."""
    characters, lengths = np.array([*found]), np.zeros(len(found) + 1, int)
    for digit in truth:
        extended = np.maximum(lengths[1:], lengths[:-1] + (characters == digit))
        lengths[1:] = np.maximum.accumulate(extended)
    return int(lengths[-1])


def in_lines(found: Reading, sample: Sample) -> list[str]:
    """The digits found, from left to right in the lines of the truth: each in the line of the nearest true digit.

    The order in which a system reads columns or sloping lines then counts for nothing.
    """
    line = np.repeat(np.arange(len(sample.lines)), [len(one) for one in sample.lines])
    distances = np.linalg.norm(_centres(found.boxes)[:, None] - _centres(sample.boxes), axis=2)
    order = np.argsort(_centres(found.boxes)[:, 0], kind="stable")
    nearest, labels = line[distances.argmin(axis=1)][order], found.labels[order]
    return ["".join(map(str, labels[nearest == number])) for number in range(len(sample.lines))]


def p_value(ours: list[float], theirs: list[float]) -> float:
    """Two-sided, of the mean difference of two systems on the same pages: the differences change sign at random.

    Exact where there are at most RESAMPLES such changes, else by as many random ones, seeded; 1 for a single page.
    """
    if len(ours) == 1:
        return 1.0
    test = stats.permutation_test(
        (np.subtract(ours, theirs),), np.mean, permutation_type="samples", n_resamples=RESAMPLES, vectorized=True, rng=0
    )
    return float(test.pvalue)


def _centres(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2

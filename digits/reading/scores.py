"""How well the digits of pages are read: boxes with the right label, exact lines, and cells of grids.

Precision, recall and F1 are those of object detection at an IoU of 0.5 (Everingham et al. 2010, the PASCAL VOC
challenge, https://doi.org/10.1007/s11263-009-0275-4), with each box matched at most once.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from digits.arrays import Bools, Floats, Ints, Numbers

MIN_IOU = 0.5
Table = Sequence[Sequence[int | None]]  # a grid's labels, row by row; None is an empty cell


class Found(NamedTuple):
    """The n digits that a reader finds on a page: `boxes` (n, 4) pixels, `labels` (n,) int, `accepted` (n,) bool.

    A box is left, top, right, bottom; right and bottom are exclusive. `lines` are the strings of what it accepts.
    """

    boxes: Numbers
    labels: Ints
    accepted: Bools
    lines: Sequence[str] = ()


class Counts(NamedTuple):
    """Counts over pages. Each true digit is right, has a wrong label, is refused or is missed."""

    right: int = 0
    wrong_label: int = 0
    refused: int = 0  # its box is found, and not accepted
    missed: int = 0
    extra: int = 0  # accepted boxes where no digit is, or a second one on a digit
    lines: int = 0
    exact_lines: int = 0  # found with the same digits and spaces

    def scores(self) -> dict[str, float]:
        """`precision`, `recall`, `f1` and `exact_lines`, 0 to 1; a share of nothing is 1."""
        digits = self.right + self.wrong_label + self.refused + self.missed
        accepted = self.right + self.wrong_label + self.extra
        return {
            "precision": _share(self.right, accepted),
            "recall": _share(self.right, digits),
            "f1": _share(2 * self.right, accepted + digits),
            "exact_lines": _share(self.exact_lines, self.lines),
        }


class GridCounts(NamedTuple):
    """Counts over grids: those found with their true size, and the cells that are right, an empty one as None."""

    grids: int = 0
    grids_found: int = 0
    cells: int = 0
    right_cells: int = 0

    def scores(self) -> dict[str, float]:
        """`grids_found`, the share of grids, and `cell_accuracy` over the cells of all grids, 0 to 1."""
        return {
            "grids_found": _share(self.grids_found, self.grids),
            "cell_accuracy": _share(self.right_cells, self.cells),
        }


def iou(boxes: Numbers, others: Numbers) -> Floats:
    """(n, m): intersection over union of each of (n, 4) boxes with each of (m, 4), 0 to 1."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas, other_areas = (np.subtract(one[:, 2:], one[:, :2]).prod(axis=1) for one in (boxes, others))
    found: Floats = shared / np.maximum(areas[:, None] + other_areas - shared, 1)
    return found


def match(boxes: Numbers, others: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """The rows of two sets of boxes that are matched: as many pairs as possible, and of these the best IoU in sum.

    Every pair has an IoU of at least 0.5, and no box is in two pairs.
    """
    from scipy.optimize import linear_sum_assignment

    overlap = iou(boxes, others)
    possible = overlap >= MIN_IOU
    rows, columns = linear_sum_assignment(np.where(possible, len(overlap) + overlap, 0), maximize=True)
    kept = possible[rows, columns]
    return rows[kept], columns[kept]


def count(found: Found, boxes: Numbers, labels: Ints, lines: Sequence[str] = ()) -> Counts:
    """Counts of one page whose m digits have these (m, 4) `boxes` and (m,) `labels`, and whose `lines` are these."""
    accepted = np.flatnonzero(found.accepted)
    matched, truth = match(found.boxes[accepted], boxes)
    right = int((found.labels[accepted][matched] == labels[truth]).sum())
    rest = np.setdiff1d(np.arange(len(boxes)), truth)
    refused = len(match(found.boxes[~found.accepted], boxes[rest])[0])
    return Counts(
        right=right,
        wrong_label=len(truth) - right,
        refused=refused,
        missed=len(rest) - refused,
        extra=len(accepted) - len(matched),
        lines=len(lines),
        exact_lines=(Counter(found.lines) & Counter(lines)).total(),
    )


def count_cells(found: Table | None, truth: Table) -> GridCounts:
    """Counts of one grid. A refused cell counts by its best label; a grid of another size has no right cell."""
    cells = sum(len(row) for row in truth)
    if found is None or [len(row) for row in found] != [len(row) for row in truth]:
        return GridCounts(grids=1, cells=cells)
    pairs = (pair for rows in zip(found, truth, strict=True) for pair in zip(*rows, strict=True))
    right = sum(label == true for label, true in pairs)
    return GridCounts(grids=1, grids_found=1, cells=cells, right_cells=right)


def total(counts: Iterable[Counts]) -> Counts:
    """The sum over pages."""
    return Counts(*(sum(column) for column in zip(*counts, strict=True)))


def total_cells(counts: Iterable[GridCounts]) -> GridCounts:
    """The sum over grids."""
    return GridCounts(*(sum(column) for column in zip(*counts, strict=True)))


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0

"""Separating digits: of all ways to group a line's parts and to cut them, the one whose pieces are digits most surely.

Over-segmentation with a lattice and the network's scores, as for amounts on cheques (LeCun et al. 1998, section V,
https://doi.org/10.1109/5.726791; survey: Casey and Lecolinet 1996, https://doi.org/10.1109/34.506792).
"""

from typing import NamedTuple

import numpy as np

from digits.arrays import Floats, Ints

CUT_COST = 0.03  # of a piece of a part: wholes are preferred where both are as sure
BAD_PIECE, BAD_PIECE_COST = 0.8, 3.0  # a piece that is less probably a digit speaks against the cut: a letter has such
STROKE_COST = 0.1  # of a piece that is a 1: any upright stroke of another sign is
USUAL_WIDTH, WIDE_COST = 1.0, 8.0  # of the line's height: few digits are wider; for each height more


class Arc(NamedTuple):
    """A candidate for one digit that covers the pieces from `first` on, before `last`; `width` is its weight."""

    first: int
    last: int
    candidate: int
    width: float
    cut: bool


def best_path(pieces: int, arcs: list[Arc], log_probabilities: Floats, labels: Ints) -> list[int]:
    """The candidates of the arcs that cover 0 to `pieces` with the largest mean log-probability by width (Viterbi).

    `log_probabilities` and `labels` are those of all candidates: that each is a digit, and the one it is most like.
    """
    best = np.full(pieces + 1, -np.inf)
    best[0] = 0
    back: dict[int, Arc] = {}
    for arc in sorted(arcs, key=lambda one: one.first):
        value = best[arc.first] + _value(arc, log_probabilities[arc.candidate], labels[arc.candidate] == 1)
        if value > best[arc.last]:
            best[arc.last], back[arc.last] = value, arc
    path, place = [], pieces
    while place > 0:
        path.append(back[place].candidate)
        place = back[place].first
    return path[::-1]


def _value(arc: Arc, log_probability: float, is_one: bool) -> float:
    value = arc.width * (log_probability - WIDE_COST * max(0.0, arc.width - USUAL_WIDTH))
    if arc.cut:
        value -= arc.width * CUT_COST + STROKE_COST * is_one
        value -= BAD_PIECE_COST * (log_probability < np.log(BAD_PIECE))
    return float(value)

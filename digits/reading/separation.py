"""The candidates of each line: its parts, groups of close parts, and pieces of a part that may be several digits."""

from typing import NamedTuple

import numpy as np

from digits.arrays import Floats
from digits.reading import cuts
from digits.reading.candidates import Candidate, cut_out
from digits.reading.finding import Finding
from digits.reading.lattice import Arc
from digits.reading.text_lines import TextLine

GROUP_GAP = 0.15  # of the line's height: parts further apart are not of one digit
MAX_GROUP = 3  # parts of one digit
MAX_SIZE = 1.4  # of the line's height: a group or piece that is larger is not one digit
MIN_WIDE = 0.5  # of the line's height: a narrower part is not cut
MIN_HIGH = 0.5  # of the line's height: a lower part is not cut, and a lower piece is no digit
SURE = 0.95  # a part that is a digit by this probability, and no wider than one, is not cut
USUAL_WIDTH = 0.9  # of the line's height
# A line of letters is not cut: more than so many parts, of which fewer than this share are digits rather than not
FEW_PARTS, HALF, MIN_DIGITS = 4, 0.5, 0.5
MAX_WIDE = 12  # of the line's height: a wider part is no row of digits
MIN_CUT = 0.12  # of the line's height, between two cuts


class Lattice(NamedTuple):
    """How many pieces a line has from left to right, and the arcs over them, whose candidates are `candidates`."""

    pieces: int
    arcs: list[Arc]
    candidates: list[Candidate]


def wholes(found: Finding, line: TextLine) -> list[Candidate]:
    """Each part of the line by itself."""
    numbers, boxes = found.parts.numbers, found.parts.boxes
    return [
        cut_out(found.ink, found.parts.labels, numbers[one : one + 1], boxes[one], line.slope) for one in line.members
    ]


def separate(found: Finding, line: TextLine, parts: list[Candidate], probabilities: Floats) -> Lattice:
    """All ways to read a line of k parts, its `wholes`, which are digits by these (k,) probabilities."""
    arcs, candidates, starts = [], list(parts), [0]
    is_writing = len(parts) <= FEW_PARTS or (probabilities > HALF).mean() >= MIN_DIGITS
    for position, part in enumerate(parts):
        start, count = starts[-1], 1
        if is_writing and _may_be_several(part, probabilities[position], line.height):
            seams = cuts.seams(part.ink, MIN_CUT * line.height)
            count = len(seams) + 1
            for (first, last), piece in cuts.pieces(part, seams, MAX_SIZE * line.height).items():
                wide, high = (length / line.height for length in piece.size)
                if last - first < count and wide <= MAX_SIZE and high >= MIN_HIGH:
                    arcs.append(Arc(start + first, start + last, len(candidates), wide, True))
                    candidates.append(piece)
        arcs.append(Arc(start, start + count, position, part.size[0] / line.height, False))
        starts.append(start + count)
    for first, last, group in _groups(found, line):
        arcs.append(Arc(starts[first], starts[last + 1], len(candidates), group.size[0] / line.height, False))
        candidates.append(group)
    return Lattice(starts[-1], arcs, candidates)


def _may_be_several(part: Candidate, probability: float, height: float) -> bool:
    """Whether a part of a line of this height is large enough to be cut, and no digit for sure by itself."""
    wide, high = (length / height for length in part.size)
    return MIN_WIDE <= wide <= MAX_WIDE and high >= MIN_HIGH and (probability < SURE or wide > USUAL_WIDTH)


def _groups(found: Finding, line: TextLine) -> list[tuple[int, int, Candidate]]:
    """Close parts that may be one digit with broken strokes: the first and the last one's position in the line."""
    groups = []
    boxes = found.parts.boxes[line.members]
    for first in range(len(boxes)):
        for last in range(first + 1, min(first + MAX_GROUP, len(boxes))):
            members = boxes[first : last + 1]
            box = np.concatenate([members[:, :2].min(axis=0), members[:, 2:].max(axis=0)])
            gap = members[-1, 0] - members[:-1, 2].max()
            if gap > GROUP_GAP * line.height or max(box[2:] - box[:2]) > MAX_SIZE * line.height:
                break
            numbers = found.parts.numbers[line.members[first : last + 1]]
            groups.append((first, last, cut_out(found.ink, found.parts.labels, numbers, box, line.slope)))
    return groups

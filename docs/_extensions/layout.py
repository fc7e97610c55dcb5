"""Where the boxes of the diagram stand, and where its arrows pass: between boxes, and as straight as they can."""

import math
from itertools import pairwise, permutations
from random import Random

COLUMNS = 4  # of boxes: as many as a phone shows
STARTS = 8
Pair = tuple[str, str]  # who imports, and what is imported
Places = dict[str, tuple[float, int]]  # the column and row of each package


def rows(floor: list[str], pairs: list[Pair]) -> list[list[str]]:
    """A floor in rows: who imports another of the floor is above it, and who imports little above who imports much."""
    upper = [name for name in floor if any(a == name and b in floor for a, b in pairs)]
    if upper:
        return [*rows(upper, pairs), *rows([name for name in floor if name not in upper], pairs)]
    floor = sorted(floor, key=lambda name: sum(a == name for a, _ in pairs))
    length = math.ceil(len(floor) / math.ceil(len(floor) / COLUMNS))
    return [floor[start : start + length] for start in range(0, len(floor), length)]


def placed(order: list[list[str]], pairs: list[Pair]) -> Places:
    """A column for each package of these rows, such that arrows are short: the best of some random starts."""
    halves = [half / 2 for half in range(2 * COLUMNS - 1)]
    free = {
        count: [one for one in permutations(halves, count) if all(abs(a - b) >= 1 for a, b in permutations(one, 2))]
        for count in {len(names) for names in order}
    }
    random, found = Random(0), []
    for _ in range(STARTS):
        places: Places = {}
        for row, names in enumerate(order):
            places |= {name: (column, row) for name, column in zip(names, random.choice(free[len(names)]), strict=True)}
        for row, names in [*enumerate(order)] * 2:
            options = [
                places | dict(zip(names, [(one, row) for one in columns], strict=True)) for columns in free[len(names)]
            ]
            places = min(options, key=lambda option: _length(pairs, option))
        found.append(places)
    return min(found, key=lambda places: _length(pairs, places))


def routes(pairs: list[Pair], places: Places) -> dict[Pair, list[float]]:
    """The column of each arrow in every row from its start to its end; between them it passes next to boxes."""
    boxes: dict[int, list[float]] = {}
    for column, row in places.values():
        boxes.setdefault(row, []).append(column)
    return {(a, b): _route(*places[a], *places[b], boxes) for a, b in pairs}


def _route(column: float, first: int, end: float, last: int, boxes: dict[int, list[float]]) -> list[float]:
    route = [column]
    for row in range(first + 1, last):
        column += (end - column) / (last - row + 1)
        if not _is_free(column, boxes[row]):
            gaps = [box + side for box in boxes[row] for side in (-0.5, 0.5)]
            column = min((gap for gap in gaps if _is_free(gap, boxes[row])), key=lambda gap: abs(gap - column))
        route.append(column)
    return [*route, end]


def _is_free(column: float, boxes: list[float]) -> bool:
    return all(abs(box - column) >= 0.5 for box in boxes)


def _length(pairs: list[Pair], places: Places) -> float:
    return sum(abs(b - a) for route in routes(pairs, places).values() for a, b in pairwise(route))

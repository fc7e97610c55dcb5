"""The tables that compare systems on sets of pages and grids, and the document that has them."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

from benchmarks import readme
from benchmarks.ocr import tesseract_version
from benchmarks.page_scores import PageScore, f1, p_value
from benchmarks.processes import machine
from digits.reading.scores import GridCounts, total_cells

ABOUT = """\
- **Digits** is the project's model. What it accepts counts as found; in a grid the best guess for a cell does.
- **tesseract** has a whitelist of the ten digits. It reads pages in its page segmentation modes 6 (a block) and 11
  (sparse text), postal codes in mode 7 (a line), photographs of strings in all three.
- **RapidOCR** has no whitelist: of what it reads, the digits count. Its detection of upside-down lines is off.
- In grids both engines get the cells that our search finds. They read the whole page, and a digit counts for the cell
  whose centre is nearest; or they read cell by cell, cut out without rules, also with the contrast stretched from black
  to white, tesseract in mode 10 (a character).
- Of the ways of an engine the one with the best mean counts, on each set. `all` is the sum over the sets.
- **Right** are the digits that match in the best alignment of found and true strings; a wrong label is one missed and
  one added. Where boxes are known, a digit belongs to the line of the nearest true digit, so that the order of lines
  counts for nothing. **F1 by boxes** asks for an IoU of 0.5 and the label; it says little about the engines, whose
  boxes of single characters are estimates. **Exact lines** are compared without spaces; without known boxes all
  digits of a picture are one line.
- **Ours minus it** is the mean difference of the pages' F1 by alignment, or of the grids' cell accuracy, in percentage
  points; p is that of a paired permutation test. The time is the median of a picture, without its decoding.
"""
PAGE_TABLE = [
    "| pictures | digits | system | right | missed | added | F1 by alignment | F1 by boxes | exact lines "
    "| ours minus it | p | ms |",
    "|---|---:|---|" + "---:|" * 9,
]
GRID_TABLE = [
    "| pictures | cells | system | right cells | grids found | all cells right | ours minus it | p | ms |",
    "|---|---:|---|" + "---:|" * 6,
]


class Result(NamedTuple):
    """Of a system in one of its ways on a set: the score and the seconds of each picture."""

    system: str
    way: str
    scores: list[PageScore] | list[GridCounts]
    seconds: list[float]

    @property
    def values(self) -> list[float]:
        """F1 by alignment or cell accuracy of each picture, 0 to 1."""
        return [one.value if isinstance(one, PageScore) else one.right_cells / one.cells for one in self.scores]


def best(results: list[Result]) -> list[Result]:
    """Of each system the result with the highest mean score."""
    by_system: dict[str, list[Result]] = {}
    for one in results:
        by_system.setdefault(one.system, []).append(one)
    return [max(own, key=lambda one: mean(one.values)) for own in by_system.values()]


def table(sets: dict[str, list[Result]]) -> list[str]:
    """A Markdown table of the results on each set, one a system, ours first; empty where there is no set."""
    if not sets:
        return []
    systems = zip(*sets.values(), strict=True)
    together = [
        Result(own[0].system, "", [*chain(*(one.scores for one in own))], [*chain(*(one.seconds for one in own))])
        for own in systems
    ]
    header = PAGE_TABLE if isinstance(together[0].scores[0], PageScore) else GRID_TABLE
    return [*header, *chain(*(rows(name, results) for name, results in (sets | {"all": together}).items()))]


def rows(name: str, results: list[Result]) -> Iterator[str]:
    """A row for each system, ours first."""
    ours = results[0]
    for one in results:
        figures = _page_figures(one.scores) if isinstance(one.scores[0], PageScore) else _grid_figures(one.scores)
        comparison = ["", ""]
        if one is not ours:
            difference = mean(ours.values) - mean(one.values)
            comparison = [f"{100 * difference:+.1f}", f"{p_value(ours.values, one.values):.4f}"]
        system = f"{one.system}, {one.way}" if one.way else one.system
        cells = [f"{name} ({len(one.scores)})", figures[0], system, *figures[1:], *comparison]
        yield f"| {' | '.join(cells)} | {median(one.seconds) * 1000:,.0f} |"


def _page_figures(scores: list[PageScore]) -> list[str]:
    right, missed, added, exact, lines = (
        sum(getattr(one, name) for one in scores) for name in ("right", "missed", "added", "exact", "lines")
    )
    by_boxes = "–"
    if all(one.boxes_right is not None for one in scores):
        boxes = sum(one.boxes_right for one in scores)
        by_boxes = f"{f1(boxes, right + missed - boxes, right + added - boxes):.1%}"
    counts = [f"{count:,}" for count in (right + missed, right, missed, added)]
    return [*counts, f"{f1(right, missed, added):.1%}", by_boxes, f"{exact / lines:.1%}"]


def _grid_figures(counts: list[GridCounts]) -> list[str]:
    sums, whole = total_cells(counts), sum(one.right_cells == one.cells for one in counts)
    shares = [f"{count} of {sums.grids}" for count in (sums.grids_found, whole)]
    return [f"{sums.cells:,}", f"{sums.right_cells / sums.cells:.1%}", *shares]


def write(results: list[str], path: Path) -> None:
    where = machine("onnxruntime", "opencv-python-headless", "rapidocr-onnxruntime")
    measured = f"Measured by `make bench-pages` in one run on: {where}, tesseract {tesseract_version()}."
    heading = f"# Pages, compared with OCR engines\n\n{measured}"
    readme.write_page(path, "\n".join([heading, "", ABOUT, *results, ""]))

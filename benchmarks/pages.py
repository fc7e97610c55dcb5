"""How well `digits read` reads pages, postal codes and grids, compared with tesseract and RapidOCR, in one run.

    python -m benchmarks.pages [--model FILE] [--pages 20] [--only WORD …] [--data FOLDER] [--show FOLDER]

Pages, grids and codes are composed of MNIST's test digits; photographs are those of `FOLDER/pictures` and
`FOLDER/sudoku`. An engine is run in several ways, and its best one on a set counts. Prints Markdown tables, and writes
them to docs/reference/benchmarks/pages.md; with --only it measures some sets, and writes nothing. --show draws what
our model reads.
"""

import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from PIL import Image

from benchmarks import mnist, page_grids
from benchmarks.ocr import RapidOcr, Reading, Tesseract
from benchmarks.page_report import Result, best, rows, table, write
from benchmarks.page_scores import score_page
from benchmarks.page_sets import Grid, PageSet, Sample, grid_size, large_photograph, page_sets
from benchmarks.processes import DATA, ROOT, median_seconds
from digits.errors import UserError, exit_status
from digits.model.classifier import Classifier
from digits.reading import Page, read
from digits.reading.scores import count_cells

OURS = "Digits"
DOCUMENT = ROOT / "docs/reference/benchmarks/pages.md"
TIMINGS = 7


class Engines(NamedTuple):
    tesseract: Tesseract
    rapid: RapidOcr


class Way(NamedTuple):
    """A way in which a system reads a picture: its digits in reading order, or the cells of its grid."""

    system: str
    name: str
    read: Callable[[Sample], Reading | Grid | None]


def our_page(sample: Sample, layout: str, model: Classifier) -> Page:
    return read(sample.pixels, model, layout=layout, grid=grid_size(sample))


def accepted(page: Page) -> Reading:
    """The digits of a page that are accepted."""
    digits = [one for one in page.digits if one.accepted]
    boxes = np.array([one.box for one in digits], float).reshape(-1, 4)
    return Reading(boxes, *(np.array([getattr(one, name) for one in digits], int) for name in ("label", "line")))


def ways(pages: PageSet, model: Classifier, engines: Engines) -> Iterator[Way]:
    """Ours; tesseract with each page segmentation mode of the set; RapidOCR; with grids both also cell by cell."""
    tesseract, rapid = engines
    whole = {("tesseract", f"mode {mode}"): partial(tesseract.read, mode=mode) for mode in pages.modes}
    whole["RapidOCR", "whole page"] = rapid.read
    if pages.layout == "grid":
        yield Way(OURS, "", lambda sample: our_page(sample, "grid", model).grid)
        for (system, name), call in whole.items():
            yield Way(system, name, page_grids.from_page(call))
        for name, stretched in (("cell by cell", False), ("cell by cell, stretched", True)):
            yield Way("tesseract", name, page_grids.cell_by_cell(tesseract.read_cells, stretched))
            yield Way("RapidOCR", name, page_grids.cell_by_cell(rapid.read_cells, stretched))
    else:
        yield Way(OURS, "", lambda sample: accepted(our_page(sample, pages.layout, model)))
        for (system, name), call in whole.items():
            yield Way(system, name, lambda sample, call=call: call(sample.pixels))


def measure(way: Way, samples: list[Sample]) -> Result:
    scores, seconds = [], []
    for sample in samples:
        began = time.perf_counter()
        found = way.read(sample)
        seconds.append(time.perf_counter() - began)
        scores.append(count_cells(found, sample.grid) if sample.grid else score_page(sample, found))
    return Result(way.system, way.name, scores, seconds)


def timing(data: bytes, model: Classifier) -> str:
    """The time of an encoded photograph, and of its decoding alone, as a sentence."""
    decoding = median_seconds(lambda: cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), TIMINGS)
    whole = median_seconds(lambda: read(data, model), TIMINGS)
    found = sum(one.accepted for one in read(data, model).digits)
    return (
        f"A JPEG photograph of 4,000 × 3,000 pixels with 50 digits takes {1000 * whole:.0f} ms, of which "
        f"decoding takes {1000 * decoding:.0f} ms (medians of {TIMINGS}); {found} of its digits are accepted."
    )


def draw(pages: PageSet, samples: list[Sample], model: Classifier, folder: Path) -> None:
    """Write each picture with our boxes, accepted in green and refused in amber, to `folder/<set>/<picture>.png`."""
    for sample in samples:
        pixels = sample.pixels.copy()
        for digit in our_page(sample, pages.layout, model).digits:
            left, top, right, bottom = digit.box
            colour = (0, 140, 60) if digit.accepted else (240, 150, 0)
            cv2.rectangle(pixels, (left, top), (right, bottom), colour, 2)
            cv2.putText(pixels, str(digit.label), (left, top - 3), cv2.FONT_HERSHEY_SIMPLEX, 0.8, colour, 2)
        path = folder / re.sub(r"\W+", "-", pages.name) / f"{sample.name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def chosen(sets: Iterable[PageSet], words: list[str] | None) -> list[PageSet]:
    """The sets with one of the words in their name; all, where there are no words."""
    known = [*sets]
    found = [one for one in known if not words or any(word in one.name for word in words)]
    if not found:
        raise UserError(f"--only {' '.join(words)} names no set: they are {'; '.join(one.name for one in known)}")
    return found


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/digits.onnx"))
    parser.add_argument("--pages", type=int, default=20, help="pages and grids composed of each difficulty")
    parser.add_argument(
        "--only", nargs="+", metavar="WORD", help="measure only the sets with such a word in their name"
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder with pictures/sources.csv and sudoku/")
    parser.add_argument("--show", type=Path, help="folder to draw our results in")
    given = parser.parse_args()
    digits, model, engines = mnist.idx(given.mnist, "t10k"), Classifier(given.model), Engines(Tesseract(), RapidOcr())
    found: dict[str, dict[str, list[Result]]] = {"page": {}, "grid": {}}
    for pages in chosen(page_sets(digits, given.pages, given.data), given.only):
        samples = [*pages.samples()]
        results = best([measure(way, samples) for way in ways(pages, model, engines)])
        found["grid" if pages.layout == "grid" else "page"][pages.name] = results
        print(*rows(pages.name, results), sep="\n", flush=True)
        if given.show:
            draw(pages, samples, model, given.show)
    lines = [*table(found["page"]), "", *table(found["grid"]), "", timing(large_photograph(digits), model)]
    print("", *lines, sep="\n")
    if not given.only:
        write(lines, DOCUMENT)


if __name__ == "__main__":
    sys.exit(exit_status(main))

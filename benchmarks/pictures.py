"""How well a model reads pictures that people photograph, scan and draw, compared with a plain resize to 28 x 28.

    python -m benchmarks.pictures [--model FILE …] [--pictures FOLDER] [--drawn 100] [--steps docs/images/cleaning.png]

Prints a Markdown table: the accuracy on each collection of a folder (`COLLECTION/LABEL/picture.png`), and on test
digits of MNIST drawn in frames, with a thin pen and so on (`tests.drawn`). `--steps` draws what each step of the
conversion to the canonical digit does: to the first 60 pictures of the folder, or to drawn ones.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from benchmarks import mnist
from benchmarks.processes import option_parser
from digits.data import canonical, pictures, stacks
from digits.data.dataset import NO_DIGIT
from digits.data.picture_files import PictureError
from digits.model.classifier import Classifier
from tests import drawn

SHOWN = 60  # pictures of a contact sheet
CELL = 64  # pixels of each of its pictures


class Labelled(NamedTuple):
    group: str
    name: str
    label: int
    pixels: np.ndarray  # (height, width) uint8


def collections(folder: Path, labels: str = "[0-9]") -> Iterator[Labelled]:
    """The pictures of `folder/<collection>/<label>/`; one that can't be decoded is blank.

    Of the labels that match the glob pattern; one that is no number is given as NO_DIGIT.
    """
    for path in sorted(folder.glob(f"*/{labels}/*")):
        try:
            pixels = pictures.decode(path.read_bytes()).pixels
        except PictureError:
            pixels = np.zeros((28, 28), np.uint8)
        label = int(path.parts[-2]) if path.parts[-2].isdigit() else NO_DIGIT
        yield Labelled(path.parts[-3], path.name, label, pixels)


def drawn_digits(count: int) -> Iterator[Labelled]:
    """`count` digits of each kind, drawn of MNIST's test set, or of the project's own digits where it is missing."""
    images, labels = mnist.idx_or_own(mnist.FOLDER, "t10k")
    for group, kinds in drawn.GROUPS.items():
        for name, draw in kinds.items():
            random = np.random.default_rng([*name.encode()])
            for row in random.choice(len(labels), count, replace=False):
                yield Labelled(f"drawn: {group}", name, int(labels[row]), draw(images[row], random))


def resized(pixels: np.ndarray) -> np.ndarray:
    """(28, 28) uint8: what most examples do, light ink on black at 28 x 28, scaled from 0 to 255."""
    small = cv2.resize(pixels, (stacks.DIGIT_SIZE,) * 2, interpolation=cv2.INTER_AREA)
    small = 255 - small if canonical.dark_on_light(pixels[None])[0] else small
    return cv2.normalize(small, None, 0, 255, cv2.NORM_MINMAX)


def table(found: list[Labelled], models: list[Path]) -> list[str]:
    """Rows of a Markdown table: the accuracy on each group, by each model, and the misses of the last one."""
    labels, groups = np.array([one.label for one in found]), np.array([one.group for one in found])
    plain = np.stack([resized(one.pixels) for one in found])
    ready = np.stack([canonical.canonical(one.pixels[None])[0] for one in found])
    columns = {f"plain resize, {models[0]}": _labels(models[0], plain)} | {
        str(one): _labels(one, ready) for one in models
    }
    rows = [f"| pictures | number | {' | '.join(columns)} |", "|---|" + "---:|" * (1 + len(columns))]
    for group in [*dict.fromkeys(groups), "all but drawn"]:
        chosen = groups == group if group in groups else np.array(["drawn" not in one for one in groups])
        shares = [f"{(column[chosen] == labels[chosen]).mean():.1%}" for column in columns.values() if chosen.any()]
        rows.append(f"| {group} | {chosen.sum()} | {' | '.join(shares)} |")
    last = [*columns.values()][-1]
    missed = [
        f"{found[row].group}/{found[row].name}: {labels[row]} read as {last[row]}"
        for row in np.flatnonzero(last != labels)
    ]
    return [*rows, "", *(one for one in missed if not one.startswith("drawn"))]


def _labels(model: Path, digits: np.ndarray) -> np.ndarray:
    return Classifier(model).predict(digits).probabilities.argmax(axis=1)


def draw_steps(found: list[Labelled], path: Path) -> None:
    """A contact sheet, a row each: the picture, its ink after each step, and the canonical digit."""
    from matplotlib.figure import Figure

    names = ["picture", "without_paper", *(step.__name__ for step in canonical.CLEANING), "canonical"]
    sheet = np.concatenate([np.concatenate([_cell(one) for one in _steps(row.pixels)], axis=1) for row in found])
    height, width = sheet.shape
    figure = Figure(figsize=(width / 90 + 2, height / 90 + 0.5), dpi=90, layout="constrained")
    axes = figure.subplots()
    axes.imshow(sheet, cmap="gray", vmin=0, vmax=255)
    axes.set_xticks(CELL * (np.arange(len(names)) + 0.5), labels=names, fontsize=5)
    axes.set_yticks(CELL * (np.arange(len(found)) + 0.5), labels=[one.name for one in found], fontsize=7)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    figure.savefig(path, metadata={"Software": None})


def _steps(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """The picture, its ink after each step and the canonical digit, each dark on light."""
    yield pixels
    ink = canonical.ink_fractions(pixels[None])[0]
    yield 255 * (1 - ink)
    for step in canonical.CLEANING:
        ink = step(ink)
        yield 255 * (1 - ink)
    yield 255 - canonical.canonical(pixels[None])[0]


def _cell(pixels: np.ndarray) -> np.ndarray:
    """(CELL, CELL): the picture scaled to it, on grey."""
    cell = np.full((CELL, CELL), 160, np.uint8)
    scale = (CELL - 6) / max(pixels.shape)
    height, width = (max(1, round(side * scale)) for side in pixels.shape)
    shown = cv2.resize(pixels.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    top, left = (CELL - height) // 2, (CELL - width) // 2
    cell[top : top + height, left : left + width] = shown
    return cell


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--model", type=Path, nargs="*", default=[Path("models/digits.onnx")])
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--drawn", type=int, default=100, help="digits of each kind")
    parser.add_argument("--steps", type=Path, help="draw a contact sheet to this file instead")
    options = parser.parse_args()
    brought = [*collections(options.pictures)] if options.pictures else []
    if options.steps:
        every = max(1, len(brought) // SHOWN)
        draw_steps([*islice(brought[::every] or drawn_digits(1), SHOWN)], options.steps)
    else:
        print("\n".join(table([*brought, *drawn_digits(options.drawn)], options.model)))


if __name__ == "__main__":
    main()

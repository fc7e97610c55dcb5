"""What the expectations catch and what they cost, by kind of picture: prints a table in Markdown.

    python -m benchmarks.expectations [--pictures 200] [--shared FOLDER]

Each kind is checked with the bounds of params.yaml, among the 5,000 digits that come with the project; without the
shared folder, only the kinds made here are. Pictures that show no digit are labelled 0 to 9 in turn. `ink_colour` is
left out: it compares the pictures of one folder.
"""

import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pandas as pd
import sklearn

from benchmarks import mnist
from benchmarks.processes import DATA, ROOT, option_parser
from digits import params
from digits.data import pictures
from digits.data.statistics import compute_statistics
from digits.validation.findings import add_findings
from digits.validation.run import check
from digits.validation.suite import DRIFT_EXPECTATIONS
from digits.validation.table import PandasTable
from tests import kinds

BOUNDS = params.load(ROOT / "params.yaml").validate_.expectations
NO_DRIFT = {one.column: 0.0 for one in DRIFT_EXPECTATIONS}
HONEST = ("scans-binary", "canvas", "tablet-chars74k", "photos", "form-cells-framed", "crops28", "printed")
Labelled = tuple[bytes, int]  # an encoded picture and its label


def encoded(pixels: Iterable[np.ndarray], labels: Sequence[int] | None = None) -> Iterator[Labelled]:
    for number, picture in enumerate(pixels):
        yield pictures.encode_png(np.ascontiguousarray(picture)), number % 10 if labels is None else labels[number]


def made_kinds(images: np.ndarray, labels: np.ndarray, count: int) -> dict[str, Callable[[], Iterable[Labelled]]]:
    """The kinds made here, each a function that makes its pictures."""
    random = np.random.default_rng(0)
    some = random.permutation(len(images))[:count]
    sample, of = images[some], labels[some]

    def many(make: Callable[..., np.ndarray], *arguments: int) -> Callable[[], Iterable[Labelled]]:
        return lambda: encoded(make(random, *arguments) for _ in range(count))

    return {
        "scans of 280 pixels, pen of 10": lambda: encoded(kinds.thin_pen(sample, 280, 10), of),
        "scans of 500 pixels, pen of 3": lambda: encoded(kinds.thin_pen(sample, 500, 3), of),
        "digits cut to their ink, 16 × 16": lambda: encoded(kinds.tight(sample), of),
        "**blank**, 64 pixels": many(lambda random: np.full((64, 64), random.integers(256), np.uint8)),
        **{f"**Gaussian noise**, {side} pixels": many(kinds.gaussian_noise, side) for side in (28, 60, 200)},
        **{f"**salt and pepper**, {side} pixels": many(kinds.salt_and_pepper, side) for side in (28, 60, 200)},
        "**text**, 300 pixels, 12 high": many(kinds.text_page, 300, 12),
        "**text**, 300 pixels, 40 high": many(kinds.text_page, 300, 40),
        "**text**, 28 pixels, 9 high": many(kinds.text_page, 28, 9),
        "**photographs** of scenes and a person": lambda: encoded(crops(random, library_photographs(), 28, count)),
    }


def library_photographs() -> list[np.ndarray]:
    """Photographs that come with scikit-learn and Matplotlib."""
    scenes = [Path(sklearn.__file__).parent / "datasets" / "images" / f"{name}.jpg" for name in ("china", "flower")]
    person = Path(matplotlib.get_data_path()) / "sample_data" / "grace_hopper.jpg"
    return [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (*scenes, person)]


def crops(random: np.random.Generator, photographs: list[np.ndarray], least: int, count: int) -> Iterator[np.ndarray]:
    for number in range(count):
        yield kinds.crop(random, photographs[number % len(photographs)], least)


def shared_kinds(shared: Path, count: int) -> dict[str, Callable[[], Iterable[Labelled]]]:
    """The collections of the shared folder, those that it has."""
    random = np.random.default_rng(1)

    def collection(name: str) -> Callable[[], Iterable[Labelled]]:
        files = sorted(path for path in (shared / "pictures" / name).rglob("*") if path.is_file())
        named = [int(path.parent.name) if path.parent.name.isdigit() else number for number, path in enumerate(files)]
        return lambda: ((path.read_bytes(), label % 10) for path, label in zip(files, named, strict=True))

    def newspapers() -> Iterable[Labelled]:
        found = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in sorted((shared / "sudoku").glob("*.jpg"))]
        return encoded(crops(random, found, 150, count))

    def omniglot() -> Iterable[Labelled]:
        with zipfile.ZipFile(shared / "omniglot_small1.zip") as archive:
            names = [name for name in archive.namelist() if name.endswith(".png")]
            return [(archive.read(name), number % 10) for number, name in enumerate(random.choice(names, count, False))]

    return {
        **{f"`{name}`": collection(name) for name in HONEST},
        **{f"**`{name}`**": collection(name) for name in ("not-digits", "many-digits")},
        "**newspapers** with many digits": newspapers,
        "**Omniglot's signs**": omniglot,
    }


def statistics(examples: Iterable[Labelled]) -> pd.DataFrame:
    data, labels = zip(*examples, strict=True)
    rows = pd.DataFrame({"split": "train", "row": range(len(data)), "path": "picture", "label": labels})
    return rows.assign(name="").join(compute_statistics(data))


def row(kind: str, base: pd.DataFrame, examples: Iterable[Labelled]) -> str:
    """The table's row of a kind: how many pictures fail a critical expectation, or else a warning, and which."""
    table = pd.concat([base, statistics(examples)], ignore_index=True)
    table["row"] = table.index
    count = len(table) - len(base)
    found = PandasTable(add_findings(table, BOUNDS.ink_colour.max, BOUNDS.no_near_leak.min, BOUNDS.class_typical.max))
    with tempfile.TemporaryDirectory() as folder:
        results = check(found, NO_DRIFT, BOUNDS, Path(folder) / "docs")
    failing: dict[bool, set[int]] = {True: set(), False: set()}
    by: Counter[str] = Counter()
    for result in (one for one in results if one.name != "ink_colour"):
        rows = set(found.failing([result.condition])["row"]) - set(base["row"]) if result.condition else set()
        failing[result.critical] |= rows
        by[f"`{result.name}`" if result.critical else result.name] += len(rows)
    critical, warned = len(failing[True]), len(failing[False] - failing[True])
    words = ", ".join(f"{name} {100 * failed / count:.0f}" for name, failed in by.most_common(5) if failed)
    return f"| {kind} | {count} | {100 * critical / count:.1f} % | {100 * warned / count:.1f} % | {words} |"


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--pictures", type=int, default=200, help="of each kind made here")
    parser.add_argument("--shared", type=Path, default=DATA, help="folder of collections")
    options = parser.parse_args()
    images, labels = mnist.own()
    base = statistics(encoded(images, labels))
    chosen = made_kinds(images, labels, options.pictures)
    if options.shared.is_dir():
        chosen |= shared_kinds(options.shared, options.pictures)
    print("| pictures (bold: no digit, or several) | number | quarantined | warned | % by expectation |")
    print("|---|---|---|---|---|")
    for kind, make in chosen.items():
        print(row(kind, base, make()), flush=True)


if __name__ == "__main__":
    main()

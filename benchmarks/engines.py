"""The data stages on pandas and on Spark, by number of pictures: time, memory, and how the cost grows, in one run.

    python -m benchmarks.engines [--sizes 70000 500000 2000000] [--folder FOLDER]

Makes pictures in Parquet files, MNIST's digits each rotated, sheared, stretched and bent at random, so that no two are
nearly the same; then runs ingest, validate and preprocess on them with each engine, in a clone of the last commit in a
temporary folder (some 12 GB for two million). Writes docs/reference/benchmarks/engines.md, and its figures in
README.md. Without the four MNIST files it starts from the 5,000 digits that come with the project.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise, product, starmap, zip_longest
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import least_squares
from tabulate import tabulate

from benchmarks import mnist, readme
from benchmarks.processes import ROOT, clone, machine, measure, set_params
from digits.data.dataset import Digits

REPORT = ROOT / "docs/reference/benchmarks/engines.md"
STAGES = ("ingest", "validate", "preprocess")
ENGINES = ("pandas", "spark")
SIDE = 36  # pixels: the pictures have a margin, so that none is canonical already
IN_A_FILE = 50_000
SCHEMA = pa.schema({"image": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "label": pa.int64()})
BEND = 1.2  # pixels, root mean square: as far as no near duplicate is left, and a digit is still one
PLACES = (np.mgrid[:SIDE, :SIDE][::-1] - SIDE / 2).reshape(2, -1)  # across and down, of each pixel

Row = dict[str, float | int | str]


class Piece(NamedTuple):
    """A file of the pictures from number `first` on, up to `last`, exclusive."""

    first: int
    last: int

    @property
    def name(self) -> str:
        return f"{self.first:08d}-{self.last:08d}.parquet"


def pieces(count: int) -> Iterator[Piece]:
    """The files of the first `count` pictures."""
    return starmap(Piece, pairwise([*range(0, count, IN_A_FILE), count]))


def varied(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(36, 36) uint8: a 28 x 28 digit, turned, sheared, stretched, bent and drawn thinner or thicker at random."""
    turn, slant = np.radians(random.uniform(-15, 15, 2))
    across, down = random.uniform(0.85, 1.15, 2)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    matrix = np.linalg.inv(matrix @ np.array([[across, np.tan(slant)], [0, down]]))
    field = cv2.resize(random.normal(0, BEND, (5, 5, 2)), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    source = (matrix @ PLACES).reshape(2, SIDE, SIDE) + 14 + field.transpose(2, 0, 1)
    picture = cv2.remap(image, *source.astype(np.float32), cv2.INTER_LINEAR)
    return cv2.LUT(picture, (np.linspace(0, 1, 256) ** np.exp(random.uniform(-0.3, 0.3)) * 255).astype(np.uint8))


def make(path: Path, digits: Digits, first: int, last: int) -> None:
    """Write pictures `first` to `last` to a file, each from another digit as long as there are any."""
    random = np.random.default_rng([1, first])
    cv2.setNumThreads(1)
    with pq.ParquetWriter(path, SCHEMA) as writer:
        for start in range(first, last, 1000):
            numbers = range(start, min(start + 1000, last))
            which = [number % len(digits.labels) for number in numbers]
            encoded = [cv2.imencode(".png", varied(digits.images[one], random))[1].tobytes() for one in which]
            pictures = [{"bytes": data, "path": f"{n:08d}.png"} for n, data in zip(numbers, encoded, strict=True)]
            writer.write_table(
                pa.table({"image": pictures, "label": digits.labels[which].astype(np.int64)}, schema=SCHEMA)
            )


def make_all(folder: Path, digits: Digits, count: int) -> None:
    """Files of the first `count` pictures; those that are there already are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor() as pool:
        missing = [one for one in pieces(count) if not (folder / one.name).exists()]
        for future in [pool.submit(make, folder / one.name, digits, one.first, one.last) for one in missing]:
            future.result()


def choose(folder: Path, project: Path, count: int, engine: str) -> None:
    """Link the files of the first `count` pictures into a clone of the project, and choose them and an engine there."""
    chosen = project / "data" / "external" / "parquet"
    shutil.rmtree(chosen, ignore_errors=True)
    chosen.mkdir(parents=True)
    for one in pieces(count):
        (chosen / one.name).hardlink_to(folder / one.name)
    set_params(project, engine=engine, ingest={"sources": ["parquet"]}, validate={"on_bad_rows": "quarantine"})


def stages(project: Path, engine: str, count: int) -> list[Row]:
    """Run the stages; returns a row for each, and prints it."""
    rows: list[Row] = []
    for name in STAGES:
        seconds, memory = measure(sys.executable, "-m", f"pipeline.{name}", cwd=project)
        rows.append({"engine": engine, "pictures": count, "stage": name, "seconds": seconds, "memory": memory})
        speed = count / seconds
        print(f"{engine:7s} {count:10,d} {name:11s} {seconds:8.1f} s {memory:8,.0f} MiB {speed:8,.0f}/s", flush=True)
    return rows


def same(folders: dict[str, Path]) -> str:
    """Whether both engines wrote the same: every table below data/, every text there, and the verdict."""
    one, other = folders.values()
    names = sorted(_outputs(one) | _outputs(other))
    wrong = [name for name in names if not _same_output(one / name, other / name)]
    return f"differ: {', '.join(wrong)}" if wrong else f"the same content of {len(names)} tables and texts"


def _outputs(folder: Path) -> set[str]:
    """The tables, and the other files, that the stages wrote; a table may be a folder."""
    data = (folder / "data" / name for name in ("raw", "interim", "processed"))
    found = [path.relative_to(folder) for one in data for path in one.rglob("*")]
    inside = {path for path in found if any(parent.suffix == ".parquet" for parent in path.parents)}
    kept = {path for path in set(found) - inside if path.suffix == ".parquet" or (folder / path).is_file()}
    return {path.as_posix() for path in kept} | {"metrics/validate.json"}


def _same_output(one: Path, other: Path) -> bool:
    from digits.data import shards

    if not (one.exists() and other.exists()):
        return False
    if one.suffix == ".parquet":
        return _equal(shards.files(one), shards.files(other))
    return one.read_bytes() == other.read_bytes()


def _equal(one: list[str], other: list[str]) -> bool:
    """Whether two tables have the same rows, compared a batch at a time."""
    both = [_batches(files) for files in (one, other)]
    return all(a is not None and b is not None and a.equals(b) for a, b in zip_longest(*both))


def _batches(files: list[str]) -> Iterator[pa.Table]:
    """The rows in batches of one size, whatever their files."""
    rest: list[pa.Table] = []
    for file in files:
        for batch in pq.ParquetFile(file).iter_batches():
            rest.append(pa.Table.from_batches([batch]).replace_schema_metadata())
            joined = pa.concat_tables(rest)
            whole = joined.num_rows // IN_A_FILE * IN_A_FILE
            yield from (joined.slice(start, IN_A_FILE) for start in range(0, whole, IN_A_FILE))
            rest = [joined.slice(whole)]
    yield pa.concat_tables(rest)


def growth(rows: list[Row]) -> np.ndarray:
    """(3,): t, c and a of seconds = t + c * millions ** a, by least squares of the relative errors, of three sizes."""
    pictures, seconds = (np.array([float(row[name]) for row in rows]) for name in ("pictures", "seconds"))
    millions = pictures / 1e6

    def errors(values: np.ndarray) -> np.ndarray:
        t, c, a = values
        return (t + c * millions**a) / seconds - 1

    start = seconds[0] / 2, seconds[-1] / millions[-1], 1
    return least_squares(errors, start, bounds=(0, np.inf), x_scale="jac").x


def growth_table(rows: list[Row], cores: int) -> list[str]:
    """How the cost of each stage grows, as Markdown."""
    fitted = []
    for engine, stage in product(ENGINES, STAGES):
        t, c, a = growth([row for row in rows if (row["engine"], row["stage"]) == (engine, stage)])
        fitted.append([engine, stage, f"{t:.1f}", f"{c * cores:,.0f}", f"{a:.2f}"])
    return [
        "\nHow the cost grows: seconds = t + c / cores x (millions of pictures)^a, fitted to these sizes by least "
        "squares of the relative errors. t is what any number costs, such as the start of Spark; a = 1 is linear.\n",
        tabulate(fitted, ["engine", "stage", "t, s", "c, core s", "a"], tablefmt="pipe", disable_numparse=True),
    ]


def report(rows: list[Row], equal: dict[int, str]) -> str:
    """The page: a row for each engine, size and stage, and how the cost grows."""
    cores = os.cpu_count() or 1
    table = [
        [
            row["engine"],
            f"{row['pictures']:,}",
            row["stage"],
            f"{row['seconds']:.1f}",
            f"{float(row['pictures']) / float(row['seconds']):,.0f}",
            f"{float(row['seconds']) * cores / float(row['pictures']) * 1e6:,.0f}",
            f"{row['memory']:,.0f}",
        ]
        for row in rows
    ]
    headers = ["engine", "pictures", "stage", "s", "pictures/s", "core s per million", "peak memory, MiB"]
    return "\n".join(
        [
            "# The data stages on pandas and on Spark\n",
            f"`python -m benchmarks.engines` wrote this page: {machine()}. Both engines use all cores of this machine; "
            f"core seconds are seconds of wall time x {cores} cores, idle or not. The memory is that of all processes "
            "together, and pages that they share count for each.\n",
            tabulate(table, headers, tablefmt="pipe", colalign=("left", "right", "left", *["right"] * 4)),
            *(growth_table(rows, cores) if len(equal) > 2 else []),
            "",
            *(f"- {count:,} pictures: {words}." for count, words in equal.items()),
            "",
        ]
    )


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[70_000, 500_000, 2_000_000], help="pictures")
    parser.add_argument("--folder", help="where to make the temporary folder; default: the system's")
    options = parser.parse_args()
    digits = mnist.idx_or_own(options.mnist, "train")
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        clones = {engine: clone(folder / engine) for engine in ENGINES}
        rows: list[Row] = []
        equal = {}
        for count in options.sizes:
            make_all(folder / "pictures", digits, count)
            for engine, project in clones.items():
                choose(folder / "pictures", project, count, engine)
                rows += stages(project, engine, count)
            equal[count] = same(clones)
            print(f"{count:,} pictures: {equal[count]}", flush=True)
            REPORT.write_text(report(rows, equal))
    readme.main()
    print(f"see {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()

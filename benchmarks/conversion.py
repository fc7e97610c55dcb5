"""The speed of decoding and normalising pictures on all cores, compared with a loop in Pillow on one.

    python -m benchmarks.conversion [--pictures 70000] [--folder FOLDER]

The pictures are those of `benchmarks.engines`, none canonical already, ingested in a clone of the last commit in a
temporary folder.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import chdir
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks import engines, mnist
from benchmarks.processes import clone, machine
from digits import processes
from digits.data import raw_tables
from digits.data.conversion import Selection, convert

ROUNDS = 3


def with_pillow(data: bytes) -> np.ndarray:
    """The usual way to convert a picture to MNIST's form: one at a time, with Pillow."""
    image = Image.open(BytesIO(data)).convert("L")
    if np.median(np.asarray(image)[0]) > 127:
        image = ImageOps.invert(image)
    image = image.crop(image.getbbox())
    scale = 20 / max(image.size)
    size = [max(1, round(side * scale)) for side in image.size]
    image = image.resize(size, Image.Resampling.BICUBIC)
    pixels = np.asarray(image, dtype=float)
    y, x = (np.indices(pixels.shape) * pixels).sum(axis=(1, 2)) / pixels.sum()
    sheet = Image.new("L", (28, 28))
    sheet.paste(image, (round(14 - x), round(14 - y)))
    return np.asarray(sheet)


def compare() -> None:
    """Convert the pictures of data/raw with the stage's function, and with the Pillow loop."""
    groups = raw_tables.row_groups()
    encoded = [example.data for group in groups for example in raw_tables.read_row_group(group)]
    selections = [Selection(group, np.zeros(0, int)) for group in groups]
    workload = raw_tables.workload(groups)
    times: dict[str, list[float]] = {"Pillow loop": [], "Digits": []}
    for _ in range(ROUNDS):
        for name, run in {
            "Pillow loop": lambda: [with_pillow(data) for data in encoded],
            "Digits": lambda: list(processes.parallel_map(convert, selections, workload)),
        }.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    for name, taken in times.items():
        each = ", ".join(f"{seconds:.1f}" for seconds in taken)
        print(f"{name:12s} {len(encoded) / statistics.median(taken):10,.0f} pictures/s (median of {each} s)")
    ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
    print(f"decoding and normalising {len(encoded):,} pictures: {ratio:.1f} times as fast as the Pillow loop")


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--pictures", type=int, default=70_000)
    parser.add_argument("--folder", help="where to make the temporary folder; default: the system's")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        made, project = Path(folder, "pictures"), clone(Path(folder, "digits"))
        engines.make_all(made, mnist.idx_or_own(options.mnist, "train"), options.pictures)
        engines.choose(made, project, options.pictures, "pandas")
        subprocess.run([sys.executable, "-m", "pipeline.ingest"], cwd=project, check=True)
        with chdir(project):
            compare()


if __name__ == "__main__":
    main()

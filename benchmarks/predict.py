"""Time of `digits predict`: one picture, 1,000 of 28 x 28 pixels, and photographs, with the share of their decoding.

    python -m benchmarks.predict [--photographs 100]

Needs a champion. The photographs are JPEGs of 12 megapixels, a digit on noisy paper.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import mnist
from benchmarks.processes import ROOT, measure, option_parser
from digits.data import pictures

DIGITS = str(Path(sys.executable).with_name("digits"))
ROUNDS = 5
CALLS = 20  # of a function in a row


def make_small(folder: Path, count: int) -> None:
    images = mnist.own().images
    for number in range(count):
        (folder / f"{number:04d}.png").write_bytes(pictures.encode_png(images[number * 5 % len(images)]))


def make_photographs(folder: Path, count: int) -> None:
    random = np.random.default_rng(0)
    paper = random.normal(200, 8, (3000, 4000, 3))
    digit = Image.fromarray(mnist.own().images[3600]).resize((1400, 1400))
    paper[800:2200, 1300:2700] -= np.asarray(digit)[:, :, None] * 0.6
    Image.fromarray(paper.clip(0, 255).astype(np.uint8)).save(folder / "0000.jpg", quality=90)
    for number in range(1, count):
        (folder / f"{number:04d}.jpg").hardlink_to(folder / "0000.jpg")


def seconds(folder: Path, rounds: int = ROUNDS) -> tuple[float, float]:
    """The median time of the command on a folder, and its peak memory in MiB."""
    runs = [measure(DIGITS, "predict", str(folder), "--out", f"{folder}.csv", cwd=ROOT) for _ in range(rounds)]
    return statistics.median(time for time, _ in runs), max(memory for _, memory in runs)


def cpu_ms(function: Callable[[], object]) -> float:
    """The CPU time of a call, in ms."""
    function()
    began = time.process_time()
    for _ in range(CALLS):
        function()
    return (time.process_time() - began) / CALLS * 1000


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--photographs", type=int, default=100)
    photographs = parser.parse_args().photographs
    print(f"{os.cpu_count()} cores, medians of {ROUNDS} runs")
    with tempfile.TemporaryDirectory() as temporary:
        for count in (1, 1000):
            folder = Path(temporary, str(count))
            folder.mkdir()
            make_small(folder, count)
            time_, memory = seconds(folder)
            print(f"{count:5,d} of 28 x 28      {time_:6.2f} s  {memory:5,.0f} MiB", flush=True)
        folder = Path(temporary, "photographs")
        folder.mkdir()
        make_photographs(folder, photographs)
        time_, memory = seconds(folder, 1)
        print(f"{photographs:5,d} of 12 megapixels {time_:6.2f} s  {memory:5,.0f} MiB", flush=True)
        data = (folder / "0000.jpg").read_bytes()
        pixels = pictures.decode(data).pixels
        decoding, converting = cpu_ms(lambda: pictures.decode(data)), cpu_ms(lambda: pictures.canonical_digit(pixels))
        share = decoding / (decoding + converting)
        print(f"      CPU time of each: decoding {decoding:.0f} ms ({share:.0%}), canonical digit {converting:.0f} ms")


if __name__ == "__main__":
    main()

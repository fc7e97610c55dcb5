"""Training with the data in memory and streamed, in one run: pictures/s, accuracy, and peak memory by size of the data.

    python -m benchmarks.streaming [--mnist FOLDER] [--epochs 3] [--sorted] [--only reading]
                                   [--sizes 70000 2000000] [--memory 40] [--steps 300]

Speed and accuracy: MNIST's 60,000 training digits, the default network, in memory and streamed with a buffer of a tenth
of them, by turns on either backend. Reading: the CPU time of that stream alone. Memory: as many rows of processed data
as --sizes says, augmented from MNIST's, streamed with `train.max_memory_mib` as --memory says, and in memory where the
data has no more than 70,000 rows. All of an epoch is streamed, of which the network is trained on the first --steps
batches, and all of the validation split is scored. Each training is a process of its own; its speed is that of all
epochs but the first, which compiles the graph.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from benchmarks import mnist
from benchmarks.processes import ROOT, machine, run
from digits.data import dataset, processed_tables
from digits.data.dataset import Digits
from digits.data.processed_tables import Block
from digits.model import backend
from digits.params import Train, load

IN_MEMORY_UP_TO = 70_000  # rows whose training is measured in memory, too
VALIDATED = 10  # one row in so many is a validation digit
ROUNDS = 3


def augmented(digits: Digits, rows: int) -> Iterator[Block]:
    """So many digits, each shifted and rotated by its own random amounts, as blocks of both splits."""
    random = np.random.default_rng(0)
    for first in range(0, rows, dataset.ROWS_PER_GROUP):
        numbers = np.arange(first, min(first + dataset.ROWS_PER_GROUP, rows)) % len(digits.labels)
        images = np.stack([warped(digits.images[number], random) for number in numbers])
        split = "validation" if first // dataset.ROWS_PER_GROUP % VALIDATED == 0 else "train"
        hashes = random.integers(0, 256, (len(numbers), 32), np.uint8)
        yield Block(split, Digits(images, digits.labels[numbers]), hashes, ["mnist"] * len(numbers))


def warped(image: np.ndarray, random: np.random.Generator) -> np.ndarray:
    matrix = cv2.getRotationMatrix2D((13.5, 13.5), random.uniform(-15, 15), random.uniform(0.9, 1.1))
    matrix[:, 2] += random.uniform(-1.5, 1.5, 2)
    return cv2.warpAffine(image, matrix, (28, 28))


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_memory() -> float:
    """In MiB, of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def train(folder: Path, streamed: bool, params: Train, steps: int | None = None) -> dict:
    """Train on the processed data in `folder`, in this process, and measure it."""
    backend.select(params.backend)
    from digits.model import network, streaming, training

    before, clock = peak_memory(), []  # Keras is imported
    if streamed:
        learned, validation = streaming.Stream([folder / "train.parquet"], params), folder / "validation.parquet"
        rows, held = learned.rows, learned.capacity
        if steps:
            learned = first_batches(learned, steps)
    else:
        learned, validation = (processed_tables.read_processed(split, folder) for split in ("train", "validation"))
        rows = held = len(learned.labels)
    with training.reproducible(params):
        net = network.build(params, learned.images)
        history = training.fit(
            net, learned, validation, params, lambda *_: clock.append((cpu(), time.perf_counter())), None
        )
    spent, passed = (np.diff([one[kind] for one in clock]) for kind in (0, 1))
    return {
        "rows": rows,
        "held": held,
        "cpu": rows / float(median(spent)) if len(spent) else None,
        "wall": rows / float(median(passed)) if len(passed) else None,
        "accuracy": history[-1]["val_accuracy"],
        "before_mib": before,
        "peak_mib": peak_memory(),
    }


def first_batches(stream, steps: int):
    """The stream with the first batches of an epoch alone; the others are made, too, before the last one of these."""
    batches = stream.batches

    def shortened(epoch: int):
        made = batches(epoch)
        yield from islice(made, steps - 1)
        last = next(made)
        for _ in made:
            pass
        yield last

    steps = min(steps, stream.steps)
    stream.steps, stream.batches = steps, shortened
    return stream


def measure(folder: Path, streamed: bool, changes: dict, steps: int | None = None) -> dict:
    """The same in a process of its own."""
    return run("benchmarks.streaming", "--train", json.dumps([str(folder), streamed, changes, steps]))


def compare_speed(folder: Path, epochs: int) -> None:
    rows = dataset.count_rows(folder / "train.parquet")
    print(
        "\n| backend | data | in memory at a time | pictures/s of CPU | pictures/s | validation accuracy |\n"
        "|---|---|---|---|---|---|"
    )
    for name in ("tensorflow", "jax"):
        changes = {"backend": name, "epochs": epochs}
        found = {streamed: [] for streamed in (False, True)}
        for _ in range(ROUNDS):
            for streamed, results in found.items():
                memory = {"max_memory_mib": mebibytes(rows // 10)} if streamed else {}
                results.append(measure(folder, streamed, {**changes, **memory}))
        for streamed, results in found.items():
            by_cpu, by_wall = (median(one[kind] for one in results) for kind in ("cpu", "wall"))
            print(
                f"| {name} | {'streamed' if streamed else 'in memory'} | {results[0]['held']:,} of {rows:,} "
                f"| {by_cpu:,.0f} | {by_wall:,.0f} | {results[0]['accuracy']:.2%} |",
                flush=True,
            )
        ratios = {
            kind: median(b[kind] / a[kind] for a, b in zip(*found.values(), strict=True)) for kind in ("cpu", "wall")
        }
        print(
            f"\n{name}: streamed at {ratios['cpu']:.1%} of the speed in memory by CPU time, "
            f"{ratios['wall']:.1%} by wall time\n"
        )


def measure_reading(folder: Path) -> None:
    """CPU time of an epoch without a network: of one process, and of one of eight that share each batch."""
    from digits.model import streaming

    path = folder / "train.parquet"
    memory = mebibytes(dataset.count_rows(path) // 10)
    params = load(ROOT / "params.yaml").train.model_copy(update={"batch_size": 96, "max_memory_mib": memory})
    for processes in (1, 8):
        stream, before = streaming.Stream([path], params, 0, processes), cpu()
        for _ in stream.batches(0):
            pass
        spent = (cpu() - before) / (stream.steps * stream.batch)
        print(f"the stream alone, in each of {processes}: {spent * 1e6:.1f} µs of CPU a picture", flush=True)


def mebibytes(pictures: int) -> float:
    """`train.max_memory_mib` for a buffer of so many pictures, with the default's batches."""
    from digits.model import streaming

    batch = load(ROOT / "params.yaml").train.batch_size
    taken = streaming.READING_BYTES + streaming.BATCHES_AHEAD * batch * streaming.BYTES_IN_BATCH
    return (taken + pictures * streaming.BYTES_IN_BUFFER + 1) / 2**20


def compare_memory(digits: Digits, sizes: list[int], memory: float, steps: int, folder: Path) -> None:
    print(f"\n`train.max_memory_mib` = {memory:g}\n")
    print(
        "| training pictures | data | with Keras alone, MiB | peak, MiB | in memory at a time |\n|---|---|---|---|---|"
    )
    for size in sizes:
        path = folder / f"{size}"
        processed_tables.write_processed(augmented(digits, size * VALIDATED // (VALIDATED - 1)), {}, path)
        for streamed in (True, False) if size <= IN_MEMORY_UP_TO else (True,):
            found = measure(path, streamed, {"epochs": 1, "max_memory_mib": memory}, steps)
            print(
                f"| {found['rows']:,} | {'streamed' if streamed else 'in memory'} | {found['before_mib']:,.0f} "
                f"| {found['peak_mib']:,.0f} | {found['held']:,} |",
                flush=True,
            )


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--sizes", type=int, nargs="*", default=[70_000, 2_000_000], help="training pictures")
    parser.add_argument("--memory", type=float, default=40, help="train.max_memory_mib of those, in MiB")
    parser.add_argument("--steps", type=int, default=300, help="batches of those that the network is trained on")
    parser.add_argument("--sorted", action="store_true", help="sort MNIST's digits by class")
    parser.add_argument("--only", choices=["reading", "speed", "memory"])
    parser.add_argument("--train", type=json.loads, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.train:
        folder, streamed, changes, steps = given.train
        params = load(ROOT / "params.yaml").train.model_copy(update=changes)
        print(json.dumps(train(Path(folder), streamed, params, steps)))
        return
    print(f"measured on: {machine('keras', 'tensorflow', 'jax', 'pyarrow')}")
    digits = mnist.idx(given.mnist, "train")
    if given.sorted:
        order = np.argsort(digits.labels, kind="stable")
        digits = Digits(*(column[order] for column in digits))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if given.only != "memory":
            processed_tables.write_processed(augmented(digits, len(digits.labels)), {}, folder / "mnist")
            measure_reading(folder / "mnist")
        if given.only in (None, "speed"):
            compare_speed(folder / "mnist", given.epochs)
        if given.only in (None, "memory"):
            compare_memory(digits, given.sizes, given.memory, given.steps, folder)


if __name__ == "__main__":
    main()

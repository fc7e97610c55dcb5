"""Training in one process and in two on the same batches: the losses, and what sharing a batch costs.

    python -m benchmarks.distributed [--epochs 11] [--batch-size 100] [--learning-rate 0.002] [--figure FILE]

Trains on data/processed, as `dvc repro preprocess` leaves it, with the parameters of params.yaml on JAX. Each training
is a command of its own; the third one is one process again, with the rows of each batch in the reverse order: it shows
how far apart the losses come by the order of float sums alone. Prints the losses by epoch, and pictures a second.
"""

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import ROOT, option_parser, run
from digits.model.training_data import TABLES, VALIDATION
from digits.params import Train, load

VARIANTS = {"1": "one process", "2": "two processes", "reversed": "one process, each batch in reverse order"}
Result = dict[str, Any]


def train(variant: str, params: Train) -> Result:
    """Train once; returns each epoch's metrics, and when it ended and the CPU seconds of all processes until then."""
    ended: list[tuple[dict[str, float], float]] = []

    def on_epoch(number: int, metrics: dict[str, float], restored: bool) -> None:
        ended.append((metrics, time.perf_counter()))

    with tempfile.TemporaryDirectory() as folder:
        fit(variant, params, on_epoch, Path(folder) / "checkpoint.npz")
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(one.ru_utime + one.ru_stime for one in used)
    metrics, times = zip(*ended, strict=True)
    return {"history": list(metrics), "ended": list(times), "cpu": cpu}


def fit(variant: str, params: Train, on_epoch: Callable[[int, dict[str, float], bool], None], checkpoint: Path) -> None:
    from digits.model import backend

    backend.select("jax")
    from digits.model import group_training, network, streaming, training

    if params.processes > 1:
        group_training.fit(params, lambda size: None, on_epoch, checkpoint)
        return
    with training.reproducible(params):
        if variant == "reversed":
            found, validation = reversed_batches(params), VALIDATION
        else:
            found, validation = streaming.load(params)
        training.fit(network.build(params, found.images), found, validation, params, on_epoch, checkpoint)


def reversed_batches(params: Train):
    """All training data as one share, with the rows of each batch in the reverse order."""
    from digits.model.process_share import ProcessShare

    class Reversed(ProcessShare):
        @contextmanager
        def epoch(self, epoch: int):
            def reverse(rows: np.ndarray) -> np.ndarray:
                return rows.reshape(self.steps, self.batch, *rows.shape[1:])[:, ::-1].reshape(rows.shape)

            with super().epoch(epoch) as arguments:
                yield {**arguments, "x": [*map(reverse, arguments["x"])], "y": reverse(arguments["y"])}

    return Reversed(TABLES, params, 0, 1)


def table(found: dict[str, Result], pictures: int) -> list[str]:
    """Markdown: the losses by epoch, how far they are from those of one process, and the speed."""
    epochs = range(len(found["1"]["history"]))
    lines = [f"| epoch | {' | '.join(VARIANTS.values())} |", "|---|" + "---|" * len(VARIANTS)]
    for epoch in epochs:
        losses = (found[variant]["history"][epoch]["loss"] for variant in VARIANTS)
        lines.append(f"| {epoch + 1} | {' | '.join(f'{loss:.5f}' for loss in losses)} |")
    lines += ["", "| | largest difference of the loss | of the validation loss | pictures/s | CPU seconds |"]
    lines.append("|---|---|---|---|---|")
    for variant, name in VARIANTS.items():
        apart = [max(abs(difference(found, variant, key))) for key in ("loss", "val_loss")]
        times = found[variant]["ended"]
        speed = pictures * (len(times) - 1) / (times[-1] - times[0])  # the first epoch also compiles
        lines.append(f"| {name} | {apart[0]:.5f} | {apart[1]:.5f} | {speed:,.0f} | {found[variant]['cpu']:.0f} |")
    return lines


def difference(found: dict[str, Result], variant: str, key: str) -> np.ndarray:
    one, other = ([epoch[key] for epoch in found[each]["history"]] for each in ("1", variant))
    return np.subtract(other, one)


def draw(found: dict[str, Result], path: Path) -> None:
    from matplotlib.figure import Figure

    from digits.visualization.figures import ACCENT, GRID, INK, save

    figure = Figure(figsize=(10, 4), dpi=100, layout="constrained")
    styles = {"1": (INK, "-", 4), "2": (ACCENT, "--", 2)}
    for axes, (key, title) in zip(
        figure.subplots(1, 2), {"loss": "training loss", "val_loss": "validation loss"}.items(), strict=True
    ):
        for variant, (colour, line, width) in styles.items():
            values = [epoch[key] for epoch in found[variant]["history"]]
            axes.plot(
                np.arange(1, len(values) + 1), values, line, color=colour, linewidth=width, label=VARIANTS[variant]
            )
        axes.set(title=f"{title}, nats", xlabel="epoch")
        axes.grid(color=GRID)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    save(figure, path)


def main() -> None:
    default = load(ROOT / "params.yaml").train
    parser = option_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=default.epochs)
    parser.add_argument("--batch-size", type=int, default=default.batch_size)
    parser.add_argument("--learning-rate", type=float, help="the peak of both schedules; default: those of params.yaml")
    parser.add_argument("--figure", type=Path, help="draw the losses of one process and of two to this file")
    parser.add_argument("--only", choices=VARIANTS, help="train this variant, and print the result as JSON")
    chosen = parser.parse_args()
    if chosen.epochs < 2:
        parser.error("--epochs: 2 or more, as the first one also compiles and is not timed")
    os.chdir(ROOT)
    if chosen.only:
        changes = {"epochs": chosen.epochs, "batch_size": chosen.batch_size, "backend": "jax"}
        if chosen.learning_rate:
            changes |= dict.fromkeys(("learning_rate", "adam_learning_rate"), chosen.learning_rate)
        params = default.model_copy(update={**changes, "processes": 2 if chosen.only == "2" else 1})
        print(json.dumps(train(chosen.only, params)))
        return
    options = ["--epochs", str(chosen.epochs), "--batch-size", str(chosen.batch_size)]
    if chosen.learning_rate:
        options += ["--learning-rate", str(chosen.learning_rate)]
    found = {variant: run("benchmarks.distributed", "--only", variant, *options) for variant in VARIANTS}
    if chosen.figure:
        draw(found, chosen.figure)
    from digits.data import training_tables

    rows = len(training_tables.read_training().labels)
    print("\n".join(table(found, rows // chosen.batch_size * chosen.batch_size)))


if __name__ == "__main__":
    main()

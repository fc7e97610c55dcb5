"""The cost of tracking: a short training with MLflow and the same one without it, in turn, in one run.

    python -m benchmarks.tracking [--epochs 2] [--pairs 10]

Needs the prepared digits: `make data`. Each training is the train stage in its own process, in a clone with a new
tracking store; the time of imports is not counted.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from statistics import median

from benchmarks.processes import ROOT, clone, environment, option_parser
from digits.paths import PROCESSED


class NoRun:
    """A live run that logs nothing."""

    def set_network(self) -> None: ...

    def log_epoch(self, number: int, metrics: dict[str, float]) -> None: ...


def one(epochs: int, tracked: bool) -> float:
    """Seconds of the train stage, with every library imported before."""
    import mlflow.store.tracking.sqlalchemy_store  # noqa: F401

    import digits.model.export
    import digits.model.training  # noqa: F401
    from digits.tracking import store
    from pipeline import train

    params = train.load()
    short = params.model_copy(update={"train": params.train.model_copy(update={"epochs": epochs})})
    train.load = lambda: short
    if tracked:
        store.connect()  # a new database is created once, not once a run
    else:
        train.live.training_run = lambda *_: nullcontext(NoRun())
    began = time.perf_counter()
    train.main()
    return time.perf_counter() - began


def measured(epochs: int, tracked: bool) -> float:
    with tempfile.TemporaryDirectory() as folder:
        project = clone(Path(folder, "digits"))
        (project / PROCESSED).symlink_to(ROOT / PROCESSED)
        command = [sys.executable, "-m", "benchmarks.tracking", "--epochs", str(epochs)]
        side = [*command, "--side", "with" if tracked else "without"]
        done = subprocess.run(side, cwd=project, env=environment(), capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--side", choices=["with", "without"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        print(one(given.epochs, tracked=given.side == "with"))
        return
    if not (ROOT / PROCESSED / "train.parquet").exists():
        sys.exit("error: data/processed does not exist: run `make data`")
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for pair in range(given.pairs):
        for tracked in (False, True) if pair % 2 else (True, False):  # each is first in turn
            seconds[tracked].append(measured(given.epochs, tracked))
        without, with_mlflow = seconds[False][-1], seconds[True][-1]
        print(f"without MLflow {without:6.2f} s   with {with_mlflow:6.2f} s", flush=True)
    without, with_mlflow = median(seconds[False]), median(seconds[True])
    print(f"median         {without:6.2f} s   with {with_mlflow:6.2f} s   {with_mlflow / without - 1:+.1%}")


if __name__ == "__main__":
    main()

"""`digits serve` compared with MLflow's scoring server, BentoML and LitServe: the same ONNX file, in one run.

    python -m benchmarks.serving [--rounds 3] [--seconds 3] [--workers 2] [--requests 100000] [--quick]

Needs a champion in the registry, and the environment `.venv-peers`: `make bench-serve` creates it. Writes
docs/reference/benchmarks/serving.md, and its figures in README.md; with --quick it takes a minute, and writes nothing.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from psutil import Process

from benchmarks import serving_profile, serving_report
from benchmarks.processes import ROOT, children, option_parser
from benchmarks.serving_load import ask, drive, for_seconds
from benchmarks.serving_report import BATCH, BATCH_CONNECTIONS, CONNECTIONS, Figures, Run
from benchmarks.serving_servers import PEERS_BIN, UPLOAD, V2, Server, Way, ceiling, enlarged, memory, running, servers
from digits.data import processed_tables
from digits.errors import UserError, exit_status
from digits.model.classifier import Classifier
from digits.paths import SERVED

DOCUMENT = ROOT / "docs/reference/benchmarks/serving.md"
PICTURES = 256  # of the test split, which are sent in turn
MEMORY_STEPS = 10


class Model(NamedTuple):
    """The champion as MLflow logged it, and the pictures that it is asked, with its own labels."""

    folder: Path
    onnx_file: Path
    pictures: np.ndarray  # (n, 28, 28) uint8
    labels: np.ndarray  # (n,) int


def champion() -> Model:
    """The champion of the registry and digits of the test split."""
    from digits.tracking import registry, version_checks

    folder = Path(version_checks.served(registry.resolve_alias(registry.CHAMPION_URI)))
    (onnx_file,) = folder.glob("*.onnx")
    pictures = np.random.default_rng(0).permutation(processed_tables.read_processed("test").images)[:PICTURES]
    return Model(folder, onnx_file, pictures, Classifier(onnx_file).predict(pictures).probabilities.argmax(axis=1))


def check(port: int, way: Way, model: Model) -> None:
    """Raises UserError where a server answers with other labels than the model."""
    status, headers, body = ask(port, way.request(model.pictures[:BATCH]))
    if status != 200:
        raise UserError(f"{way.name}: HTTP status {status}: {body[:300].decode(errors='replace')}")
    equal = (way.labels(headers, body) == model.labels[:BATCH]).mean()
    if equal < way.least_equal:
        raise UserError(f"{way.name}: {equal:.1%} of the labels are the model's; expected {way.least_equal:.0%}")


def measure(port: int, process: Process, way: Way, model: Model, seconds: float) -> Figures:
    """One picture a request on many connections, for so long; a third of it each on one connection, and batches."""
    check(port, way, model)
    one = [way.request(picture[None]).encoded() for picture in model.pictures]
    batches = [
        way.request(model.pictures[first : first + BATCH]).encoded() for first in range(0, len(model.pictures), BATCH)
    ]
    drive(port, for_seconds(one, seconds / 3), CONNECTIONS)  # warm-up
    alone = drive(port, for_seconds(one, seconds / 3), 1)
    used = cpu_seconds(process)
    together = drive(port, for_seconds(one, seconds), CONNECTIONS)
    used = cpu_seconds(process) - used
    in_batches = drive(port, for_seconds(batches, seconds / 3), BATCH_CONNECTIONS)
    return Figures(alone, together, in_batches, used / max(1, len(together.latencies)))


def cpu_seconds(process: Process) -> float:
    """The CPU time of a server's processes so far."""
    return sum(sum(one.cpu_times()[:2]) for one in [process, *children(process)])


def compare(compared: list[Server], model: Model, given: argparse.Namespace) -> list[Run]:
    """Each round starts each server anew, one at a time, and measures it in all its ways."""
    runs = []
    for number in range(given.rounds):
        for server in compared:
            with started(server, model, given.workers) as (seconds, process):
                before = memory(process)
                figures = {way.name: measure(server.port, process, way, model, given.seconds) for way in server.ways}
                runs.append(Run(server.name, seconds, before, memory(process), figures))
            print(f"round {number + 1}", *serving_report.rows(runs[-1:]), sep="\n", flush=True)
    return runs


def started(server: Server, model: Model, workers: int) -> AbstractContextManager[tuple[float, Process]]:
    """The server, with the champion's file and without telemetry."""
    environment = {
        "DIGITS_ONNX": str(model.onnx_file),
        "DIGITS_WORKERS": str(workers),
        "BENTOML_DO_NOT_TRACK": "True",
        "DO_NOT_TRACK": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }
    return running(server, environment, model.pictures[0])


def varied(pictures: np.ndarray) -> list[bytes]:
    """Requests of varied length: most are uploads of one picture of 20 to 64 pixels a side, dark on light.

    A fourth asks /v2. One in ten has up to 16 pictures, one in a hundred one of up to 280 pixels, or a page to read.
    """
    random = np.random.default_rng(0)
    found = [UPLOAD.request(np.hstack([*enlarged(pictures[:8], 56)])[None])._replace(path="/v1/read")] * 5
    for number in range(495):
        side = random.integers(65, 281) if number % 100 == 0 else random.integers(20, 65)
        digits = random.choice(pictures, random.integers(2, 17) if number % 10 == 5 else 1)
        found.append(V2.request(digits) if number % 4 == 3 else UPLOAD.request(enlarged(digits, side)))
    return [found[place].encoded() for place in random.permutation(len(found))]


def endurance(server: Server, model: Model, given: argparse.Namespace) -> Iterator[tuple[int, float, int]]:
    """After each tenth of many requests of varied size: how many, the largest worker's MiB, errors so far."""
    requests, errors, step = cycle(varied(model.pictures)), 0, max(1, given.requests // MEMORY_STEPS)
    with started(server, model, given.workers) as (_, process):
        yield 0, memory(process).worker, 0
        for number in range(1, MEMORY_STEPS + 1):
            errors += drive(server.port, islice(requests, step), CONNECTIONS).errors.total()
            yield number * step, memory(process).worker, errors


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3.0, help=f"of load on {CONNECTIONS} connections")
    parser.add_argument("--workers", type=int, default=2, help="of each server")
    parser.add_argument("--requests", type=int, default=100_000, help="of varied size, to see whether memory grows")
    parser.add_argument("--quick", action="store_true", help="one round, 0.9 s, 2,000 requests")
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.seconds, given.requests = 1, 0.9, 2000
    if not PEERS_BIN.exists():
        raise UserError(f"{PEERS_BIN.parent.name} does not exist: `make bench-serve` creates it")
    model = champion()
    most = ceiling(UPLOAD.request(model.pictures[:1]).encoded(), given.seconds / 3, CONNECTIONS)
    limit = (
        f"With a server that does nothing the generator sends {most.rate:,.0f} requests/s on {CONNECTIONS} connections."
    )
    print(limit, flush=True)
    compared = servers(model.folder, given.workers)
    try:
        runs = compare(compared, model, given)
        steps = [*endurance(compared[0], model, given)]
    finally:
        shutil.rmtree(ROOT / SERVED / str(compared[0].port), ignore_errors=True)
    sections = [
        [*serving_report.TABLE, *serving_report.rows(runs)],
        [limit],
        [*serving_report.SERVER_TABLE, *serving_report.server_rows(runs)],
        [*serving_report.targets(runs)],
        ["## Memory"],
        [*serving_report.memory_rows(steps)],
        ["## Where the time goes"],
        [*serving_profile.table(model.onnx_file)],
    ]
    print(*(line for section in sections for line in ["", *section]), sep="\n")
    if not given.quick:
        serving_report.write(sections, DOCUMENT, rounds=given.rounds, seconds=given.seconds, workers=given.workers)


if __name__ == "__main__":
    sys.exit(exit_status(main))

"""Replicas of `digits serve` behind HAProxy under load, while one is killed, started again, and both are replaced.

    python -m benchmarks.balancer [--rates 400 inf] [--seconds 5] [--connections 16] [--workers 1]

Needs a champion in the registry, and haproxy. Prints a table for each rate: the requests of each phase, how many were
lost, that is, got another answer than 200 with the model's label, and how many the balancer sent again.
"""

import math
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, takewhile
from pathlib import Path
from typing import NamedTuple

import orjson

from benchmarks.processes import machine, option_parser
from benchmarks.replicas import Balancer, Replica, balancer, replicas
from benchmarks.serving import champion
from benchmarks.serving_load import Load, drive
from benchmarks.serving_servers import UPLOAD, memory
from digits.errors import exit_status

REPLICAS = 2
MOMENT = 1.0  # seconds after a kill that have a row of their own
TABLE = ["| phase | requests | requests/s | p50, ms | p99, ms | longest, ms |", "|---|" + "---:|" * 5]


class Phase(NamedTuple):
    """What happened from `begin` to `end`, of time.perf_counter."""

    name: str
    begin: float
    end: float


class LoadThread:
    """Clients that ask until the end, in a thread; each answer must be the label that the model gives.

    `labels` are the right ones by request.
    """

    def __init__(self, port: int, labels: dict[bytes, int], connections: int, rate: float) -> None:
        self.load: Load | None = None
        self._ends = threading.Event()
        requests = takewhile(lambda _: not self._ends.is_set(), cycle(labels))

        def is_right(request: bytes, body: bytes) -> bool:
            (found,) = orjson.loads(body)["predictions"]
            return found["label"] == labels[request]

        def work() -> None:
            self.load = drive(port, requests, connections, rate, is_right)

        self._thread = threading.Thread(target=work)

    def __enter__(self) -> "LoadThread":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ends.set()
        self._thread.join()


class Timeline:
    """The phases of a run, one after the other."""

    def __init__(self) -> None:
        self.phases: list[Phase] = []

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        begin = time.perf_counter()
        yield
        self.phases.append(Phase(name, begin, time.perf_counter()))


def run(found: list[Replica], between: Balancer, seconds: float) -> list[Phase]:
    """Kill a replica, start it again, and replace each by a new one; `seconds` for each phase without a change."""
    line = Timeline()
    with line.phase("both replicas"):
        time.sleep(seconds)
    with line.phase(f"the first {MOMENT:g} s after one was killed (SIGKILL)"):
        found[0].kill()
        time.sleep(MOMENT)
    with line.phase("one replica"):
        time.sleep(seconds)
    with line.phase("the other one starts"):
        start(found[0], between, len(found))
    with line.phase("both replicas again"):
        time.sleep(seconds)
    with line.phase("each is replaced in turn (SIGTERM)"):
        for one in found:
            one.terminate()
            start(one, between, len(found))
    with line.phase("both replicas, replaced"):
        time.sleep(seconds)
    return line.phases


def start(one: Replica, between: Balancer, count: int) -> None:
    one.start()
    one.wait_until_ready()
    between.wait_for(count)


def rows(phases: list[Phase], load: Load) -> Iterator[str]:
    for phase in phases:
        part = load.between(phase.begin, phase.end)
        times = " | ".join(f"{part.percentile(percent):.1f}" for percent in (50, 99, 100))
        yield f"| {phase.name} | {len(part.latencies):,} | {part.rate:,.0f} | {times} |"


def report(phases: list[Phase], load: Load, between: Balancer) -> Iterator[str]:
    lost = ", ".join(f"{count} {kind}" for kind, count in load.errors.items())
    yield f"{len(load.latencies) + load.errors.total():,} requests, {load.errors.total():,} lost{lost and f': {lost}'}."
    sent_again = between.metric("backend_retry_warnings_total")
    elsewhere = between.metric("backend_redispatch_warnings_total")
    yield f"The balancer tried {sent_again:,.0f} times again, {elsewhere:,.0f} times at another replica."
    yield from ["", *TABLE, *rows(phases, load), ""]


def main() -> None:
    parser = option_parser(__doc__)
    parser.add_argument("--rates", type=float, nargs="+", default=[400, math.inf], help="requests/s; inf for no limit")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each phase without a change")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1, help="of each replica")
    given = parser.parse_args()
    from digits.tracking import store

    model = champion()
    answers = zip(model.pictures, model.labels, strict=True)
    labels = {UPLOAD.request(picture[None]).encoded(): int(label) for picture, label in answers}
    print(f"On: {machine('onnxruntime', 'uvicorn')}; {given.connections} connections.\n")
    for rate in given.rates:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder)
            with (
                replicas(path, REPLICAS, given.workers, store.uri()) as (found, port),
                balancer(path, port, *(one.host for one in found)) as between,
            ):
                between.wait_for(REPLICAS)
                with LoadThread(between.port, labels, given.connections, rate) as loading:
                    phases = run(found, between, given.seconds)
                print(f"{'As many as possible' if math.isinf(rate) else f'{rate:g} requests/s'}: ", end="")
                print(*report(phases, loading.load, between), sep="\n")
                sizes = [memory(one.process) for one in found]
                print(*(f"A replica: {one.worker:.0f} MiB (RSS), {one.all:.0f} MiB (PSS)" for one in sizes), sep="\n")


if __name__ == "__main__":
    sys.exit(exit_status(main))

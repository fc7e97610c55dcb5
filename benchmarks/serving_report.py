"""The tables that compare servers, and the document that has them."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import readme
from benchmarks.processes import machine
from benchmarks.serving_load import Load
from benchmarks.serving_servers import ENLARGED, PEERS_BIN, Memory
from digits.data.canonical import MIN_PHOTOGRAPH_SIZE

BATCH, CONNECTIONS, BATCH_CONNECTIONS = 64, 16, 4
OURS, MLFLOW = "Digits", "MLflow"
ABOUT = """\
- All servers run the champion's ONNX file with ONNX Runtime on the CPU, in {workers} worker processes each, one server
  at a time; the load generator runs on the same cores. ONNX Runtime has one thread a worker, in MLflow one a core:
  its default, and `mlflow models serve` has no option for it.
- **Digits** decodes each picture, converts it to the canonical digit, classifies it, and says why it is refused.
- **MLflow** is `mlflow models serve`. It takes 28 × 28 pixel values as JSON, so that it decodes and converts nothing.
  `× 1` is with one worker, which is its default.
- **BentoML** (adaptive batching) and **LitServe** (batches of up to 16 requests, for at most 1 ms) decode 28 × 28 PNGs
  with OpenCV, and convert nothing; their services are in `benchmarks/serving_peers/`.
- The pictures are digits of the test split as PNGs. Before it is measured, each server must give the model's labels.
- The generator is a closed loop: a connection sends its next request when it has the answer, so the latencies are
  those of {connections} busy clients, not of requests that arrive at random.
- Each figure is the median of {rounds} rounds; a round starts and measures each server once, one after the other.
  p50 and p99 are percentiles of the latency, in ms. **CPU** is the time of all processes of the server for a request.
  Load on {connections} connections takes {seconds:g} s; each other figure, and the warm-up, a third of that.
"""
TABLE = [
    f"| server | request | requests/s, 1 connection | p50 | p99 | requests/s, {CONNECTIONS} connections | p50 | p99 "
    f"| CPU, ms | pictures/s, {BATCH} a request | errors |",
    "|---|---|" + "---:|" * 9,
]
SERVER_TABLE = [
    "| server | start to first answer, s | largest worker, MiB (RSS) | after the load | all processes, MiB (PSS) |",
    "|---|" + "---:|" * 4,
]


class Figures(NamedTuple):
    """A server under load, asked in one way; `cpu` are seconds for each request of `together`."""

    alone: Load
    together: Load
    batches: Load
    cpu: float


class Run(NamedTuple):
    """A server from its start to its end: seconds to its first answer, memory before and after, figures by way."""

    server: str
    seconds: float
    before: Memory
    after: Memory
    figures: dict[str, Figures]


def by_server(runs: Iterable[Run]) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(run.server, []).append(run)
    return found


def rows(runs: list[Run]) -> Iterator[str]:
    """A row for each server and way: medians of its runs."""
    for server, own in by_server(runs).items():
        for way in own[0].figures:
            found = [run.figures[way] for run in own]
            cells = [server, way, *_load(found, "alone"), *_load(found, "together")]
            cells += [f"{_median(found, lambda one: one.cpu * 1000):.2f}"]
            cells += [f"{_median(found, lambda one: one.batches.rate * BATCH):,.0f}"]
            cells += [f"{sum(load.errors.total() for one in found for load in one[:3])}"]
            yield f"| {' | '.join(cells)} |"


def server_rows(runs: list[Run]) -> Iterator[str]:
    """A row for each server: its start and its memory, the largest of its runs."""
    for server, own in by_server(runs).items():
        columns = zip(*((one.before.worker, one.after.worker, one.after.all) for one in own), strict=True)
        before, after, both = map(max, columns)
        start = _median(own, lambda one: one.seconds)
        yield f"| {server} | {start:.1f} | {before:.0f} | {after:.0f} | {both:.0f} |"


def targets(runs: list[Run]) -> Iterator[str]:
    """What was asked of the service, what it does, and whether that is enough.

    Uploads are judged; of MLflow's numbers of workers the better one counts for each figure.
    """
    found = {server: [next(iter(run.figures.values())) for run in own] for server, own in by_server(runs).items()}
    rates = {server: _median(figures, lambda one: one.together.rate) for server, figures in found.items()}
    p99 = {server: _median(figures, lambda one: one.together.percentile(99)) for server, figures in found.items()}
    ours, mlflow = rates.pop(OURS), max(rate for server, rate in rates.items() if server.startswith(MLFLOW))
    next_best = max(rates.values())
    least = min(value for server, value in p99.items() if server.startswith(MLFLOW))
    pictures = _median(found[OURS], lambda one: one.batches.rate * BATCH)
    largest = max(run.after.worker for run in runs if run.server == OURS)
    yield f"- {_met(ours >= 10 * mlflow)} uploads: at least 10 times MLflow's requests/s: {ours / mlflow:.1f} times"
    yield f"- {_met(ours > next_best)} uploads: more requests/s than all others: {ours / next_best:.1f} times"
    yield f"- {_met(p99[OURS] <= least / 5)} uploads: p99 at most a fifth of MLflow's: {p99[OURS] / least:.0%} of it"
    yield f"- {_met(pictures >= 1500)} uploads: at least 1,500 pictures/s in batches of {BATCH}: {pictures:,.0f}"
    yield f"- {_met(largest < 300)} all requests: less than 300 MiB a worker: {largest:.0f} MiB"
    large = [run.figures[ENLARGED.name] for run in runs if run.server == OURS]
    rate, cpu = _median(large, lambda one: one.together.rate), _median(large, lambda one: one.cpu * 1000)
    yield ""
    yield (
        f"Uploads of 280 × 280 pixels reach {rate:,.0f} requests/s, at {cpu:.1f} ms of CPU each: a picture with "
        f"both sides longer than {MIN_PHOTOGRAPH_SIZE} pixels may be a photograph, and `canonical` cleans it."
    )


def memory_rows(steps: list[tuple[int, float, int]]) -> Iterator[str]:
    yield "| requests of varied size | largest worker, MiB (RSS) | errors |"
    yield "|---:|---:|---:|"
    yield from (f"| {count:,} | {worker:.0f} | {errors} |" for count, worker, errors in steps)


def _load(figures: list[Figures], kind: str) -> list[str]:
    loads: list[Load] = [getattr(one, kind) for one in figures]
    percentiles = [f"{_median(loads, lambda one, p=p: one.percentile(p)):.1f}" for p in (50, 99)]
    return [f"{_median(loads, lambda one: one.rate):,.0f}", *percentiles]


def _median(items: Iterable, value: Callable) -> float:
    return median(map(value, items))


def _met(is_met: bool) -> str:
    return "met:" if is_met else "**missed:**"


def write(sections: list[list[str]], path: Path, **settings: object) -> None:
    """Write the document. `settings` are those of the run."""
    where = machine("onnxruntime", "fastapi", "uvicorn", "mlflow")
    measured = f"Measured by `make bench-serve` in one run on: {where}, {', '.join(peer_versions())}."
    about = ABOUT.format(connections=CONNECTIONS, **settings)
    text = "\n\n".join(
        "\n".join(section).strip() for section in [["# The service, compared"], [measured], [about], *sections]
    )
    readme.write_page(path, text + "\n")


def peer_versions() -> Iterator[str]:
    """For example "bentoml 1.4.40"."""
    for name in ("bentoml", "litserve"):
        (found,) = PEERS_BIN.parent.glob(f"lib/*/site-packages/{name}-*.dist-info")
        yield found.name.removesuffix(".dist-info").replace("-", " ")

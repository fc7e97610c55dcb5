"""A real Prometheus on loopback, which scrapes what a test serves; the test is skipped where it is not installed."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml

from tests.loopback import free_port, stop

PACKAGE = "prometheus"  # Debian's, which has promtool too
SECONDS = 30  # to start, or until a condition holds
Found = TypeVar("Found")


class Prometheus:
    """A running server, asked by its HTTP API (https://prometheus.io/docs/prometheus/latest/querying/api/)."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of the API, such as of `query`, `targets`, `rules` or `alerts`."""
        with urlopen(f"{self.address}/api/v1/{path}?{urlencode(parameters)}", timeout=10) as response:
            return json.load(response)["data"]

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """The labels and the value of each series that an expression gives now."""
        found = self.get("query", query=expression)["result"]
        return [(one["metric"], float(one["value"][1])) for one in found]

    def value(self, expression: str) -> float | None:
        """The value of an expression that gives one series; None where it gives none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes: `labels`, `health` ("up", "down", "unknown"), `lastError`, …"""
        return self.get("targets")["activeTargets"]

    def firing(self) -> dict[str, dict[str, Any]]:
        """The alerts that fire, by name."""
        alerts = self.get("alerts")["alerts"]
        return {one["labels"]["alertname"]: one for one in alerts if one["state"] == "firing"}

    def wait(self, find: Callable[[], Found], seconds: float = SECONDS) -> Found:
        """Ask again and again until `find` gives something true; returns it."""
        end = time.monotonic() + seconds
        while not (found := find()):
            assert time.monotonic() < end, (found, self.targets())
            time.sleep(0.1)
        return found


@contextmanager
def running(
    folder: Path, targets: Sequence[str], rules: Sequence[Path] = (), interval: str = "250ms", **job: Any
) -> Iterator[Prometheus]:
    """A Prometheus with its files in `folder`, which scrapes the `targets` ("host:port") and evaluates the `rules`.

    Both happen each `interval`. `job` is more of the scrape configuration, such as `authorization`.
    """
    program = program_of("prometheus")
    folder.mkdir(parents=True, exist_ok=True)
    config, log, port = folder / "prometheus.yml", folder / "log", free_port()
    every = {"scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval}
    scraped = {"job_name": "digits", "static_configs": [{"targets": [*targets]}], **job}
    content = {"global": every, "rule_files": [str(one.resolve()) for one in rules], "scrape_configs": [scraped]}
    config.write_text(yaml.safe_dump(content))
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=warn"]
    with log.open("w") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            _wait_until_ready(port, process, log)
            yield Prometheus(f"http://127.0.0.1:{port}")
        finally:
            stop(process)


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run promtool; its status and all that it printed, in `stdout`."""
    command = [program_of("promtool"), *map(str, arguments)]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)


def program_of(name: str) -> str:
    """The path of a program of Prometheus; the test is skipped where there is none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: `apt-get install {PACKAGE}`")
    return found


def _wait_until_ready(port: int, process: subprocess.Popen, log: Path) -> None:
    end = time.monotonic() + SECONDS
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5):
                return
        except HTTPError as error:  # 503 while it loads
            assert error.code == 503, log.read_text()
        except OSError:  # it does not listen yet
            pass
        assert process.poll() is None and time.monotonic() < end, log.read_text()
        time.sleep(0.05)

"""Replicas of `digits serve` behind deploy/haproxy.cfg on this machine, started as containers would be.

Each replica has a folder and an address of loopback of its own; all have the same port, and the balancer finds them by
a DNS name.
"""

import os
import shutil
import signal
import socketserver
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

import psutil
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.processes import ROOT
from benchmarks.serving_servers import BIN, HOST, free_port
from digits.errors import UserError

CONFIG = ROOT / "deploy" / "haproxy.cfg"
SECONDS = 60  # until a replica is ready, and until the balancer knows
A, IN = 1, 1  # of DNS: the type of an IPv4 address, and the class of the internet
DNS_HEADER = 12  # bytes


class Replica:
    """`digits serve` in a folder, on an address of its own; it can be started again after its end."""

    def __init__(self, folder: Path, host: str, port: int, workers: int, store: str) -> None:
        self.host, self._folder = host, folder
        self._port = port
        self._command = [BIN / "digits", "serve", "--host", host, "--port", str(port), "--workers", str(workers)]
        self._environment = {**os.environ, "MLFLOW_TRACKING_URI": store}
        self._process: subprocess.Popen | None = None
        (folder / ".dvc").mkdir(parents=True)
        shutil.copy(ROOT / "params.yaml", folder)

    @property
    def log(self) -> Path:
        return self._folder / "log"

    @property
    def process(self) -> psutil.Process:
        """The running command, whose children answer."""
        return psutil.Process(self._running.pid)

    @property
    def _running(self) -> subprocess.Popen:
        if self._process is None:
            raise UserError(f"the replica on {self.host} was not started")
        return self._process

    def start(self) -> None:
        """Start it in a process group of its own, which `kill` ends as a whole."""
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        """Wait until /readyz is 200. Raises UserError, with its log, where it does not come."""
        _wait(self._is_ready, self._running, f"the replica on {self.host}", self.log)

    def _is_ready(self) -> bool:
        connection = HTTPConnection(self.host, self._port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """End all of its processes at once, as where a machine is lost."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def terminate(self) -> int:
        """End it as an orchestrator does: it answers what it has begun; returns its exit status."""
        self._running.terminate()
        return self._running.wait(SECONDS)


class Balancer(NamedTuple):
    """A running HAProxy: the port for clients, and the one for operators."""

    port: int
    operators: int

    def metric(self, name: str) -> float:
        """The sum of one of HAProxy's metrics over the replicas, by its name without the prefix, such as
        `backend_active_servers`."""
        with urlopen(f"http://{HOST}:{self.operators}/metrics", timeout=5) as response:
            families = text_string_to_metric_families(response.read().decode())
            samples = [one for family in families for one in family.samples if one.name == f"haproxy_{name}"]
        return sum(one.value for one in samples if one.labels["proxy"] == "replicas")

    def answers(self) -> bool:
        """Whether it listens."""
        try:
            self.metric("backend_active_servers")
        except OSError:
            return False
        return True

    def wait_for(self, replicas: int) -> None:
        """Wait until so many replicas get requests."""
        self._wait("backend_active_servers", lambda found: found == replicas)

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many more requests have come."""
        name = "backend_http_requests_total"
        before = self.metric(name)
        self._wait(name, lambda found: found >= before + count)

    def _wait(self, name: str, is_reached: Callable[[float], bool]) -> None:
        end = time.perf_counter() + SECONDS
        while not is_reached(found := self.metric(name)):
            if time.perf_counter() > end:
                raise UserError(f"the balancer's {name} stays {found:g}")
            time.sleep(0.05)


class _NameServer(socketserver.ThreadingUDPServer):
    """Answers every question for an IPv4 address with all of its addresses."""

    addresses: tuple[str, ...] = ()


class _Answer(socketserver.BaseRequestHandler):
    server: _NameServer

    def handle(self) -> None:
        """A response of RFC 1035, section 4: the question again, and a record for each address, whose name is a pointer
        to that of the question."""
        query, reply = self.request
        end = query.index(b"\0", DNS_HEADER) + 5  # the name, and after it type and class
        question = query[DNS_HEADER:end]
        found = self.server.addresses if question.endswith(bytes([0, A, 0, IN])) else ()
        head = query[:2] + bytes([0x81, 0x80, 0, 1, 0, len(found), 0, 0, 0, 0])
        record = bytes([0xC0, DNS_HEADER, 0, A, 0, IN, 0, 0, 0, 1, 0, 4])  # valid for a second
        answer = b"".join(record + bytes(map(int, one.split("."))) for one in found)
        reply.sendto(head + question + answer, self.client_address)


@contextmanager
def name_server(*addresses: str) -> Iterator[int]:
    """The port on loopback of a DNS server that has these addresses for each name."""
    with _NameServer((HOST, 0), _Answer) as server:
        server.addresses = addresses
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@contextmanager
def balancer(folder: Path, port: int, *addresses: str, trusted: str = "") -> Iterator[Balancer]:
    """HAProxy with deploy/haproxy.cfg before these addresses, all with the same port; its log is in `folder`.

    `trusted` has the addresses, separated by spaces, of proxies whose X-Forwarded-For it believes.
    """
    found = Balancer(free_port(), free_port())
    with name_server(*addresses) as dns, (folder / "haproxy.log").open("w") as log:
        environment = {
            "DIGITS_SERVICE": f"digits.test:{port}",
            "DIGITS_DNS": f"{HOST}:{dns}",
            "BALANCER_LISTEN": f"{HOST}:{found.port}",
            "BALANCER_STATS": f"{HOST}:{found.operators}",
            "BALANCER_TRUSTED": trusted,
        }
        command = [program("haproxy"), "-db", "-f", str(CONFIG)]
        with subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log) as process:
            try:
                _wait(found.answers, process, "the balancer", folder / "haproxy.log")
                yield found
            finally:
                process.terminate()


def program(name: str) -> str:
    """The path of a program. Raises UserError where it is not installed."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        raise UserError(f"{name} is not installed: `apt-get install {name}`")
    return found


@contextmanager
def replicas(folder: Path, count: int, workers: int, store: str) -> Iterator[tuple[list[Replica], int]]:
    """So many running replicas, ready, and their port; `store` is the address of the tracking store."""
    port = free_port()
    with ExitStack() as stack:
        found = [
            Replica(folder / f"replica_{number}", f"127.0.0.{number}", port, workers, store)
            for number in range(1, count + 1)
        ]
        for one in found:
            stack.callback(one.kill)
            one.start()
        for one in found:
            one.wait_until_ready()
        yield found, port


def _wait(answers: Callable[[], bool], process: subprocess.Popen, name: str, log: Path) -> None:
    """Wait until a process answers. Raises UserError, with its log, where it ends or takes too long."""
    end = time.perf_counter() + SECONDS
    while not answers():
        if process.poll() is not None or time.perf_counter() > end:
            raise UserError(f"{name} does not start:\n{log.read_text()}")
        time.sleep(0.02)

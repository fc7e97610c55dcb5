"""The service's processes under attack and at their end: schemathesis, many clients, endless bodies, SIGTERM. 40 s.

The tests run in their order: the last one ends the service. DIGITS_LOAD_SECONDS=60 lets the 500 clients ask for a
minute.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
import pytest
from PIL import Image

from digits.data.pictures import encode_png
from tests.encoding import encode_image
from tests.imports import ROOT
from tests.loopback import free_port, stop, wait_for
from tests.serving import write_constant
from tests.waiting import wait_until

LOAD_SECONDS = float(os.environ.get("DIGITS_LOAD_SECONDS", "5"))
CLIENTS = 500
MIB = 1 << 20
KEY = "a-key-of-the-service-0123"
SERVE = """
import sys
from dataclasses import replace
from pathlib import Path
from digits.serving import server
from tests.serving import with_feedback

folder, port, key = sys.argv[1:]
settings = replace(with_feedback(Path(folder), Path(folder) / "feedback"), api_keys=(key,))
server.run(settings, "127.0.0.1", int(port), 1, lambda: None)
"""
BOUNDARY = b"--limit\r\n"
FILE = b'Content-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
UPLOAD = f"""POST /v1/predict HTTP/1.1\r
Host: localhost\r
Authorization: Bearer {KEY}\r
Content-Type: multipart/form-data; boundary=limit\r
""".encode()
# What only a picture's or a tensor's content can violate, and no schema can say
SCHEMATHESIS = """
cache.enabled = false

[[operations]]
include-path = ["/v1/predict", "/v1/read", "/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "404", "413", "422"]
checks.negative_data_rejection.expected-statuses = ["400", "404", "405", "413", "415", "422"]

[[operations]]
include-path = ["/v1/feedback"]
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "413", "422", "429"]
checks.negative_data_rejection.expected-statuses = ["400", "405", "413", "415", "422", "429"]
"""


class Served(NamedTuple):
    """The processes of `digits serve` on a local copy of a champion, without a registry."""

    process: subprocess.Popen
    port: int

    def worker(self) -> psutil.Process:
        """The server process: the other child keeps track of what processes share."""
        return max(psutil.Process(self.process.pid).children(), key=lambda child: child.memory_info().rss)

    def memory(self) -> float:
        """MiB of the server process."""
        return self.worker().memory_info().rss / MIB

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def status(self, path: str = "/readyz") -> int:
        """The status of a GET request; 0 where the connection is refused."""
        with suppress(ConnectionError), closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().status
        return 0

    def peak(self, clients: list[Callable[[], object]]) -> float:
        """The largest memory while these run in threads, in MiB."""
        threads = [threading.Thread(target=client) for client in clients]
        for thread in threads:
            thread.start()
        found = 0.0
        while any(thread.is_alive() for thread in threads):
            found = max(found, self.memory())
            time.sleep(0.02)
        return found


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    folder = write_constant(tmp_path_factory.mktemp("served"))
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(folder), str(port), KEY]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stderr=log, cwd=ROOT) as process:
        try:
            wait_for(port)
            yield Served(process, port)
        finally:
            stop(process)
    assert '"traceback"' not in (folder / "log").read_text()
    assert KEY not in (folder / "log").read_text()


def form(*pictures: bytes) -> bytes:
    body = b"".join(BOUNDARY + FILE + picture + b"\r\n" for picture in pictures) + b"--limit--\r\n"
    return UPLOAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


def noise(count: int) -> bytes:
    """A request with pictures whose size varies with their number."""
    random = np.random.default_rng(count)
    return form(*(encode_png(random.integers(0, 256, (20 + count, 30)).astype(np.uint8)) for _ in range(count)))


def response(connection: socket.socket) -> tuple[int, bytes]:
    """The status and the content of a response."""
    with connection.makefile("rb") as file:
        code, length = int(file.readline().split()[1]), 0
        while line := file.readline().strip().lower():
            length = int(line[15:]) if line.startswith(b"content-length:") else length
        return code, file.read(length)


def test_schemathesis_finds_nothing(served, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(SCHEMATHESIS)
    command = [Path(sys.executable).with_name("st"), "--config-file", tmp_path / "schemathesis.toml", "run"]
    command += [f"http://127.0.0.1:{served.port}/openapi.json", "--header", f"Authorization: Bearer {KEY}"]
    command += ["--max-examples", "20", "--seed", "0", "--continue-on-failure", "--suppress-health-check", "all"]
    found = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert found.returncode == 0, found.stdout[-8000:]
    print(found.stdout[-400:])


def test_a_key_in_the_address_opens_nothing_and_is_not_logged(served):
    assert served.status(f"/v1/model?key={KEY}") == 401  # `served` looks at the log


async def ask_until(end: float, port: int, request: bytes, found: Counter, slowest: list[float]) -> None:
    """A client with one connection, which comes back when it is asked to."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while time.monotonic() < end:
        start = time.monotonic()
        writer.write(request)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
        await reader.readexactly(next(int(line[15:]) for line in lines if line.startswith("content-length:")))
        slowest.append(time.monotonic() - start)
        code = lines[0].split(" ")[1]
        found[code if code != "503" or "retry-after: 1" in lines else "503 without Retry-After"] += 1
        await asyncio.sleep(1 if code == "503" else 0)
    writer.close()


def test_five_hundred_clients_at_the_same_time_get_answers_or_are_asked_to_come_back(served):
    requests = [noise(count) for count in (1, 1, 1, 5, 20)]

    async def load(seconds: float) -> tuple[Counter, list[float]]:
        found, times, end = Counter(), [], time.monotonic() + seconds
        each = [ask_until(end, served.port, requests[number % 5], found, times) for number in range(CLIENTS)]
        await asyncio.gather(*each)
        return found, sorted(times)

    asyncio.run(load(2))  # the memory that so many connections need
    before = served.memory()
    found, times = asyncio.run(load(LOAD_SECONDS))
    after = served.memory()
    start = time.perf_counter()
    with closing(served.connect()) as connection:
        connection.sendall(requests[0])
        assert response(connection)[0] == 200
    took = time.perf_counter() - start
    median, last = times[len(times) // 2], times[-1]
    print(f"{dict(found)}, {median:.2f} to {last:.2f} s, {before:.0f} to {after:.0f} MiB, then {took * 1000:.0f} ms")
    assert found.keys() <= {"200", "503"}
    assert found["200"] > 50 * LOAD_SECONDS
    assert after < before + 30
    assert took < 5


def test_endless_bodies_of_many_clients_take_bounded_memory(served):
    answered = []

    def send() -> None:
        with closing(served.connect()) as connection:
            with suppress(OSError):
                connection.sendall(UPLOAD + b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(300):  # MiB, of which the server keeps 20
                    connection.sendall(b"100000\r\n" + bytes(MIB) + b"\r\n")
            with suppress(OSError, IndexError):  # reset, since it sent on for seconds after the response
                answered.append(response(connection)[0])

    before = served.memory()
    peak = served.peak([send] * 20)
    print(f"{before:.0f}, {peak:.0f}, {served.memory():.0f} MiB, {Counter(answered)}")
    assert set(answered) == {413, 503}
    assert peak < before + 130  # the 60 MiB that all together may have, and what is on its way
    assert served.status() == 200


def test_large_pictures_take_the_memory_of_one_at_a_time(served):
    request, answered = form(encode_image(Image.new("L", (7_900, 7_900), 255), "PNG")), []

    def send() -> None:
        with closing(served.connect()) as connection:
            connection.sendall(request)
            answered.append(response(connection)[0])

    before = served.memory()
    peak = served.peak([send] * 12)
    print(f"{before:.0f}, {peak:.0f}, {served.memory():.0f} MiB, {Counter(answered)}")
    assert set(answered) == {200, 503}
    assert peak < before + 300


def test_sigterm_of_a_server_process_loses_no_request(served):
    old, request = served.worker(), noise(3)
    with closing(served.connect()) as connection:
        connection.sendall(request[:-9])
        time.sleep(0.1)
        old.terminate()
        time.sleep(0.3)
        connection.sendall(request[-9:])
        assert response(connection)[0] == 200
    assert served.status() == 200  # it waits for the next process
    assert served.worker().pid != old.pid


def test_sigterm_lets_a_request_in_flight_end_and_refuses_new_ones(served):
    request = noise(3)
    with closing(served.connect()) as connection:
        connection.sendall(request[:-9])
        time.sleep(0.1)
        served.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not served.status("/livez"), seconds=5)  # new connections are not answered
        connection.sendall(request[-9:])
        code, content = response(connection)
    assert (code, len(json.loads(content)["predictions"])) == (200, 3)
    assert served.process.wait(10) == 0

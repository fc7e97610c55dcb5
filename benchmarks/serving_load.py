"""A load generator for HTTP servers on this machine, in one process; closed loop: a connection sends its next request
when it has the answer to the last one.

    python -m benchmarks.serving_load PORT    # a server that does nothing, to measure the generator itself
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from http.client import HTTPConnection
from itertools import cycle, takewhile
from typing import NamedTuple

import httptools
import numpy as np
import uvloop

HOST = "127.0.0.1"
NOTHING = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Request(NamedTuple):
    """A POST request."""

    path: str
    headers: dict[str, str]
    body: bytes

    def encoded(self) -> bytes:
        lines = {"Host": HOST, **self.headers, "Content-Length": str(len(self.body))}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST {self.path} HTTP/1.1\r\n{head}\r\n".encode() + self.body


class Load(NamedTuple):
    """What a server did under load."""

    seconds: float  # from the first request to the last answer
    latencies: np.ndarray  # (n,) float64 of the requests with status 200, in seconds
    errors: Counter  # of the others: how many by HTTP status; "closed" where the server ended the connection

    @property
    def rate(self) -> float:
        """Successful requests per second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        """Of the latencies, in milliseconds; nan where there are none."""
        return float(np.percentile(self.latencies, percent)) * 1000 if len(self.latencies) else float("nan")


class _Connection(asyncio.Protocol):
    """One keep-alive connection; `httptools` calls its `on_message_complete`."""

    def __init__(self, requests: Iterator[bytes], latencies: list[float], errors: Counter) -> None:
        self.requests, self.latencies, self.errors = requests, latencies, errors
        self.done = asyncio.get_running_loop().create_future()  # True: all is sent; False: the connection ended
        self.awaits_answer = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.send()

    def send(self) -> None:
        request = next(self.requests, None)
        if request is None:
            self.done.set_result(True)
            self.transport.close()
            return
        self.awaits_answer, self.sent = True, time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status == 200:
            self.latencies.append(time.perf_counter() - self.sent)
        else:
            self.errors[status] += 1
        self.awaits_answer = False
        if self.parser.should_keep_alive():
            self.send()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.awaits_answer:
            self.errors["closed"] += 1
        if not self.done.done():
            self.done.set_result(False)


def for_seconds(requests: Iterable[bytes], seconds: float) -> Iterator[bytes]:
    """The requests over and over, until the time is up."""
    end = time.perf_counter() + seconds
    return takewhile(lambda _: time.perf_counter() < end, cycle(requests))


def drive(port: int, requests: Iterable[bytes], connections: int) -> Load:
    """Send all requests over so many connections at a time. Raises OSError where nothing listens on the port."""
    return uvloop.run(_drive(port, iter(requests), connections))


async def _drive(port: int, requests: Iterator[bytes], connections: int) -> Load:
    latencies: list[float] = []
    errors: Counter = Counter()

    async def connect() -> None:
        done = False
        while not done:
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: _Connection(requests, latencies, errors), HOST, port
            )
            done = await connection.done

    began = time.perf_counter()
    await asyncio.gather(*(connect() for _ in range(connections)))
    return Load(time.perf_counter() - began, np.array(latencies), errors)


def ask(port: int, request: Request) -> tuple[int, dict[str, str], bytes]:
    """Send one request; its status, headers and body. Raises OSError where nothing listens on the port."""
    connection = HTTPConnection(HOST, port, timeout=30)
    try:
        connection.request("POST", request.path, request.body, request.headers)
        response = connection.getresponse()
        return response.status, dict(response.headers), response.read()
    finally:
        connection.close()


class _Nothing(asyncio.Protocol):
    """Answers each request at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport, self.parser = transport, httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.transport.write(NOTHING)


async def _serve_nothing(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Nothing, HOST, port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve_nothing(int(sys.argv[1])))

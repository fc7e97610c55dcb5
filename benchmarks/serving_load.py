"""A load generator for HTTP servers on this machine, in one process; closed loop: a connection sends its next request
when it has the answer to the last one.

    python -m benchmarks.serving_load PORT    # a server that does nothing, to measure the generator itself
"""

import asyncio
import math
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
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
    answered: np.ndarray  # (n,) float64: when each of them was answered, by time.perf_counter()
    # Of the others: how many by HTTP status; "closed" where the server ended the connection, "wrong" by `is_right`
    errors: Counter

    @property
    def rate(self) -> float:
        """Successful requests per second."""
        return len(self.latencies) / self.seconds

    def between(self, begin: float, end: float) -> "Load":
        """The part that was answered from `begin` to `end`, without the errors."""
        within = (begin <= self.answered) & (self.answered < end)
        return Load(end - begin, self.latencies[within], self.answered[within], Counter())

    def percentile(self, percent: float) -> float:
        """Of the latencies, in milliseconds; nan where there are none."""
        return float(np.percentile(self.latencies, percent)) * 1000 if len(self.latencies) else float("nan")


class _Work:
    """What all connections share: the requests, how many a second at most, and what came of them."""

    def __init__(self, requests: Iterator[bytes], rate: float, is_right: Callable[[bytes, bytes], bool]) -> None:
        self.requests, self.is_right = requests, is_right
        self.latencies: list[float] = []
        self.answered: list[float] = []
        self.errors: Counter = Counter()
        self._interval, self._next = 1 / rate, time.perf_counter()

    def wait(self) -> float:
        """Seconds until the next request is due; 0 where it is late."""
        now = time.perf_counter()
        self._next = max(now, self._next + self._interval)
        return self._next - now


class _Connection(asyncio.Protocol):
    """One keep-alive connection; `httptools` calls its `on_body` and `on_message_complete`."""

    def __init__(self, work: _Work) -> None:
        self.work = work
        self.done = asyncio.get_running_loop().create_future()  # True: all is sent; False: the connection ended
        self.awaits_answer = False
        self.body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.parser = httptools.HttpResponseParser(self)
        self.send_when_due()

    def send_when_due(self) -> None:
        seconds = self.work.wait()
        if seconds:
            asyncio.get_running_loop().call_later(seconds, self.send)
        else:
            self.send()

    def send(self) -> None:
        if self.transport.is_closing():  # the server closed it meanwhile: another connection sends the request
            return
        request = next(self.work.requests, None)
        if request is None:
            self.done.set_result(True)
            self.transport.close()
            return
        self.request, self.body = request, b""
        self.awaits_answer, self.sent = True, time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        self.body += part

    def on_message_complete(self) -> None:
        status, now = self.parser.get_status_code(), time.perf_counter()
        if status != 200:
            self.work.errors[status] += 1
        elif not self.work.is_right(self.request, self.body):
            self.work.errors["wrong"] += 1
        else:
            self.work.latencies.append(now - self.sent)
            self.work.answered.append(now)
        self.awaits_answer = False
        if self.parser.should_keep_alive():
            self.send_when_due()
        else:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.awaits_answer:
            self.work.errors["closed"] += 1
        if not self.done.done():
            self.done.set_result(False)


def for_seconds(requests: Iterable[bytes], seconds: float) -> Iterator[bytes]:
    """The requests over and over, until the time is up."""
    end = time.perf_counter() + seconds
    return takewhile(lambda _: time.perf_counter() < end, cycle(requests))


def drive(
    port: int,
    requests: Iterable[bytes],
    connections: int,
    rate: float = math.inf,
    is_right: Callable[[bytes, bytes], bool] = lambda request, body: True,
) -> Load:
    """Send all requests over so many connections at a time, `rate` a second at most.

    `is_right` says of a request and the body of its answer of status 200 whether that is right. Raises OSError where
    nothing listens on the port.
    """
    return uvloop.run(_drive(port, iter(requests), connections, rate, is_right))


async def _drive(
    port: int, requests: Iterator[bytes], connections: int, rate: float, is_right: Callable[[bytes, bytes], bool]
) -> Load:
    work = _Work(requests, rate, is_right)

    async def connect() -> None:
        done = False
        while not done:
            _, connection = await asyncio.get_running_loop().create_connection(lambda: _Connection(work), HOST, port)
            done = await connection.done

    began = time.perf_counter()
    await asyncio.gather(*(connect() for _ in range(connections)))
    return Load(time.perf_counter() - began, np.array(work.latencies), np.array(work.answered), work.errors)


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

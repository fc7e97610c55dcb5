"""Connections of clients that are slow, silent or without an end: uvicorn itself waits for them for ever."""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from digits.params import Serve
from digits.serving import logs, metrics, problems
from digits.serving.joined_writes import JoinedWrites
from digits.serving.problems import ProblemError, overloaded

MAX_HEAD = 64 << 10  # bytes of a request's head, and of its trailers: browsers and proxies send some 8 KiB at most
PART = 16 << 10  # bytes that are parsed before the limits are looked at again
CHUNK_OVERHEAD = 9  # bytes around each byte of a body, where every chunk has one: the size in hex and two line ends
log = logging.getLogger("digits.serving")


class Connection(HttpToolsProtocol):
    """Closed with 408 where a request's head is late, with 431 where it is too long, with 503 where too many are open.

    It is cut off where the client doesn't take a response in time.
    """

    def __init__(self, limits: Serve, **others: Any) -> None:
        super().__init__(**others)
        self._limits = limits
        self._head: asyncio.TimerHandle | None = None  # runs until the head is complete
        self._response: asyncio.TimerHandle | None = None  # runs while the client takes no more of a response
        self._in_head = False
        self._overhead = 0  # bytes of the head, then those of the body's encoding

    def connection_made(self, transport: Any) -> None:
        super().connection_made(JoinedWrites(transport, self.loop))  # type: ignore[arg-type]  # it has all that is used
        if len(self.connections) > self._limits.max_connections:
            self._refuse(overloaded("too many connections are open"))
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._head)
        _cancel(self._response)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head is None and (self.cycle is None or self.cycle.response_complete):
            self._expect_head()
        for start in range(0, len(data), PART):
            part = data[start : start + PART]
            if self._overhead + len(part) > MAX_HEAD:
                long = f"the request's head, or what follows its body, is longer than {MAX_HEAD >> 10} KiB"
                self._refuse(ProblemError(431, long))
            if self.transport.is_closing():
                return
            super().data_received(part)
            self._overhead += len(part)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._overhead = True, 0

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # a trailer comes after all checks of the headers, and changes none
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._overhead = False, 0
        _cancel(self._head)
        self._head = None
        if self.parser.should_upgrade() and {b"content-length", b"transfer-encoding"} & {
            name for name, _ in self.headers
        }:
            self._refuse(ProblemError(400, "expected no header Upgrade with a body: this server speaks HTTP/1.1"))
            return  # the parser would skip the body
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        self._overhead = max(0, self._overhead - (1 + CHUNK_OVERHEAD) * len(body))

    def pause_writing(self) -> None:
        super().pause_writing()
        self._expect_reading()

    def resume_writing(self) -> None:
        _cancel(self._response)
        self._response = None
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():  # as soon as the client has taken the response
            self._expect_reading()

    def timeout_keep_alive_handler(self) -> None:
        self.transport.abort()  # close() would wait for a client that takes nothing

    def send_400_response(self, msg: str) -> None:
        self._refuse(ProblemError(400, "the request is not HTTP/1.1"))

    def _unsupported_upgrade_warning(self) -> None:
        """It would recommend a library for WebSockets."""

    def _expect_head(self) -> None:
        seconds = self._limits.head_seconds
        late = ProblemError(408, f"the request's head did not come within {seconds:g} s")
        self._head = self.loop.call_later(seconds, self._refuse, late)

    def _expect_reading(self) -> None:
        if self._response is None:
            self._response = self.loop.call_later(self._limits.body_seconds, self.transport.abort)

    def _refuse(self, problem: ProblemError) -> None:
        """Answer in place of the application, and close."""
        cycle = self.cycle
        if self.pipeline or (cycle is not None and cycle.response_started and not cycle.response_complete):
            self.transport.abort()  # two responses would be mixed
            return
        if cycle is not None:
            cycle.disconnected = True  # what the application may still answer is not sent
        request_id = logs.new_request_id()
        response = problems.response(problem, "/")
        response.headers["X-Request-ID"] = request_id
        metrics.REQUESTS.labels("unknown", problem.status).inc()
        client = self.client[0] if self.client else None
        log.info("refused", extra={"request_id": request_id, "status": problem.status, "client": client})
        head = f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\nconnection: close\r\n".encode()
        headers = b"".join(b"%b: %b\r\n" % header for header in response.raw_headers)
        self.transport.write(head + headers + b"\r\n" + bytes(response.body))
        self.transport.close()
        self._expect_reading()


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

"""What comes before and after every route: request id, access, body, errors, metrics and a line in the log."""

import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from digits.errors import printable
from digits.serving import logs, metrics, problems, tracing
from digits.serving.access import Access
from digits.serving.bodies import Bodies, Receive, discard
from digits.serving.problems import ProblemError
from digits.serving.settings import Settings

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

REQUEST_ID = re.compile("[A-Za-z0-9_.-]{1,64}")  # of a client's own: anything else could forge a line of the log
SECURITY = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-origin"),
]
MAX_PATH = 200  # characters in the log: a client can send far longer ones
log = logging.getLogger("digits.serving")


class RequestMiddleware:
    """ASGI middleware around the whole application."""

    def __init__(self, app: Callable[..., Awaitable[None]], settings: Settings) -> None:
        self._app = app
        self._access, self._bodies = Access(settings), Bodies(settings.limits)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request = _Observed(scope, headers, send)
        unread = b"content-length" in headers or b"transfer-encoding" in headers
        try:
            self._access.check(scope, headers)
            async with self._bodies.of(receive, headers) as body:
                unread = False
                await self._app(scope, _replay(body, receive), request.send)
        except ProblemError as problem:
            problem.__traceback__ = problem.__context__ = None  # their frames would keep the body meanwhile
            answer = problems.response(problem, scope["path"])
            if unread:
                answer.headers["Connection"] = "close"
            await answer(scope, receive, _then_discard(request.send, receive) if unread else request.send)
        except Exception:
            log.exception("a request failed", extra={"request_id": request.id})
            if not request.status:
                failed = ProblemError(500, f"the server failed; its log has the request {request.id}")
                await problems.response(failed, scope["path"])(scope, receive, request.send)
        finally:
            request.finish()


class _Observed:
    """A request's id, and what is counted and logged of it."""

    def __init__(self, scope: Message, headers: dict[bytes, bytes], send: Send) -> None:
        self._start = time.perf_counter()
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        self.id = given if REQUEST_ID.fullmatch(given) else logs.new_request_id()
        self.status = 0
        self._scope, self._send = scope, send
        scope.setdefault("state", {})["request_id"] = self.id  # a route reads it as `request.state.request_id`
        tracing.describe({tracing.REQUEST_ID: self.id})

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message["headers"], (b"x-request-id", self.id.encode()), *SECURITY]
        await self._send(message)

    def finish(self) -> None:
        seconds = time.perf_counter() - self._start
        matched = self._scope.get("route")
        route = getattr(matched, "path", "unknown")  # not the path, of which there are endlessly many
        metrics.REQUESTS.labels(route, self.status).inc()
        metrics.LATENCY.labels(route).observe(seconds)
        client = self._scope.get("client")
        extra = {
            "request_id": self.id,
            "method": self._scope["method"],
            "path": route if matched else printable(self._scope["path"][:MAX_PATH]),
            "status": self.status,
            "milliseconds": round(seconds * 1000, 2),
            "client": client[0] if client else None,
        }
        if (trace_id := tracing.trace_id()) is not None:
            extra["trace_id"] = trace_id
        log.info("request", extra=extra)


def _replay(body: bytes, receive: Receive) -> Receive:
    """The body that was read as one message, then what the client sends after it: that it has gone."""
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _then_discard(send: Send, receive: Receive) -> Send:
    """Send a response of one message to a client that still sends its body, and end it when that has ended."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.body":
            await send({**message, "more_body": True})
            await discard(receive)
            message = {"type": "http.response.body"}
        await send(message)

    return sent

"""A transport that sends what is written in one turn of the event loop by one system call."""

import asyncio
from typing import Any

MAX_HELD_BYTES = 64 << 10  # more is sent at once, so that a response of many parts waits for its client


class JoinedWrites:
    """Around a transport of asyncio. A response's head and body are written one after the other: sent apart, a process
    that is killed between the two leaves half a response, which no balancer can ask another replica for.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> None:
        """Send it at the end of this turn, after what was written before it."""
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)
        self._size += len(data)
        if self._size > MAX_HELD_BYTES:
            self._flush()

    def close(self) -> None:
        """Send what was written, and close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close without sending what is held."""
        self._parts, self._size = [], 0
        self._transport.abort()

    def _flush(self) -> None:
        if self._parts:
            joined = b"".join(self._parts)
            self._parts, self._size = [], 0
            self._transport.write(joined)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

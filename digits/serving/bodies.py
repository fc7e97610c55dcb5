"""The body of a request, read whole under limits before anything looks at it."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

from digits.params import Serve
from digits.serving.problems import ProblemError, overloaded

MIB = 1 << 20
WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}  # by Content-Encoding
STEP = 64 << 10  # bytes that are decompressed, to at most a MiB, before other requests go on
DISCARD_SECONDS = 2.0  # enough for a client to read why it is refused, while it still sends

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Hold = Callable[[int], None]


class Bodies:
    """Reads bodies; how many bytes a process holds of all requests is bounded."""

    def __init__(self, limits: Serve) -> None:
        self._limit, self._total = limits.max_body_mib * MIB, limits.max_bodies_mib * MIB
        self._seconds = limits.body_seconds
        self._held = 0

    @asynccontextmanager
    async def of(self, receive: Receive, headers: dict[bytes, bytes]) -> AsyncIterator[bytes]:
        """The body, decompressed, which counts as held within the block.

        Raises a ProblemError: 413 as soon as it is too long, 408 where it is slow, 503 where too many are held.
        """
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._limit:
            raise self._too_large()
        with self._counted() as hold:
            body = await self._receive(receive, hold)
            encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
            if encoding not in ("", "identity"):
                body = await self._decode(body, encoding, hold)
            yield body

    @contextmanager
    def _counted(self) -> Iterator[Hold]:
        """A function that counts so many bytes more as held, until the block ends."""
        held = 0

        def hold(count: int) -> None:
            nonlocal held
            held += count
            self._held += count
            if self._held > self._total:
                raise overloaded("too many requests are being received")

        try:
            yield hold
        finally:
            self._held -= held

    async def _receive(self, receive: Receive, hold: Hold) -> bytes:
        chunks, length, more = [], 0, True  # joined at the end: a growing array would be copied again and again
        try:
            async with asyncio.timeout(self._seconds):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ProblemError(400, "the client went before its body was complete")
                    chunk, more = message.get("body", b""), message.get("more_body", False)
                    chunks.append(chunk)
                    length += len(chunk)
                    self._check(length, len(chunk), hold)
        except TimeoutError:
            raise ProblemError(408, f"the body did not come within {self._seconds:g} s") from None
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _decode(self, body: bytes, encoding: str, hold: Hold) -> bytes:
        if encoding not in WINDOW_BITS:
            raise ProblemError(415, f"Content-Encoding: {encoding[:50]}; expected gzip, deflate or none")
        stream, chunks, length = zlib.decompressobj(WINDOW_BITS[encoding]), [], 0
        try:
            for start in range(0, len(body), STEP):
                left = body[start : start + STEP]
                while left and not stream.eof:
                    chunks.append(stream.decompress(left, MIB))
                    length += len(chunks[-1])
                    self._check(length, len(chunks[-1]), hold)
                    left = stream.unconsumed_tail
                    await asyncio.sleep(0)
                if left or stream.unused_data:
                    raise ProblemError(400, f"the body goes on after its {encoding} has ended")
            chunks.append(stream.flush())
        except zlib.error:
            raise ProblemError(400, f"the body is not {encoding}, as its Content-Encoding says") from None
        if not stream.eof:
            raise ProblemError(400, f"the body's {encoding} ends too early")
        return b"".join(chunks)

    def _check(self, length: int, more: int, hold: Hold) -> None:
        """Raise a ProblemError where a body of this length, `more` of it new, is too long, alone or with all others."""
        if length > self._limit:
            raise self._too_large()
        hold(more)

    def _too_large(self) -> ProblemError:
        return ProblemError(413, f"the body is longer than {self._limit // MIB} MiB; send fewer or smaller pictures")


async def discard(receive: Receive) -> None:
    """Read what still comes of a body, for a short time.

    A connection that is closed while the client sends is reset, so that the client might not see the response.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return

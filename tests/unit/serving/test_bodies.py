"""Bodies that are too long, slow, without an end or compressed, read without a network. 0.2 s in all."""

import asyncio
import gzip
import tracemalloc
import zlib
from itertools import repeat

import pytest

from digits.serving import bodies
from digits.serving.bodies import MIB, STEP, Bodies
from digits.serving.problems import ProblemError
from tests.serving import settings

CHUNK = bytes(STEP)


class Client:
    """Sends these chunks; with `ends` False it never says that they were all."""

    def __init__(self, chunks, ends: bool = True) -> None:
        self.chunks, self.ends, self.sent = iter(chunks), ends, 0

    async def receive(self) -> dict:
        chunk = next(self.chunks, None)
        if chunk is None and not self.ends:
            await asyncio.sleep(60)
        self.sent += len(chunk or b"")
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}


@pytest.fixture
def reader(tmp_path) -> Bodies:
    return Bodies(settings(tmp_path, max_body_mib=2, max_bodies_mib=3, body_seconds=0.05).limits)


def read(reader: Bodies, client: Client, **headers: str) -> bytes:
    """The body that the server reads of this client."""
    raw = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}

    async def received() -> bytes:
        async with reader.of(client.receive, raw) as body:
            return body

    return asyncio.run(received())


def refused(reader: Bodies, client: Client, **headers: str) -> ProblemError:
    with pytest.raises(ProblemError) as raised:
        read(reader, client, **headers)
    assert reader._held == 0
    return raised.value


def test_a_body_of_the_limit_is_read(reader):
    client = Client([CHUNK] * (2 * MIB // STEP))
    assert read(reader, client) == bytes(2 * MIB)
    assert reader._held == 0


def test_a_body_that_says_it_is_too_long_is_not_read_at_all(reader):
    client = Client(repeat(CHUNK))
    assert refused(reader, client, content_length=str(50 * MIB)).status == 413
    assert client.sent == 0


def test_a_body_without_an_end_is_read_up_to_the_limit_only(reader):
    client = Client(repeat(CHUNK))
    problem = refused(reader, client)
    assert (problem.status, problem.detail) == (413, "the body is longer than 2 MiB; send fewer or smaller pictures")
    assert client.sent <= 2 * MIB + STEP


def test_a_body_that_stops_coming_is_refused_in_time(reader):
    problem = refused(reader, Client([CHUNK], ends=False))
    assert (problem.status, problem.detail) == (408, "the body did not come within 0.05 s")


def test_a_client_that_goes_is_no_error_of_the_server(reader):
    async def gone() -> dict:
        return {"type": "http.disconnect"}

    client = Client([])
    client.receive = gone
    assert refused(reader, client).status == 400


def test_a_time_out_of_what_uses_the_body_is_not_taken_for_a_slow_body(reader):
    async def use() -> None:
        async with reader.of(Client([CHUNK]).receive, {}):
            raise TimeoutError

    with pytest.raises(TimeoutError):
        asyncio.run(use())
    assert reader._held == 0


def test_all_bodies_together_are_bounded(reader):
    async def two() -> None:
        async with reader.of(Client([CHUNK] * 25).receive, {}):
            with pytest.raises(ProblemError) as raised:
                async with reader.of(Client([CHUNK] * 25).receive, {}):
                    pass
            assert raised.value.status == 503
            assert raised.value.headers == {"Retry-After": "1"}

    asyncio.run(two())
    assert read(reader, Client([CHUNK])) == CHUNK


@pytest.mark.parametrize(
    "encoding, compress", [("gzip", gzip.compress), ("deflate", zlib.compress), ("GZIP ", gzip.compress)]
)
def test_a_compressed_body_is_decompressed(reader, encoding, compress):
    content = bytes(range(256)) * 4096
    compressed = compress(content)
    half = len(compressed) // 2
    assert read(reader, Client([compressed[:half], compressed[half:]]), content_encoding=encoding) == content


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_compressed_body_of_every_length_is_complete(reader, compress):
    for length in (0, 1, 257, MIB - 1, MIB, MIB + 1, 2 * MIB):
        encoding = "gzip" if compress is gzip.compress else "deflate"
        assert len(read(reader, Client([compress(bytes(length))]), content_encoding=encoding)) == length


def test_a_decompression_bomb_takes_little_memory(reader):
    bomb = gzip.compress(bytes(100 * MIB))
    tracemalloc.start()
    try:
        assert refused(reader, Client([bomb]), content_encoding="gzip").status == 413
        assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    finally:
        tracemalloc.stop()


def test_decompressed_bodies_count_among_all(reader):
    async def two() -> None:
        async with reader.of(Client([gzip.compress(bytes(2 * MIB))]).receive, {b"content-encoding": b"gzip"}):
            with pytest.raises(ProblemError, match="too many requests"):
                async with reader.of(Client([CHUNK] * 20).receive, {}):
                    pass

    asyncio.run(two())


@pytest.mark.parametrize(
    "body, encoding, status, words",
    [
        (b"no gzip", "gzip", 400, "not gzip"),
        (gzip.compress(b"picture", mtime=0)[:-4], "gzip", 400, "ends too early"),
        (b"", "gzip", 400, "ends too early"),
        (gzip.compress(b"picture", mtime=0) + b"more", "gzip", 400, "goes on"),
        (gzip.compress(b"picture", mtime=0) * 2, "gzip", 400, "goes on"),
        (gzip.compress(b"x" * STEP * 3, 0, mtime=0) + bytes(STEP), "gzip", 400, "goes on"),
        (gzip.compress(b"picture", mtime=0)[:-4] + b"\0\0\0\0", "gzip", 400, "not gzip"),
        (b"picture", "br", 415, "br; expected gzip"),
        (b"picture", "gzip, gzip", 415, "expected gzip"),
        (b"picture", "x" * 9999, 415, "expected gzip"),
    ],
)
def test_a_body_that_is_not_compressed_as_it_says_is_refused(reader, body, encoding, status, words):
    problem = refused(reader, Client([body]), content_encoding=encoding)
    assert problem.status == status
    assert words in problem.detail
    assert len(problem.detail) < 200


def test_what_still_comes_is_discarded_for_a_short_time_only(monkeypatch):
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 0.02)
    slow, short = Client([CHUNK], ends=False), Client([CHUNK] * 3)
    asyncio.run(bodies.discard(slow.receive))
    asyncio.run(bodies.discard(short.receive))
    assert short.sent == 3 * STEP

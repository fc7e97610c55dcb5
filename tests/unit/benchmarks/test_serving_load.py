"""The load generator against servers that answer at once, refuse or hang up. Some 0.1 s in all."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice, repeat

import numpy as np
import pytest
import uvloop

from benchmarks import serving_load
from benchmarks.serving_load import Load, Request

REQUEST = Request("/x", {"Content-Type": "text/plain"}, b"body")


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """The port of a server that gives these answers in turn, whatever it is sent; it hangs up for an empty one."""
    started, loop, ports, turns = threading.Event(), uvloop.new_event_loop(), [], cycle(answers)

    class Answers(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport = transport

        def data_received(self, data):
            answer = next(turns)
            self.transport.write(answer) if answer else self.transport.close()

    def serve():
        server = loop.run_until_complete(loop.create_server(Answers, serving_load.HOST, 0))
        ports.append(server.sockets[0].getsockname()[1])
        started.set()
        loop.run_forever()

    thread = threading.Thread(target=serve)
    thread.start()
    started.wait()
    try:
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_request_has_its_length():
    assert (
        REQUEST.encoded()
        == b"POST /x HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody"
    )


def test_rate_and_percentiles_are_of_the_answered_requests():
    load = Load(2.0, np.arange(1, 102) / 1000, np.arange(101.0), Counter({503: 7}))
    assert load.rate == 50.5
    assert [load.percentile(percent) for percent in (0, 50, 99)] == pytest.approx([1, 51, 100])
    part = load.between(10, 20)
    assert (part.rate, part.percentile(0), part.percentile(100)) == (1, pytest.approx(11), pytest.approx(20))
    assert np.isnan(load.between(200, 201).percentile(50))


def test_every_request_is_sent_once_over_all_connections():
    with answering(serving_load.NOTHING) as port:
        load = serving_load.drive(port, islice(repeat(REQUEST.encoded()), 50), 4)
    assert (len(load.latencies), load.errors) == (50, Counter())
    assert 0 < load.latencies.min() <= load.latencies.max() <= load.seconds


def test_refusals_and_lost_connections_are_errors_and_the_load_goes_on():
    refused = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
    final = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    with answering(serving_load.NOTHING, refused, b"", final) as port:
        load = serving_load.drive(port, islice(repeat(REQUEST.encoded()), 40), 1)
    assert (len(load.latencies), load.errors) == (20, Counter({503: 10, "closed": 10}))


def test_an_answer_that_is_not_right_is_an_error():
    requests = [Request("/x", {}, body).encoded() for body in (b"odd", b"even", b"odd")]
    with answering(serving_load.NOTHING) as port:
        load = serving_load.drive(
            port, requests, 1, is_right=lambda request, body: b"even" in request and body == b"{}"
        )
    assert (len(load.latencies), load.errors) == (1, Counter(wrong=2))


def test_the_rate_limits_the_load_over_all_connections():
    with answering(serving_load.NOTHING) as port:
        load = serving_load.drive(port, [REQUEST.encoded()] * 20, 4, rate=400)
    assert load.seconds >= 18 / 400
    gaps = np.diff(np.sort(load.answered - load.latencies))
    assert np.median(gaps) > 0.5 / 400  # spread out, not all at once: a machine that is busy makes some larger


def test_the_time_ends_the_load():
    assert any(True for _ in serving_load.for_seconds([b""], 1))
    assert [*serving_load.for_seconds([b""], 0)] == []

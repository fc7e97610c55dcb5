"""Clients that are slow, silent or endless, and requests that are hardly HTTP, on loopback. 2.5 s in all.

What is cut off is asked of a server with short limits; what must succeed, of one with those of params.yaml.
"""

import json
import re
import socket
import time
from contextlib import ExitStack, closing

import pytest

from digits.serving import bodies
from tests.serving import running, settings, write_constant
from tests.waiting import wait_until

HEAD_SECONDS, BODY_SECONDS = 0.2, 0.3
LONG = "the request's head, or what follows its body, is longer than 64 KiB"
HOST = b"Host: localhost\r\n"
READY = b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with running(settings(write_constant(tmp_path_factory.mktemp("served")), max_body_mib=2, max_connections=20)) as at:
        yield int(at.rpartition(":")[2])


@pytest.fixture(scope="module")
def hasty_port(tmp_path_factory):
    limits = {"head_seconds": HEAD_SECONDS, "body_seconds": BODY_SECONDS}
    with running(settings(write_constant(tmp_path_factory.mktemp("served")), **limits)) as address:
        yield int(address.rpartition(":")[2])


@pytest.fixture
def connection(port):
    with connect(port) as opened:
        yield opened


@pytest.fixture
def hasty(hasty_port, monkeypatch):
    """A connection to the server with short limits."""
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 0.3)
    with connect(hasty_port) as opened:
        yield opened


@pytest.fixture(autouse=True)
def still_answers(port, hasty_port):
    yield
    for each in (port, hasty_port):
        wait_until(lambda each=each: is_alive(each))


def connect(port: int) -> closing[socket.socket]:
    return closing(socket.create_connection(("127.0.0.1", port), timeout=10))


def is_alive(port: int) -> bool:
    with connect(port) as opened:
        return status(ask(opened, READY.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))) == 200


def ask(connection: socket.socket, *sent: bytes) -> bytes:
    """All that is answered until the server closes the connection."""
    for data in sent:
        connection.sendall(data)
    answered = b""
    try:
        while data := connection.recv(1 << 16):
            answered += data
    except ConnectionResetError:
        pass
    return answered


def status(answered: bytes) -> int:
    return int(answered.split(b" ", 2)[1]) if answered else 0


def detail(answered: bytes) -> str:
    return json.loads(answered.partition(b"\r\n\r\n")[2])["detail"]


def is_cut_off(connection: socket.socket, data: bytes) -> bool:
    """Send this again and again, for four seconds; returns whether the server closed the connection meanwhile."""
    end = time.monotonic() + 4
    try:
        while time.monotonic() < end:
            connection.sendall(data)
            time.sleep(0.02)
    except OSError:
        return True
    return False


@pytest.mark.parametrize("begun", [b"GET /livez HTTP/1.1\r\n" + HOST + b"X: ", b"\r\n"])
def test_a_head_that_never_ends_is_cut_off(hasty, begun):
    hasty.sendall(begun)
    assert is_cut_off(hasty, b"\r\n" if begun == b"\r\n" else b"x")


@pytest.mark.parametrize("begun", [b"", READY[:20]])
def test_a_silent_client_is_answered_and_cut_off(hasty, begun):
    answered = ask(hasty, begun)
    assert (status(answered), detail(answered)) == (408, "the request's head did not come within 0.2 s")
    assert b"x-request-id: " in answered


def test_line_ends_between_two_requests_keep_no_connection_open(hasty):
    hasty.sendall(READY)
    assert is_cut_off(hasty, b"\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"p" * 100_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: x\r\n" % number for number in range(10_000)) + b"\r\n",
        b"\r\n" * 100_000,
    ],
)
def test_a_long_head_is_refused(connection, head):
    answered = ask(connection, head)
    assert (status(answered), detail(answered)) == (431, LONG)


def test_a_long_path_is_answered_but_not_repeated(connection):
    connection.sendall(b"GET /" + b"p" * 60_000 + b" HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    answered = ask(connection)
    assert (status(answered), len(answered) < 1000) == (404, True)


def test_a_body_a_byte_a_time_is_cut_off(hasty):
    hasty.sendall(b"POST /v1/predict HTTP/1.1\r\nContent-Length: 1000\r\n" + HOST + b"\r\n")
    assert is_cut_off(hasty, b"x")
    answered = ask(hasty)
    assert status(answered) in (408, 0)  # the answer is lost where the connection is reset while the client sends


def test_a_body_that_stops_coming_is_answered(hasty):
    hasty.sendall(b"POST /v1/predict HTTP/1.1\r\nContent-Length: 1000\r\n" + HOST + b"\r\nabc")
    assert hasty.recv(1 << 16).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("length", [b"Content-Length: 50000000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_client_that_sends_50_mb_can_read_why_it_is_refused(connection, length, monkeypatch):
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 30)
    connection.sendall(b"POST /v1/predict HTTP/1.1\r\n" + length + HOST + b"\r\n")
    sent = 0
    while sent < 50_000_000:  # whatever is answered meanwhile
        connection.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n" if b"chunked" in length else bytes(1 << 20))
        sent += 1 << 20
    answered = connection.recv(1 << 16)
    assert (status(answered), b"connection: close" in answered.lower()) == (413, True)
    assert detail(answered) == "the body is longer than 2 MiB; send fewer or smaller pictures"


def test_a_body_without_an_end_is_cut_off_after_a_while(connection, monkeypatch):
    monkeypatch.setattr(bodies, "DISCARD_SECONDS", 0.1)
    start = time.monotonic()
    connection.sendall(b"POST /v1/predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n")
    with pytest.raises(OSError):
        while time.monotonic() - start < 5:
            connection.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")


def test_a_client_that_asks_first_need_not_send_what_is_too_long(connection):
    head = b"POST /v1/predict HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: %d\r\n" + HOST + b"\r\n"
    connection.sendall(head % 50_000_000)
    assert connection.recv(1 << 16).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_asks_first_may_send_the_rest(connection):
    connection.sendall(b"POST /v1/predict HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + HOST + b"\r\n")
    assert connection.recv(1 << 16) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"{}")
    assert connection.recv(1 << 16).startswith(b"HTTP/1.1 415 ")


@pytest.mark.parametrize("trailer", [b"X-Endless: " + b"x" * 200_000, b"X: y\r\n" * 50_000], ids=["long", "many"])
def test_trailers_without_an_end_are_cut_off(connection, trailer):
    head = b"POST /v1/predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + HOST + b"\r\n"
    assert ask(connection, head, b"1\r\nx\r\n0\r\n", trailer).startswith(b"HTTP/1.1 431 ")


def test_a_trailer_is_no_header(connection):
    head = b"POST /v1/model HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" + HOST
    answered = ask(connection, head + b"X-Request-ID: head\r\n\r\n0\r\nX-Request-ID: trailer\r\nHost: evil\r\n\r\n")
    assert (status(answered), b"x-request-id: head\r\n" in answered) == (405, True)


def test_small_chunks_are_no_long_head(connection):
    head = b"POST /v1/predict HTTP/1.1\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n" + HOST + b"\r\n"
    assert status(ask(connection, head, b"1\r\nx\r\n" * 100_000, b"0\r\n\r\n")) == 415


def test_a_client_that_never_reads_is_cut_off(hasty_port):
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", hasty_port))
        request = READY.replace(b"/livez", b"/docs/files/swagger-ui-bundle.js")  # more than a megabyte
        reader.sendall(request * 12)
        assert is_cut_off(reader, b"\r\n")


def test_more_connections_than_the_limit_are_told_to_come_back(port):
    with ExitStack() as opened:
        *_, last = (opened.enter_context(connect(port)) for _ in range(25))
        answered = last.recv(1 << 16)
        assert (status(answered), b"retry-after: 1\r\n" in answered.lower()) == (503, True)


def test_pipelined_requests_are_answered_in_their_order(connection):
    paths = [b"/livez", b"/nothing", b"/v1/model"] * 20
    requests = [b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" for path in paths]
    requests[-1] = requests[-1].replace(HOST, HOST + b"Connection: close\r\n")
    answered = ask(connection, b"".join(requests))
    assert re.findall(rb"HTTP/1\.1 (\d+)", answered) == [b"200", b"404", b"200"] * 20


def test_http_1_0_is_answered_and_closed(connection):
    answered = ask(connection, b"GET /livez HTTP/1.0\r\n" + HOST + b"\r\n")
    assert (status(answered), answered.endswith(b'{"status":"alive"}')) == (200, True)


@pytest.mark.parametrize(
    "request_line, expected",
    [
        *((f"GET http://{host}/livez", 200) for host in ("localhost", "evil.example")),  # Host alone counts
        *(("GET livez", 400), ("GET http://localhost", 400), ("CONNECT evil.example:80", 400)),
        *(("OPTIONS *", 404), ("NONSENSE /livez", 400), ("get /livez", 400), ("GET /livez\0", 400)),
        *((f"{method} /livez", 405) for method in ("HEAD", "OPTIONS", "TRACE", "POST", "PUT", "DELETE", "PATCH")),
        *((f"GET {path}", 404) for path in ("//livez", "/livez/", "/static/../livez", "/%00", "/%ff")),
        *((f"GET /docs/files/{path}", 404)
          for path in ("%00", "../fastapi_offline.py", "..%2f..%2fpip", "%2e%2e/x", "/etc/passwd")),
    ],
)  # fmt: skip
def test_unusual_request_lines(connection, request_line, expected):
    answered = ask(connection, request_line.encode() + b" HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
    assert status(answered) == expected
    if expected == 405:
        assert b"allow: GET\r\n" in answered.lower().replace(b"get", b"GET")


@pytest.mark.parametrize(
    "headers",
    [
        *(b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"Content-Length: 2\r\nContent-Length: 3\r\n"),
        *(b"Content-Length: -1\r\n", b"Content-Length: x\r\n", b"Transfer-Encoding: nonsense\r\n", b"A B: x\r\n"),
        *(b"X: a\0b\r\n", b" folded\r\n", b": x\r\n", b"Content-Length: 99999999999999999999999\r\n"),
    ],
)
def test_a_request_whose_length_or_headers_are_in_doubt_is_refused(connection, headers):
    answered = ask(connection, b"POST /v1/predict HTTP/1.1\r\nConnection: close\r\n" + HOST + headers + b"\r\n{}")
    assert (status(answered), b"application/problem+json" in answered) == (400, True)


def test_an_offer_of_another_protocol_is_ignored(connection):
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    for _ in range(2):
        connection.sendall(b"GET /livez HTTP/1.1\r\n" + HOST + upgrade)
        assert status(connection.recv(1 << 16)) == 200


def test_a_client_that_offers_http_2_with_a_body_is_refused_since_the_parser_skips_it(connection):
    upgrade = b"Connection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    body = b"Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    answered = ask(connection, b"POST /v1/predict HTTP/1.1\r\n" + HOST + upgrade + body)
    assert (status(answered), "expected no header Upgrade" in detail(answered)) == (400, True)

"""deploy/haproxy.cfg, by HAProxy itself: before nothing, before two servers of which one fails, and before the service.

Some 4 s.
"""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from benchmarks.replicas import CONFIG, Balancer, balancer, free_port
from tests.feedback import folder_in_memory, noise
from tests.imports import ROOT
from tests.serving import running, with_feedback, write_constant

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
PROXY = "127.0.0.9"  # before the balancer
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not installed: `apt-get install haproxy`")


class Server(ThreadingHTTPServer):
    """Is ready, and answers a request with its headers; or, where it `fails`, hangs up."""

    daemon_threads = True
    fails = False
    received: int = 0


class _Answer(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/readyz":
            self._answer(b"{}")
            return
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.received += 1
        if self.server.fails:
            self.close_connection = True
            return
        self._answer(json.dumps({"path": self.path, **dict(self.headers)}).encode())

    do_POST = do_GET  # noqa: N815 - the name is that of the base class

    def _answer(self, content: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        """Nothing."""


@contextmanager
def server(host: str, port: int) -> Iterator[Server]:
    with Server((host, port), _Answer) as found:
        threading.Thread(target=found.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield found
        finally:
            found.shutdown()


@pytest.fixture(scope="module")
def servers(tmp_path_factory) -> Iterator[tuple[Balancer, list[Server]]]:
    port = free_port()
    with (
        server("127.0.0.1", port) as one,
        server("127.0.0.2", port) as other,
        balancer(tmp_path_factory.mktemp("haproxy"), port, "127.0.0.1", "127.0.0.2") as running,
    ):
        running.wait_for(2)
        yield running, [one, other]


@contextmanager
def feedback_behind_the_balancer(folder: Path, **bounds: int) -> Iterator[Balancer]:
    """The service, with these bounds of feedback, behind the balancer, which trusts PROXY."""
    served = write_constant(folder / "served")
    with (
        folder_in_memory() as queue,
        running(with_feedback(served, queue, ("127.0.0.1",), **bounds)) as address,
        balancer(folder, int(address.rpartition(":")[2]), "127.0.0.1", trusted=PROXY) as found,
    ):
        found.wait_for(1)
        yield found


def report(between: Balancer, picture: bytes, source: str = "127.0.0.1", client: str | None = None) -> int:
    """The status of feedback from this address, with the `client` in X-Forwarded-For."""
    asked = requests.Request("POST", "http://127.0.0.1/v1/feedback?consent=true", files={"file": picture}).prepare()
    headers = {**asked.headers, **({"X-Forwarded-For": client} if client else {})}
    connection = HTTPConnection("127.0.0.1", between.port, timeout=10, source_address=(source, 0))
    try:
        connection.request("POST", asked.path_url, asked.body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def ask(port: int, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> tuple[int, HTTPMessage, dict]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, response.headers, json.loads(response.read())
    finally:
        connection.close()


def test_haproxy_has_nothing_to_say_about_the_file():
    done = subprocess.run([HAPROXY, "-c", "-f", CONFIG.relative_to(ROOT)], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_a_replica_the_answer_is_problem_json(tmp_path):
    with balancer(tmp_path, free_port()) as running:
        status, headers, content = ask(running.port, "/v1/predict", "POST", b"{}", X_Request_ID="mine-1")
    assert (status, content["status"], content["title"]) == (503, 503, "Service Unavailable")
    assert content["error"] == content["detail"] == "no replica is ready; ask again in 1 s"
    assert headers["Content-Type"] == "application/problem+json"
    assert (headers["Retry-After"], headers["X-Request-ID"]) == ("1", "mine-1")


@pytest.mark.parametrize(
    "path", ["/metrics", "/livez", "/%6detrics", "//metrics", "/metrics/", "http://other/metrics?x"]
)
def test_what_is_for_operators_is_hidden(servers, path):
    running, both = servers
    before = sum(one.received for one in both)
    status, _, content = ask(running.port, path)
    assert (status, content["status"]) == (404, 404)
    assert sum(one.received for one in both) == before


@pytest.mark.parametrize("path", ["/", "/v1/model", "/v2/health/live", "/v1/metrics"])
def test_all_else_reaches_a_replica(servers, path):
    assert ask(servers[0].port, path)[2]["path"] == path


def test_a_client_cannot_say_that_it_is_another_one(servers):
    forged = {"X_Forwarded_For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X_Real_IP": "203.0.113.9"}
    _, _, received = ask(servers[0].port, "/", **forged)
    assert received["x-forwarded-for"] == "127.0.0.1"
    assert "203.0.113.9" not in json.dumps(received)


@pytest.mark.parametrize(("sent", "is_kept"), [("order.7_a-B", True), ("with space", False), ("x" * 65, False)])
def test_the_request_id_is_the_same_for_the_client_and_the_replica(servers, sent, is_kept):
    _, headers, received = ask(servers[0].port, "/", X_Request_ID=sent)
    assert headers.get_all("X-Request-ID") == [received["x-request-id"]]
    assert (received["x-request-id"] == sent) == is_kept
    assert len(received["x-request-id"]) >= 11


def test_a_request_to_a_replica_that_hangs_up_is_answered_by_the_other(servers):
    running, (one, _) = servers
    one.fails = True
    try:
        statuses = [ask(running.port, "/v1/predict", "POST", b"x" * 4000)[0] for _ in range(20)]
    finally:
        one.fails = False
    assert statuses == [200] * 20
    assert one.received > 0
    assert running.metric("backend_redispatch_warnings_total") > 0


def test_feedback_for_a_full_queue_is_sent_once(tmp_path):
    with feedback_behind_the_balancer(tmp_path, max_waiting=1, per_minute=3) as between:
        assert [report(between, noise(seed)) for seed in (1, 2, 1)] == [201, 503, 200]
        assert between.metric("backend_retry_warnings_total") == 0


def test_clients_behind_a_trusted_proxy_have_limits_of_their_own_and_others_cannot_choose_an_address(tmp_path):
    ann, ben = "203.0.113.1", "203.0.113.2"
    with feedback_behind_the_balancer(tmp_path, per_minute=1) as between:
        clients = [ann, ben, f"198.51.100.7, {ann}"]
        assert [report(between, noise(1), PROXY, client) for client in clients] == [201, 200, 429]
        assert [report(between, noise(1), "127.0.0.8", f"203.0.113.{one}") for one in (3, 4)] == [200, 429]

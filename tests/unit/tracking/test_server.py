"""What is said about a tracking server that does not answer as one: small real servers on loopback."""

import socket
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler

import pytest

from digits.errors import UserError
from digits.tracking import server
from tests.loopback import free_port, http_server

PASSWORD = "hush"


@pytest.fixture
def answering():
    """A function that starts a server which answers each request with a status, and returns its address."""
    running = ExitStack()

    def start(status: int, api: int | None = None) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/health" or api is None else api)
                self.send_header("Content-Length", "0")
                self.end_headers()

        return f"http://me:{PASSWORD}@127.0.0.1:{running.enter_context(http_server(Handler)).server_port}"

    with running:
        yield start


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, "wants a user and a password .*401.*MLFLOW_TRACKING_USERNAME"),
        (403, "refuses this user .*403.*MLFLOW_TRACKING_USERNAME"),
        (404, "is no MLflow server.*404.*correct MLFLOW_TRACKING_URI"),
        (500, "answers with an error .*500.*see its log"),
    ],
)
def test_a_refusal_is_named(answering, status, said):
    with pytest.raises(UserError, match=said) as error:
        server.check(answering(status))
    assert PASSWORD not in str(error.value)


@pytest.mark.parametrize(("status", "api"), [(200, None), (404, 200)])
def test_a_server_that_answers_is_accepted(answering, status, api):
    server.check(answering(status, api))


def test_a_server_that_is_silent_is_told_from_one_that_is_down(monkeypatch):
    monkeypatch.setattr(server, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(UserError, match=r"does not answer within 0\.2 s"):
            server.check(f"http://127.0.0.1:{silent.getsockname()[1]}")
    with pytest.raises(UserError, match=r"does not answer \(.*refused.*start it"):
        server.check(f"http://me:{PASSWORD}@127.0.0.1:{free_port()}")


def test_a_server_without_tls_is_named(answering):
    with pytest.raises(UserError, match=r"no certificate that is trusted .*SSL"):
        server.check(answering(200).replace("http:", "https:"))


def test_an_address_that_is_none_is_named():
    with pytest.raises(UserError, match="is no valid address") as error:
        server.check(f"http://me:{PASSWORD}/x@127.0.0.1")
    assert PASSWORD not in str(error.value)

"""The client against a server on loopback, and against one that is overloaded or closes connections: some 1 s."""

import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

import cv2
import numpy as np
import pytest

from digits.client import NO_DIGIT, Client, ServiceError
from digits.data.pictures import decode, encode_png
from digits.feedback.queue import Queue
from digits.model.classifier import Classifier
from tests import linear_model
from tests.imports import ROOT
from tests.loopback import http_server
from tests.serving import running, settings, with_feedback, write_copy

KEY = "a-key-for-tests-only"


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory):
    weights = np.random.default_rng(1).normal(0, 0.001, (28 * 28, 11))
    return linear_model.write(tmp_path_factory.mktemp("model") / "digits.onnx", weights, np.zeros(11))


@pytest.fixture(scope="module")
def url(tmp_path_factory, onnx_file):
    folder = tmp_path_factory.mktemp("served")
    write_copy(folder, onnx_file)
    with running(settings(folder, api_keys=(KEY,))) as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    with Client(url, api_key=KEY) as opened:
        yield opened


@pytest.fixture(scope="module")
def page() -> bytes:
    """A page with a 7 and an 11."""
    paper = np.full((200, 400), 255, np.uint8)
    cv2.polylines(paper, [np.array([(40, 60), (90, 60), (60, 130)])], False, 0, 8, cv2.LINE_AA)
    for left in (200, 300):
        cv2.line(paper, (left, 60), (left, 130), 0, 8, cv2.LINE_AA)
    return encode_png(paper)


def seven(page: bytes) -> bytes:
    return encode_png(np.ascontiguousarray(decode(page).pixels[:, :150]))


@contextmanager
def answering(*answers):
    """The address of a server that gives one of (status, headers, body) to each request; and the requests' paths."""
    left, paths = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            paths.append(self.path)
            status, headers, body = left.pop(0)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    with http_server(Handler) as server:
        yield f"http://127.0.0.1:{server.server_port}", paths


def test_a_picture_is_a_path_or_bytes_and_the_answer_that_of_the_classifier(client, page, onnx_file, tmp_path):
    path = tmp_path / 'sévèn "7".png'
    path.write_bytes(seven(page))
    by_path, by_bytes = client.predict([path, seven(page)], canonical=True)
    (again,) = client.predict(str(path))
    assert again._replace(request_id=by_path.request_id) == by_path._replace(canonical=None)
    assert (by_path.name, by_bytes.name, by_path.version) == (path.name, None, "3")
    assert by_path._replace(name=None) == by_bytes
    found = Classifier(onnx_file).predict(decode(by_bytes.canonical).pixels[None])
    assert by_bytes.label == found.probabilities.argmax()
    np.testing.assert_allclose(by_bytes.probabilities, found.probabilities[0], atol=1e-6)
    assert by_bytes.accepted


def test_min_probability_refuses_and_an_unreadable_picture_has_its_error(client, page):
    refused, unreadable = client.predict([seven(page), b"no picture"], min_probability=1)
    assert (refused.accepted, refused.error) == (False, None)
    assert "is below 100" in refused.reason
    assert (unreadable.label, unreadable.accepted) == (None, False)
    assert unreadable.error


def test_a_page_is_read_with_boxes_lines_and_grid(client, page):
    found = client.read(page, annotated=True)
    assert (found.width, found.height, found.version, found.grid) == (400, 200, "3", None)
    assert len(found.digits) == 3
    left, top, right, bottom = found.digits[0].box
    assert 30 < left < 45 < 85 < right < 100
    assert 50 < top < 65 < 125 < bottom < 140
    assert decode(found.annotated).pixels.shape[1] >= 400
    assert client.read(page, layout="line").annotated is None


def test_the_model_is_described(client):
    found = client.model()
    assert (found["version"], found["figures"], found["registry"]["reachable"]) == ("3", {"test_accuracy": 0.99}, True)


def test_feedback_names_the_answer_and_is_kept_only_with_consent(page, onnx_file, tmp_path):
    write_copy(tmp_path, onnx_file)
    queue = Queue(tmp_path / "feedback")
    with running(with_feedback(tmp_path, tmp_path / "feedback")) as url, Client(url) as client:
        (answer,) = client.predict(seven(page))
        with pytest.raises(TypeError, match="consent"):
            client.feedback(seven(page), label=7)
        with pytest.raises(ServiceError, match="consent is not given") as error:
            client.feedback(seven(page), label=7, answer=answer.request_id, consent=False)
        assert error.value.status == 422
        assert queue.items() == []
        receipt = client.feedback(seven(page), label=7, answer=answer.request_id, consent=True)
        assert client.feedback(seven(page), NO_DIGIT, consent=True).duplicate
        with pytest.raises(ServiceError, match="label"):
            client.feedback(seven(page), label=11, consent=True)
    (item,) = queue.items()
    assert (item.sha256, item.reports, receipt.duplicate) == (receipt.sha256, 2, False)
    assert {answer.request_id, receipt.request_id} <= set(item.request_ids)
    assert receipt.kept_until > item.received[:10]


def test_an_answer_has_the_id_of_its_request_and_a_service_without_feedback_says_so(client, page):
    first, second = client.predict([seven(page)] * 2)
    assert first.request_id == second.request_id
    assert client.read(page).request_id not in (None, first.request_id)
    with pytest.raises(ServiceError, match="takes no feedback") as error:
        client.feedback(seven(page), 7, consent=True)
    assert error.value.status == 403


def test_an_error_has_the_status_the_reason_and_the_request_id(client, url):
    with pytest.raises(ServiceError) as error:
        client.predict(b"no picture")
    assert error.value.status == 422
    assert str(error.value) == error.value.detail
    assert error.value.request_id
    with pytest.raises(ServiceError, match="an API key is needed") as error, Client(url) as other:
        other.model()
    assert error.value.status == 401
    with pytest.raises(ServiceError, match="expected rows x columns") as error:
        client.read(b"", grid="9")
    with pytest.raises(FileNotFoundError):
        client.predict("missing.png")


def test_a_request_that_is_too_large_is_an_error_with_its_reason(client):
    with pytest.raises(ServiceError) as error:
        client.predict(bytes(21 << 20))
    assert error.value.status == 413
    assert client.model()["version"] == "3"


def test_without_a_model_the_service_says_so(tmp_path):
    with running(settings(tmp_path)) as url, Client(url, timeout=0.5) as client:
        with pytest.raises(ServiceError, match="no model is loaded yet") as error:
            client.model()
        assert error.value.status == 503


def test_an_overloaded_service_is_asked_again_while_time_is_left():
    busy, done = (b'{"detail": "busy"}', b'{"version": "3"}')
    soon, late = {"Retry-After": "0"}, {"Retry-After": "2"}
    with answering((503, soon, busy), (429, soon, busy), (200, {}, done), (503, late, busy), (503, {}, busy)) as (
        url,
        paths,
    ):
        with Client(f"{url}/behind/", timeout=1) as client:
            assert client.model() == {"version": "3"}
            for _ in range(2):
                with pytest.raises(ServiceError, match="busy"):
                    client.model()
        assert paths == ["/behind/v1/model"] * 5


def test_a_connection_is_kept_and_opened_again_after_the_server_has_closed_it():
    done = (200, {}, b"{}")
    with answering(*[done] * 3) as (url, paths), Client(url) as client:
        client.model()
        kept = client._connection.sock
        client.model()
        assert client._connection.sock is kept
        kept.shutdown(2)
        client.model()
        assert len(paths) == 3


def test_no_answer_and_one_of_another_server_are_errors():
    strange = (502, {}, b"<html>"), (200, {}, b"<html>"), (200, {"Content-Length": "9"}, b"{}")
    with answering(*strange) as (url, _), Client(url, timeout=0.2) as client:
        for words in ("answers 502 Bad Gateway, not as", "answers 200 OK, not as", "does not answer: timed out"):
            with pytest.raises(ServiceError, match=words):
                client.model()
    with pytest.raises(ServiceError, match="does not answer") as error:
        Client(url).model()
    assert error.value.status is None
    with pytest.raises(ValueError, match="expected one such as http"):
        Client("127.0.0.1:5001")


def test_the_client_imports_no_other_module_of_the_project_and_no_library():
    code = "import digits, sys; before = set(sys.modules); import digits.client; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split() if name.startswith("digits")}
    assert found == {"digits.client"}
    assert {name.split(".")[0] for name in done.stdout.split()} <= {*sys.stdlib_module_names, "digits"}

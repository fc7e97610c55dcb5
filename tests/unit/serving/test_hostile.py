"""Pictures, names and headers that are made to do harm, sent to a server on loopback. 5 s in all."""

import base64
import json
import logging
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.data.pictures import encode_png
from digits.serving.logs import JsonFormatter
from tests.bad_pictures import declaring, with_large_text
from tests.encoding import encode_image
from tests.imports import ROOT
from tests.serving import running, settings, write_constant

SEVEN = np.zeros((28, 28), np.uint8)
SEVEN[6:9, 6:22] = SEVEN[9:22, 16:19] = 255
KEY = "a-key-of-the-service-0123"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_constant(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def port(folder):
    with running(settings(folder, max_pictures=20)) as address:
        yield int(address.rpartition(":")[2])


class Reply:
    def __init__(self, port: int, method: str, path: str, body: bytes | None = None, **headers: str) -> None:
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answered = connection.getresponse()
        self.status, self.headers, self.content = answered.status, answered.headers, answered.read()
        connection.close()

    @property
    def json(self) -> dict:
        return json.loads(self.content)


def upload(port: int, *pictures: bytes, name: str = "seven.png", path: str = "/v1/predict") -> Reply:
    head = f'--limit\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    body = b"".join(head + picture + b"\r\n" for picture in pictures) + b"--limit--\r\n"
    return Reply(port, "POST", path, body, Content_Type="multipart/form-data; boundary=limit")


def logged(caplog, **fields: object) -> logging.LogRecord:
    """The record with these fields: a request is logged after its response is sent."""
    for _ in range(200):
        for record in caplog.records:
            if fields.items() <= record.__dict__.items():
                return record
        time.sleep(0.01)
    raise AssertionError(f"no record has {fields}")


def wide_line() -> bytes:
    """A stroke of a million pixels."""
    return encode_png(np.pad(np.zeros((4, 1_000_000), np.uint8), ((8, 8), (0, 0)), constant_values=255))


def truncated() -> bytes:
    picture = encode_png(SEVEN)
    return picture[: len(picture) // 2]


BAD = {
    "nothing": (b"", "not a picture (0 bytes)"),
    "text": (b"seven", "not a picture (5 bytes)"),
    "a program": (b"\x7fELF" + bytes(1000), "not a picture"),
    "a web page": (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "not a picture"),
    "a truncated picture": (truncated(), "damaged"),
    "64,000 x 64,000 pixels": (declaring(64_000, 64_000), "64000 x 64000 pixels, at most 64,000,000 are allowed"),
    "2^31 pixels wide": (declaring(2**31 - 1, 2**31 - 1), "pixels, at most 64,000,000 are allowed"),
    "no pixels": (declaring(0, 0), "damaged: its pixels are cut off"),
    "a comment of 100 MB": (with_large_text(SEVEN), "damaged"),
    "a large WebP": (encode_image(Image.new("RGB", (16_000, 3_000)), "WEBP", lossless=True), "pixels, at most"),
}


# Where a page is read, another library looks at its head first
BAD_PAGES = {**BAD, "no pixels": (declaring(0, 0), "not a picture (74 bytes)")}


@pytest.mark.parametrize(
    "path, picture, words",
    [
        pytest.param(path, *each, id=f"{name} for {path}")
        for path, bad in (("/v1/predict", BAD), ("/v1/read", BAD_PAGES))
        for name, each in bad.items()
    ],
)
def test_what_is_no_readable_picture_gets_the_reason(port, path, picture, words):
    reply = upload(port, picture, path=path)
    assert (reply.status, words in reply.json["detail"]) == (422, True), reply.json
    assert reply.headers["Content-Type"] == "application/problem+json"


def test_among_others_a_bad_picture_has_its_error(port):
    reply = upload(port, encode_png(SEVEN), *(picture for picture, _ in BAD.values()))
    first, *others = reply.json["predictions"]
    assert (reply.status, first["label"], first["error"]) == (200, 7, None)
    for one, (_, words) in zip(others, BAD.values(), strict=True):
        assert words in one["error"]


def test_a_line_of_a_million_pixels_is_no_digit_and_no_page(port):
    picture = wide_line()
    (one,) = upload(port, picture).json["predictions"]
    assert one["error"] is None
    reply = upload(port, picture, path="/v1/read")
    assert reply.status == 422
    assert reply.json["detail"] == "1000000 x 20 pixels, at most 20,000 on a side are read; cut it up"


def test_altered_pictures_never_break_the_server(port):
    random = np.random.default_rng(0)
    formats = [
        encode_png(SEVEN),
        *(encode_image(Image.fromarray(SEVEN), name) for name in ("GIF", "TIFF", "WEBP", "BMP", "JPEG")),
    ]
    for _ in range(20):
        pictures = []
        for picture in formats:
            altered = bytearray(picture)
            for place in random.integers(0, len(altered), 5):
                altered[place] = random.integers(256)
            pictures.append(bytes(altered[: random.integers(1, len(altered) + 1)]))
        reply = upload(port, *pictures)
        assert reply.status in (200, 422), reply.content
        assert b"0x" not in reply.content  # an address in memory, as in <_io.BytesIO object at 0x7f…>


def test_large_pictures_of_few_bytes_hold_up_no_small_one(port):
    large = encode_image(Image.new("1", (7_900, 7_900), 1), "PNG", compress_level=9)  # 16 kB
    answered: list[int] = []
    thread = threading.Thread(target=lambda: answered.append(upload(port, *[large] * 3).status))
    thread.start()
    small = 0
    while thread.is_alive():
        assert upload(port, *[encode_png(SEVEN)] * 5).status == 200
        small += 1
    assert answered == [200]
    assert small >= 10  # one or two, if they waited for the large ones


def test_pictures_that_take_too_long_are_given_up(folder):
    large = encode_image(Image.new("1", (7_900, 7_900), 1), "PNG")
    with running(settings(folder, read_seconds=0.1)) as address:
        port = int(address.rpartition(":")[2])
        reply = upload(port, *[large] * 20)
        assert (reply.status, reply.headers["Retry-After"]) == (503, "1")
        assert reply.json["detail"].startswith(
            "the pictures were not computed within 0.1 s: send fewer or smaller ones"
        )
        assert upload(port, encode_png(SEVEN)).status == 200


@pytest.mark.parametrize(
    "limit, words",
    [
        ({"read_seconds": 1e-6}, "takes longer than 1e-06 s; cut"),
        ({"max_digits": 2}, "more than 2 digits; cut"),
        ({"max_side": 100}, "300 x 60 pixels, at most 100 on a side are read"),
    ],
)
def test_a_page_beyond_a_limit_is_refused(folder, limit, words):
    assert read_three(folder, **limit)["detail"].startswith(words)


def test_a_page_of_more_pixels_than_the_limit_is_averaged_down(folder):
    """By a factor of 20 there is nothing left to read."""
    assert [len(read_three(folder, max_pixels=pixels)["digits"]) for pixels in (300 * 60, 300 * 60 // 400)] == [3, 0]


def read_three(folder: Path, **limits: float) -> dict:
    """What is answered to a page with three digits."""
    page = encode_png(255 - np.pad(np.hstack([np.pad(SEVEN, ((0, 0), (20, 20)))] * 3), ((16, 16), (48, 48))))
    with running(settings(folder, **limits)) as address:
        return upload(int(address.rpartition(":")[2]), page, path="/v1/read").json


def test_a_thousand_pictures_are_too_many(port):
    assert upload(port, *[encode_png(SEVEN)] * 1000).status == 413
    body = json.dumps({"images": [base64.b64encode(encode_png(SEVEN)).decode()] * 1000}).encode()
    reply = Reply(port, "POST", "/v1/predict", body, Content_Type="application/json")
    assert (reply.status, "more values than 20 pictures need" in reply.json["detail"]) == (413, True)


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "C:\\boot.ini", "<script>alert(1)</script>", "n" * 3000]
)
def test_a_file_name_is_repeated_as_text_and_used_for_nothing(port, name):
    reply = upload(port, encode_png(SEVEN), name=name)
    (one,) = reply.json["predictions"]
    assert one["name"] in (name[:255], name.rpartition("\\")[2])
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    "given", ["", "two words", "a" * 65, "id;drop", "\x85", "id\tid", "é", '"},{"message":"forged']
)
def test_a_request_id_that_could_forge_a_header_or_a_line_is_replaced(port, given):
    found = Reply(port, "GET", "/livez", X_Request_ID=given).headers["X-Request-ID"]
    assert found != given
    assert found.replace("-", "").isalnum()


def test_a_request_id_of_the_client_is_kept_and_logged(port, caplog):
    with caplog.at_level(logging.INFO, "digits.serving"):
        assert Reply(port, "GET", "/livez", X_Request_ID="of.the-client_1").headers["X-Request-ID"] == "of.the-client_1"
        logged(caplog, request_id="of.the-client_1")


@pytest.mark.parametrize(
    "path", ["/%0A%7B%22level%22:%22forged%22%7D", "/%1b%5b31m", "/%c2%9b31m", "/%ed%a0%80", "/" + "p" * 9999]
)
def test_a_path_forges_no_line_of_the_log(port, caplog, path):
    with caplog.at_level(logging.INFO, "digits.serving"):
        assert Reply(port, "GET", path).status == 404
        line = JsonFormatter().format(logged(caplog, status=404))
    assert line.isprintable()
    assert len(line) < 600
    assert json.loads(line)["status"] == 404


def test_no_picture_answer_or_key_is_in_the_log(folder, caplog):
    picture = encode_png(SEVEN)
    with caplog.at_level(logging.DEBUG), running(settings(folder, (KEY,))) as address:
        port = int(address.rpartition(":")[2])
        assert Reply(port, "GET", "/v1/model", Authorization=f"Bearer {KEY}").status == 200
        assert Reply(port, "GET", "/v1/model", Authorization=f"Bearer {KEY}x").status == 401
        assert Reply(port, "GET", f"/v1/model?key={KEY}").status == 401
        body = json.dumps({"image": base64.b64encode(picture).decode()}).encode()
        headers = {"Authorization": f"Bearer {KEY}", "Content_Type": "application/json"}
        assert Reply(port, "POST", "/v1/predict", body, **headers).status == 200
    text = "\n".join(JsonFormatter().format(record) for record in caplog.records)  # uvicorn's, too
    assert text.count('"message":"request"') == 4
    assert not any(secret in text for secret in (KEY, base64.b64encode(picture).decode()[:40], "probabilit"))


def test_no_answer_tells_of_the_machine(port, folder, tmp_path):
    with running(settings(tmp_path / "no copy")) as address:
        empty = int(address.rpartition(":")[2])
        replies = [Reply(empty, "GET", path) for path in ("/readyz", "/v1/model")]
        replies.append(upload(empty, encode_png(SEVEN)))
        assert [(reply.status, reply.headers["Retry-After"]) for reply in replies[1:]] == [(503, "1")] * 2
        assert replies[0].status == 503
    replies += [
        Reply(port, "GET", path) for path in ("/readyz", "/v1/model", "/metrics", "/openapi.json", "/nothing", "/docs")
    ]
    replies += [upload(port, picture) for picture, _ in BAD.values()]
    for reply in replies:
        assert "X-Request-ID" in reply.headers
        text = reply.content.decode() + str(reply.headers)
        assert [
            place
            for place in (str(ROOT), str(folder), str(tmp_path), "Traceback", "site-packages", "uvicorn")
            if place in text
        ] == []


def test_an_error_of_the_server_is_logged_and_not_shown(folder, caplog, monkeypatch):
    from digits.serving.service import Service

    def fail(*_: object) -> None:
        raise RuntimeError(f"{folder} is broken")

    monkeypatch.setattr(Service, "predict", fail)
    with running(settings(folder)) as address:
        reply = upload(int(address.rpartition(":")[2]), encode_png(SEVEN))
    assert (reply.status, reply.json["title"]) == (500, "Internal Server Error")
    assert reply.json["detail"] == f"the server failed; its log has the request {reply.headers['X-Request-ID']}"
    record = next(record for record in caplog.records if record.exc_info)
    assert json.loads(JsonFormatter().format(record))["request_id"] == reply.headers["X-Request-ID"]

"""Malformed uploads and JSON, without a network. 0.3 s in all."""

import asyncio
import base64
import json
import tracemalloc

import pytest
from fastapi import Request

from digits.serving import uploads
from digits.serving.problems import ProblemError
from digits.serving.schemas import PredictBody, PredictOptions, ReadBody, ReadOptions

MAX_PICTURES = 20
PICTURE = b"a picture"
TEXT = base64.b64encode(PICTURE).decode()
FORM = "multipart/form-data; boundary=limit"


def part(
    data: bytes = PICTURE, disposition: str = 'form-data; name="file"; filename="seven.png"', more: bytes = b""
) -> bytes:
    return b"--limit\r\nContent-Disposition: " + disposition.encode() + b"\r\n" + more + b"\r\n" + data + b"\r\n"


def parse(body: bytes, content_type: str, query: str = "", page: bool = False):
    """The pictures and the options of a request."""
    headers = [(b"content-type", content_type.encode("latin-1"))]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": query.encode()}

    async def receive() -> dict:
        return {"type": "http.request", "body": body, "more_body": False}

    types = (ReadOptions, ReadBody, 1) if page else (PredictOptions, PredictBody, MAX_PICTURES)
    return asyncio.run(uploads.parse(Request(scope, receive), *types))


def refused(body: bytes, content_type: str, **others) -> ProblemError:
    with pytest.raises(ProblemError) as raised:
        parse(body, content_type, **others)
    assert len(raised.value.detail) < 400
    assert raised.value.detail.encode()  # no half of a surrogate pair
    return raised.value


def test_an_upload_has_the_names_and_bytes_of_its_files():
    found, _ = parse(part() + part(b"", 'form-data; name="file"') + b"--limit--\r\n", FORM)
    assert found == [("seven.png", PICTURE), (None, b"")]


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\boot.ini", "a\x00b", "<script>alert(1)</script>", "\u202egnp.7"]
)
def test_a_file_name_is_text_only(name):
    found, _ = parse(part(disposition=f'form-data; name="file"; filename="{name}"') + b"--limit--\r\n", FORM)
    assert found[0].data == PICTURE
    json.dumps(found[0].name).encode()


def test_a_long_file_name_is_cut():
    found, _ = parse(part(disposition=f'form-data; name="file"; filename="{"n" * 4000}"') + b"--limit--\r\n", FORM)
    assert found[0].name == "n" * 255


@pytest.mark.parametrize(
    "body, content_type, status, words",
    [
        (part() + b"--limit--\r\n", "multipart/form-data", 400, "Empty boundary"),
        (part() + b"--limit--\r\n", "multipart/form-data; boundary=", 400, "Empty boundary"),
        (part() + b"--limit--\r\n", "multipart/form-data; boundary=other", 400, "multipart/form-data: "),
        (part() + b"--limit--\r\n", f"multipart/form-data; boundary={'b' * 9999}", 400, "multipart/form-data: "),
        (part() + b"--limit--\r\n", 'multipart/form-data; boundary=\xff\x00;=";', 400, "multipart/form-data: "),
        (part()[:-3], FORM, 400, "multipart/form-data: "),
        (part(), FORM, 400, "multipart/form-data: "),
        (b"", FORM, 400, "multipart/form-data: "),
        (b"\r\n" * 500_000, FORM, 400, "multipart/form-data: "),
        (b"--limit--\r\n", FORM, 422, "has no picture"),
        (part(disposition='form-data; name="picture"') + b"--limit--", FORM, 422, "field 'picture'; expected files in"),
        (part(disposition="form-data") + b"--limit--", FORM, 422, "field ''; expected files in"),
        (
            part(disposition='form-data; name="file"; name="x"') + b"--limit--",
            FORM,
            422,
            "field 'x'; expected files in",
        ),
        (part(disposition="attachment") + b"--limit--", FORM, 400, "multipart/form-data: "),
        (part(disposition=f'form-data; name="{"n" * 9999}"') + b"--limit--", FORM, 400, "header"),
        (part(more=b"X-Long: " + b"x" * 100_000 + b"\r\n") + b"--limit--", FORM, 400, "header"),
        (part(more=b"".join(b"X-%d: x\r\n" % n for n in range(1000))) + b"--limit--", FORM, 400, "header"),
        (part(more=b"X-Bytes: \xff\xfe\xed\xa0\x80\r\n") + b"--limit--", FORM, 400, "multipart/form-data: "),
        (part() * 10_000 + b"--limit--\r\n", FORM, 413, "more than 20 pictures"),
        (part(b"") * 21 + b"--limit--\r\n", FORM, 413, "more than 20 pictures"),
    ],
)
def test_a_malformed_upload_is_refused(body, content_type, status, words):
    problem = refused(body, content_type)
    assert problem.status == status
    assert words in problem.detail


@pytest.mark.parametrize(
    "content_type", ["", "text/plain", "image/png", "application/x-www-form-urlencoded", "x" * 9999, "\xff"]
)
def test_another_content_type_is_refused(content_type):
    problem = refused(PICTURE, content_type)
    assert (problem.status, "expected multipart/form-data or application/json" in problem.detail) == (415, True)


NESTED = '{"images": ' + "[" * 100_000


@pytest.mark.parametrize(
    "body, status, words",
    [
        *((text, 400, "JSON") for text in ("", "{", "nonsense", '{"image": "', "[1, 2", NESTED, NESTED + "]" * 99_999)),
        *((f'{{"image": {value}}}', 422, "image: ") for value in ("1", "[]", "{}", "true", "1e999", "9" * 4000)),
        *((f'{{"images": {value}}}', 422, "images") for value in ('"x"', "[1]", "[null]", "[[]]", "{}", "0")),
        *((text, 422, "the body: ") for text in ("[]", "null", "1", '"image"', "NaN")),
        *((f'{{"image": "{TEXT}", "min_probability": {value}}}', 422, "min_probability: ")
          for value in ("NaN", "Infinity", "1e999", "2", "-1", "9" * 4000, "[]", "{}", '"x"')),
        *((f'{{"image": "{value}"}}', 422, "picture 0 is not base64")
          for value in ("*", "AAA", "ü", "data:,x", "\\u0000")),
        ("{}", 422, "has no picture"),
        ('{"images": []}', 422, "has no picture"),
        (f'{{"image": "{TEXT}", "images": ["{TEXT}"]}}', 422, "expected one of the two"),
        (f'{{"image": "{TEXT}", "min_probabilty": 1}}', 422, "min_probabilty: "),
        (f'{{"image": "{TEXT}", "{"k" * 100_000}": 1}}', 422, "kkk"),
        (f'{{"image": "{TEXT}", "canonical": 7}}', 422, "canonical: "),
        ('{"image": "\\ud800"}', 400, "JSON"),
        ('{"\\ud800": 1}', 400, "JSON"),
        (json.dumps({"images": [TEXT] * 21}), 413, "more than 20 pictures"),
        (json.dumps({"images": [TEXT] * 1000}), 413, "more values than 20 pictures need"),
    ],
)  # fmt: skip
def test_malformed_json_is_refused(body, status, words):
    problem = refused(body.encode(), "application/json")
    assert (problem.status, words in problem.detail) == (status, True), problem.detail


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b'{"image": "\xff"}', '{"image": "x"}'.encode("utf-16"), b"\x00", b"\xef\xbb\xbf{}"]
)
def test_json_in_another_encoding_is_refused(body):
    assert refused(body, "application/json").status == 400


@pytest.mark.parametrize(
    "query", ["min_probability=nan", "min_probability=2", "min_probability=", "canonical=7", "nonsense=1"]
)
def test_a_wrong_option_of_the_query_is_refused(query):
    for body, content_type in (
        (part() + b"--limit--", FORM),
        (json.dumps({"image": TEXT}).encode(), "application/json"),
    ):
        problem = refused(body, content_type, query=query)
        assert (problem.status, problem.detail.startswith(query.partition("=")[0])) == (422, True)


def test_a_page_is_one_picture():
    assert refused(part() * 2 + b"--limit--", FORM, page=True).status == 413
    assert refused(json.dumps({"images": [TEXT]}).encode(), "application/json", page=True).status == 422


@pytest.mark.parametrize("value", ['""', "0", "[]", "{}", '"ab"'])
def test_json_of_millions_of_values_takes_no_memory(value):
    body = f'{{"images": [{",".join([value] * 1_000_000)}]}}'.encode()
    tracemalloc.start()
    try:
        assert refused(body, "application/json").status == 413
        assert tracemalloc.get_traced_memory()[1] < 5 * len(body)
    finally:
        tracemalloc.stop()

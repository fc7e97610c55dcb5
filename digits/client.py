"""A client of the service, of the standard library alone.

from digits.client import Client

with Client("http://127.0.0.1:5001") as client:
    (seven,) = client.predict("seven.png")
    print(seven.label, seven.probability, seven.accepted, seven.reason)
    client.feedback("seven.png", label=7, answer=seven.request_id, consent=True)  # where the label is wrong
"""

import base64
import http.client
import json
import secrets
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlencode, urlsplit

Picture = str | Path | bytes
Answer = tuple[http.client.HTTPResponse, bytes]  # with its body
NO_DIGIT = "none"  # a label of feedback: the picture shows no digit
OVERLOADED = (429, 503)  # with Retry-After: the service asks to come again
# How a connection ends that the server closed while it was not used
CLOSED = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class ServiceError(Exception):
    """What the service answers in place of a result.

    `status` is that of HTTP, None where there was no answer at all; `detail` says what was wrong and how to fix it; the
    server's log has the `request_id`.
    """

    def __init__(self, status: int | None, detail: str, request_id: str | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.request_id = status, detail, request_id


class Prediction(NamedTuple):
    """The answer to a picture of one digit.

    `label`, 0 to 9, and its `probability`, 0 to 1, are the best guess where `accepted` is False, and `reason` says why;
    None for a picture that is blank. `probabilities` are those of the ten labels. `error` is why a picture can't be
    read. `canonical` is what the model sees, a PNG of 28 x 28 pixels, if it was asked for. `version` is the model's.
    `request_id` is that of the request, for feedback and the server's log.
    """

    name: str | None
    label: int | None
    probability: float | None
    probabilities: list[float] | None
    accepted: bool
    reason: str | None
    error: str | None
    canonical: bytes | None
    version: str
    request_id: str | None


class Digit(NamedTuple):
    """A digit of a page: `box` is left, top, right, bottom in pixels; it is at `position` of the page's `line`."""

    box: list[int]
    label: int
    probability: float
    accepted: bool
    reason: str | None
    line: int | None
    position: int | None


class Page(NamedTuple):
    """A page of `width` x `height` pixels, upright, with its digits in reading order.

    `lines` are strings with ? for a digit that is too improbable; `grid` the cells of a table, None where empty;
    `annotated` the page with boxes, a PNG, if it was asked for. `version` is the model's, `request_id` the request's.
    """

    width: int
    height: int
    digits: list[Digit]
    lines: list[str]
    grid: list[list[int | None]] | None
    annotated: bytes | None
    version: str
    request_id: str | None


class Receipt(NamedTuple):
    """What the service keeps of feedback: a picture, known by `sha256`, the SHA-256 of its pixels, hexadecimal.

    `request_id` deletes it: `digits feedback forget`. `duplicate` says that the service had the picture already.
    `kept_until`, an ISO 8601 date, is the day on which it is removed unless a person labels it before; None where one
    has.
    """

    request_id: str
    sha256: str
    duplicate: bool
    kept_until: str | None


Row = TypeVar("Row", Prediction, Digit, Page, Receipt)


class Client:
    """One connection to the service, which stays open; it is for one thread.

    `timeout` is the longest time in seconds for a connection, for an answer, and for asking again while the service is
    overloaded. Each method raises ServiceError; a picture's path that can't be read raises OSError.
    """

    def __init__(self, url: str = "http://127.0.0.1:5001", api_key: str | None = None, timeout: float = 30) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no address of a service; expected one such as http://127.0.0.1:5001")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._connection = kind(parts.hostname, parts.port, timeout=timeout)
        self._url, self._prefix, self._timeout = url, parts.path.rstrip("/"), timeout
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}

    def predict(
        self, pictures: Picture | Sequence[Picture], min_probability: float | None = None, canonical: bool = False
    ) -> list[Prediction]:
        """Classify pictures of one digit each: paths, or the bytes of files. The answers are in their order.

        With `min_probability`, 0 to 1, what is less probable is refused, too. A picture that can't be read has an
        `error`; where none of them can be read that is a ServiceError.
        """
        several = [pictures] if isinstance(pictures, (str, Path, bytes)) else list(pictures)
        found, request_id = self._upload(
            "/v1/predict", several, min_probability=min_probability, canonical=canonical or None
        )
        answer = {"version": found["model"]["version"], "request_id": request_id}
        return [
            _row(Prediction, row, name=_name(picture), canonical=_bytes(row["canonical"]), **answer)
            for picture, row in zip(several, found["predictions"], strict=True)
        ]

    def read(
        self,
        picture: Picture,
        layout: str | None = None,
        grid: str | None = None,
        min_probability: float | None = None,
        annotated: bool = False,
    ) -> Page:
        """Read a picture with many digits: `layout` is page, line or grid, `grid` its rows x columns such as 9x9."""
        options = {"layout": layout, "grid": grid, "min_probability": min_probability, "annotated": annotated or None}
        found, request_id = self._upload("/v1/read", [picture], **options)
        digits = [_row(Digit, row) for row in found["digits"]]
        answer = {"version": found["model"]["version"], "request_id": request_id}
        return _row(Page, found, digits=digits, annotated=_bytes(found["annotated"]), **answer)

    def feedback(
        self, picture: Picture, label: int | str | None = None, answer: str | None = None, *, consent: bool
    ) -> Receipt:
        """Say that the answer to a picture of one digit is wrong; the service keeps the picture for a person to label.

        `label` is what it shows, 0 to 9 or NO_DIGIT, None where only the answer is wrong; `answer` the `request_id` of
        that answer. `consent` says that the person who gave the picture agrees that it is kept, and may become training
        data: without it the service refuses. Where feedback is off that is a ServiceError with status 403.
        """
        found, _ = self._upload(
            "/v1/feedback", [picture], label=label, answer=answer, consent="true" if consent else None
        )
        return _row(Receipt, found)

    def model(self) -> dict[str, Any]:
        """The model that answers: version, figures, acceptance, certificate, lineage, and the state of the registry."""
        found, _ = self._ask("GET", "/v1/model")
        return found

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _upload(self, path: str, pictures: list[Picture], **options: Any) -> tuple[dict[str, Any], str | None]:
        query = urlencode({name: value for name, value in options.items() if value is not None})
        boundary = secrets.token_hex(16)
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="picture"\r\n\r\n'.encode()
        contents = (one if isinstance(one, bytes) else Path(one).read_bytes() for one in pictures)
        body = b"".join(head + content + b"\r\n" for content in contents) + f"--{boundary}--\r\n".encode()
        return self._ask(
            "POST", f"{path}?{query}" if query else path, body, f"multipart/form-data; boundary={boundary}"
        )

    def _ask(
        self, method: str, path: str, body: bytes | None = None, content_type: str | None = None
    ) -> tuple[dict[str, Any], str | None]:
        """The JSON of the answer, and the request's id.

        As long as the service is overloaded, and time is left, it is asked again.
        """
        headers = {**self._headers, **({"Content-Type": content_type} if content_type else {})}
        end = time.monotonic() + self._timeout
        while True:
            response, content = self._send(method, self._prefix + path, body, headers)
            wait = response.headers.get("Retry-After", "")
            if response.status not in OVERLOADED or not wait.isdigit() or time.monotonic() + int(wait) > end:
                return self._result(response, content)
            time.sleep(int(wait))

    def _send(self, *request: Any) -> Answer:
        is_reused = self._connection.sock is not None
        try:
            return self._exchange(*request)
        except CLOSED as error:
            self.close()
            if not is_reused:
                raise self._unreachable(error) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._unreachable(error) from None
        return self._send(*request)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        with suppress(BrokenPipeError, ConnectionResetError):  # refused before all was sent: the answer may be there
            self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return response, response.read()

    def _unreachable(self, error: Exception) -> ServiceError:
        return ServiceError(None, f"{self._url} does not answer: {error or type(error).__name__}")

    def _result(self, response: http.client.HTTPResponse, content: bytes) -> tuple[dict[str, Any], str | None]:
        request_id = response.headers.get("X-Request-ID")
        try:
            found = json.loads(content)
            if response.status in (200, 201):
                return found, request_id
            detail = found["detail"]
        except (ValueError, KeyError, TypeError):  # of another server, such as a proxy
            detail = f"{self._url} answers {response.status} {response.reason}, not as the service does"
        raise ServiceError(response.status, detail, request_id)


def _row(kind: type[Row], found: dict[str, Any], **own: Any) -> Row:
    """A row with the fields of its kind: the service may answer with more."""
    return kind(**{**{name: found.get(name) for name in kind._fields}, **own})


def _name(picture: Picture) -> str | None:
    return None if isinstance(picture, bytes) else Path(picture).name


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)

"""From the body of a request to encoded pictures and options."""

import base64
from collections.abc import Callable
from typing import Any, NamedTuple

from fastapi import Request
from multipart import (
    MultipartError,
    MultipartSegment,
    ParserLimitReached,
    PushMultipartParser,
    parse_options_header,
)
from pydantic import ValidationError

from digits.serving.problems import ProblemError
from digits.serving.schemas import Options

FIELD = "file"
MAX_NAME = 255  # characters of a name that is repeated to the client: no file has a longer one
OTHER_COMMAS = 100  # that a JSON body may have, apart from those of its pictures


class Picture(NamedTuple):
    """An encoded picture, and the name of its file; None where it has none."""

    name: str | None
    data: bytes


async def parse(
    request: Request, options_type: type[Options], body_type: type[Options], max_pictures: int
) -> tuple[list[Picture], Any]:
    """The pictures of an upload or of JSON, and the options: of the query, for JSON also of it. Raises a ProblemError.

    The options are of `options_type`, or of `body_type`, which has the same and more.
    """
    header, body = request.headers.get("content-type", ""), await request.body()
    query = dict(request.query_params)
    content_type = header.partition(";")[0].strip().lower()
    if content_type == "multipart/form-data":
        found = _uploaded(header, body, max_pictures)
        options = _valid(lambda: options_type.model_validate_strings(query))
    elif content_type == "application/json":
        # Parsed, a short value takes fifty times its bytes. A picture has a comma after it, and one in a data URL.
        if body.count(b",") > 2 * max_pictures + OTHER_COMMAS:
            raise ProblemError(413, f"the JSON has far more values than {max_pictures:,} pictures need")
        options = _valid(lambda: body_type.model_validate_json(body))
        if query:
            given = _valid(lambda: options_type.model_validate_strings(query))
            unset = given.model_fields_set - options.model_fields_set
            options = options.model_copy(update={name: getattr(given, name) for name in unset})
        found = _from_base64(options)
    else:
        found_type = content_type[:MAX_NAME] or "none"
        raise ProblemError(415, f"Content-Type: {found_type}; expected multipart/form-data or application/json")
    if not found:
        raise ProblemError(422, "the request has no picture")
    if len(found) > max_pictures:
        raise too_many(max_pictures)
    return found, options


def too_many(max_pictures: int) -> ProblemError:
    most = "one picture" if max_pictures == 1 else f"{max_pictures:,} pictures"
    return ProblemError(413, f"the request has more than {most}; send several requests")


def _uploaded(content_type: str, body: bytes, max_pictures: int) -> list[Picture]:
    _, options = parse_options_header(content_type)
    found: list[Picture] = []
    chunks: list[bytes] = []
    try:
        with PushMultipartParser(options.get("boundary", ""), max_segment_count=max_pictures) as parser:
            for event in parser.parse(body):
                if isinstance(event, MultipartSegment):
                    name, chunks = _file_name(event), []
                elif event:
                    chunks.append(event)
                else:
                    found.append(Picture(name, b"".join(chunks)))
    except ParserLimitReached as error:
        if len(found) == max_pictures:
            raise too_many(max_pictures) from None
        raise ProblemError(400, f"the body is not multipart/form-data: {error}") from None
    except MultipartError as error:
        raise ProblemError(400, f"the body is not multipart/form-data: {error}") from None
    return found


def _file_name(part: MultipartSegment) -> str | None:
    if part.name != FIELD:
        raise ProblemError(422, f"the form has the field {part.name[:50]!r}; expected files in the field {FIELD!r}")
    return part.filename[:MAX_NAME] if part.filename else None


def _valid(validate: Callable[[], Options]) -> Options:
    try:
        return validate()
    except ValidationError as error:
        malformed = error.errors(include_input=False, include_url=False)[0]["type"] == "json_invalid"
        raise ProblemError(400 if malformed else 422, describe(error)) from None


def _from_base64(body: Any) -> list[Picture]:
    one, many = body.image, getattr(body, "images", None)
    if one is not None and many is not None:
        raise ProblemError(422, "the body has `image` and `images`; expected one of the two")
    texts = many if many is not None else [one] if one is not None else []
    return [Picture(None, _decode(text, place)) for place, text in enumerate(texts)]


def describe(error: ValidationError) -> str:
    """What is wrong with a JSON body, and where: of the forms that a value may have, in the one that fits best."""
    found = max(error.errors(include_input=False, include_url=False), key=lambda one: len(one["loc"]))
    place = ".".join(str(key) for key in found["loc"] if "[" not in str(key))  # without the names of forms
    unknown = found["type"] == "extra_forbidden"
    return f"{place[:MAX_NAME] or 'the body'}: {'there is no such option; /docs has all' if unknown else found['msg']}"


def _decode(text: str, place: int) -> bytes:
    _, _, data = text.rpartition("base64,") if text.startswith("data:") else ("", "", text)
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise ProblemError(422, f"picture {place} is not base64") from None

"""API v1. Within a version fields are added only: none is removed, renamed or given another meaning."""

import base64
import re
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from digits.data.picture_files import PictureError
from digits.data.pictures import encode_png
from digits.reading import Limits, Page, read
from digits.reading.annotation import annotated as draw
from digits.reading.results import as_dict
from digits.serving import metrics, schemas, tracing, uploads
from digits.serving.problems import ProblemError
from digits.serving.service import PredictedPicture, ServedModel, Service
from digits.serving.sizes import check_sides

router = APIRouter(prefix="/v1", tags=["v1"])

PROBLEM: dict[str, Any] = {
    "content": {"application/problem+json": {"schema": schemas.ProblemResponse.model_json_schema()}}
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {**PROBLEM, "description": "The body is malformed"},
    401: {**PROBLEM, "description": "No API key, or a wrong one: the header is `Authorization: Bearer KEY`"},
    403: {**PROBLEM, "description": "The request comes from a page of another site"},
    408: {**PROBLEM, "description": "The body came too slowly"},
    413: {**PROBLEM, "description": "The body is too long, or has too many pictures"},
    415: {**PROBLEM, "description": "Another type than multipart/form-data and JSON, or an unknown encoding"},
    421: {**PROBLEM, "description": "The header Host names another server"},
    422: {**PROBLEM, "description": "A picture that can't be read, or a wrong value"},
    503: {**PROBLEM, "description": "Too many requests at the same time, or no model yet; see Retry-After"},
}
GRID = re.compile(r"([1-9]\d?)x([1-9]\d?)", re.ASCII)


@router.post(
    "/predict",
    summary="Classify pictures of one digit each",
    response_model=schemas.PredictResponse,
    responses=PROBLEMS,
    openapi_extra=schemas.request(schemas.PredictOptions, schemas.PredictBody, many=True),
)
async def predict(request: Request) -> Response:
    """A picture is a PNG, JPEG, HEIC, AVIF, WebP, TIFF, GIF, BMP or PPM, dark on light or light on dark.

    What is no digit, or not clear enough, is refused: `accepted` is false, and `reason` says why. A picture that can't
    be read has an `error`; where none of them can be read the status is 422. Options of an upload are in the query,
    those of JSON there or in the JSON, which counts where both have one.
    """
    service: Service = request.app.state.service
    most = service.settings.limits.max_pictures
    with tracing.span("parse"):
        found, options = await uploads.parse(request, schemas.PredictOptions, schemas.PredictBody, most)
    model = service.model  # one for the whole request
    tracing.describe({tracing.VERSION: model.version, tracing.PICTURES: len(found)})
    pictures = [one.data for one in found]
    with tracing.span("predict"):
        predicted = await service.predict(model, pictures, options.min_probability)
    pairs = zip(found, predicted, strict=True)
    rows = [_prediction(picture.name, one, options.canonical) for picture, one in pairs]
    answer = _json({"model": _name(model), "predictions": rows})
    metrics.count(one.prediction for one in predicted)
    if not options.draft:
        service.observe(model, request.state.request_id, pictures, predicted, options.min_probability)
    errors = [one.prediction.error for one in predicted if one.prediction.error is not None]
    if len(errors) == len(predicted):
        first = [f"picture {place}: {error}" for place, error in enumerate(errors[:3])]
        raise ProblemError(422, errors[0] if len(errors) == 1 else "; ".join(first))
    return answer


@router.post(
    "/read",
    summary="Read a picture with many digits",
    response_model=schemas.ReadResponse,
    responses=PROBLEMS,
    openapi_extra=schemas.request(schemas.ReadOptions, schemas.ReadBody, many=False),
)
async def read_page(request: Request) -> Response:
    """The digits in reading order with their boxes, and the lines as text; with `layout=grid` the cells of a table.

    A certificate is for single digits like those of the validation split, not for photographed pages.
    """
    service: Service = request.app.state.service
    (picture,), options = await uploads.parse(request, schemas.ReadOptions, schemas.ReadBody, 1)
    size = _grid(options.grid)
    if size and options.layout not in (None, "grid"):
        raise ProblemError(422, f"layout {options.layout} reads no grid; expected layout grid, or no size of a grid")
    limits = service.settings.limits
    reading = {
        "layout": "grid" if size else options.layout or "page",
        "grid": size,
        "min_probability": options.min_probability,
        "limits": Limits(limits.max_pixels, limits.max_digits, limits.read_seconds),
    }
    model = service.model
    tracing.describe({tracing.VERSION: model.version, tracing.PICTURES: 1})
    try:
        with tracing.span("read"):
            page, drawn = await service.run_slow(
                _read, picture.data, model, limits.max_side, reading, options.annotated
            )
    except PictureError as error:
        raise ProblemError(422, str(error)) from None
    answer = _json({"model": _name(model), **as_dict(page), "annotated": drawn})
    metrics.count_page(page)
    service.observe_page(model, request.state.request_id, page, options.min_probability)
    return answer


@router.get(
    "/model",
    summary="The model that answers",
    response_model=schemas.ModelResponse,
    responses={code: PROBLEMS[code] for code in (401, 403, 421, 503)},
)
async def get_model(request: Request) -> Response:
    """Its version, figures, certificate and lineage, the state of the registry, and whether feedback is taken."""
    service: Service = request.app.state.service
    feedback = request.app.state.feedback.description
    known = {"certificate": service.certificate, "registry": service.registry, "feedback": feedback}
    return _json({**service.model.description, **known})


def _read(
    picture: bytes, model: ServedModel, max_side: int, reading: dict[str, Any], annotated: bool
) -> tuple[Page, str | None]:
    check_sides(picture, max_side, "are read; cut it up")
    page = read(picture, model.classifier, **reading)
    return page, _base64(draw(picture, page)) if annotated else None


def _prediction(name: str | None, answer: PredictedPicture, canonical: bool) -> dict[str, Any]:
    found, digit = answer
    return {
        "name": name,
        "label": found.label,
        "probability": found.probability,
        "probabilities": found.probabilities,
        "accepted": bool(found.accepted),
        "reason": found.reason,
        "error": found.error,
        "canonical": _base64(encode_png(digit)) if canonical and digit.any() else None,
    }


def _name(model: ServedModel) -> dict[str, str]:
    return {"version": model.version, "sha256": model.sha256}


def _grid(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    found = GRID.fullmatch(text)
    if found is None:
        raise ProblemError(422, f"grid is {text[:20]!r}; expected rows x columns such as 9x9, at most 99")
    return int(found[1]), int(found[2])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")

"""The Open Inference Protocol v2 over REST: canonical digits in, the model's outputs as they are."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.routing import Route

from digits.errors import UserError
from digits.prediction.batches import Prediction
from digits.serving import metrics, tensors_v2, tracing
from digits.serving import schemas_v2 as schemas
from digits.serving.problems import OPEN_INFERENCE, ProblemError
from digits.serving.service import TINY_BYTES, ServedModel, Service

NAME = "digits"
JSON_BYTES = 2 * 28 * 28  # of a digit, at least
BINARY = "application/octet-stream"  # of JSON with bytes behind it
ERROR = {"model": schemas.ErrorResponse}
ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {**ERROR, "description": "What is wrong with the request"},
    503: {**ERROR, "description": "Not ready, or too many requests at the same time; then with Retry-After"},
}
ONE = [[255 if 4 <= row < 24 and 13 <= column < 16 else 0 for column in range(28)] for row in range(28)]
EXAMPLE = {"inputs": [{"name": "images", "shape": [1, 28, 28], "datatype": "UINT8", "data": [ONE]}]}
BODY = {
    "required": True,
    "description": f"With bytes behind the JSON the header `{tensors_v2.JSON_LENGTH}` gives the length of the JSON",
    "content": {
        "application/json": {"schema": schemas.infer_request(), "example": EXAMPLE},
        BINARY: {"schema": {"type": "string", "format": "binary"}},
    },
}
router = APIRouter(tags=["v2, the Open Inference Protocol"], responses=ERRORS)
Name = Annotated[str, Path(json_schema_extra={"enum": [NAME]})]
Version = Annotated[str, Path(description="The version that is served", examples=["3"])]


@router.get(OPEN_INFERENCE, summary="Metadata of the server", response_model=schemas.ServerMetadata)
async def server_metadata(request: Request) -> dict[str, Any]:
    """Its name, version and extensions of the protocol."""
    return {"name": NAME, "version": request.app.version, "extensions": ["binary_tensor_data"]}


@router.get(f"{OPEN_INFERENCE}/health/live", summary="Whether the process lives", response_model=schemas.Live)
async def live() -> dict[str, bool]:
    """As /livez."""
    return {"live": True}


@router.get(f"{OPEN_INFERENCE}/health/ready", summary="Whether it can answer", response_model=schemas.Ready)
async def ready(request: Request) -> dict[str, bool]:
    """As /readyz: the model must answer a known digit as it did when it was loaded."""
    service: Service = request.app.state.service
    await _check(service, service.model)
    return {"ready": True}


async def _champion(request: Request, name: Name) -> ServedModel:
    if name != NAME:
        raise ProblemError(404, f"there is no model {name[:50]!r}; this server has {NAME}")
    service: Service = request.app.state.service
    return service.model


async def _champion_of_version(request: Request, name: Name, version: Version) -> ServedModel:
    model = await _champion(request, name)
    if version != model.version:
        raise ProblemError(404, f"version {version[:20]!r} is not served; the champion is version {model.version}")
    return model


def _model_routes(prefix: str, find: Callable[..., Awaitable[ServedModel]]) -> APIRouter:
    """The routes of a model: the champion, or a version that it must be."""
    routes = APIRouter(prefix=prefix)
    Model = Annotated[ServedModel, Depends(find)]  # noqa: N806 - a type

    @routes.get("", summary="Metadata of the model", response_model=schemas.ModelMetadata)
    async def model_metadata(model: Model) -> dict[str, Any]:
        """Names, datatypes and shapes of its inputs and outputs, as in the ONNX file."""
        return {
            "name": NAME,
            "versions": [model.version],
            "platform": "onnxruntime_onnx",
            "inputs": tensors_v2.inputs(),
            "outputs": tensors_v2.outputs(model.classifier),
        }

    @routes.get("/ready", summary="Whether the model can answer", response_model=schemas.ModelReady)
    async def model_ready(request: Request, model: Model) -> dict[str, Any]:
        """The model must answer a known digit as it did when it was loaded."""
        await _check(request.app.state.service, model)
        return {"name": NAME, "ready": True}

    @routes.post(
        "/infer",
        summary="Classify canonical digits",
        response_model=schemas.InferResponse,
        openapi_extra={"requestBody": BODY},
        responses={200: {"content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}}},
    )
    async def infer(request: Request, model: Model) -> Response:
        """Digits of 28 x 28 pixel values, light ink on 0, as `canonical` of `/v1/predict` shows them.

        `accepted` is false for what the model refuses; the request's parameter `min_probability` refuses more.
        """
        return await _answer(request, model)

    return routes


async def _answer(request: Request, model: ServedModel) -> Response:
    service: Service = request.app.state.service
    body = await request.body()
    given = model, body, request.headers.get(tensors_v2.JSON_LENGTH), service.settings.limits.max_pictures
    tracing.describe({tracing.VERSION: model.version})
    with tracing.span("infer"):
        if len(body) <= TINY_BYTES:  # a few digits take less time than handing them to a thread
            answer = _infer(*given)
        else:
            answer = await service.run(_infer, *given, pictures=1 + len(body) // JSON_BYTES)
    if answer.json_length is None:
        return Response(answer.content, media_type="application/json")
    return Response(answer.content, headers={tensors_v2.JSON_LENGTH: str(answer.json_length)}, media_type=BINARY)


async def _infer_champion(request: Request) -> Response:
    return await _answer(request, request.app.state.service.model)


def _infer(model: ServedModel, body: bytes, json_length: str | None, max_digits: int) -> tensors_v2.Body:
    request, digits = tensors_v2.read(body, json_length, max_digits)
    least = request.parameters.min_probability
    found = model.classifier.predict(digits, least)
    answered = tensors_v2.write(request, model.classifier, found, NAME, model.version)
    labels, probabilities = found.probabilities.argmax(axis=1), found.probabilities.max(axis=1)
    rows = zip(labels.tolist(), probabilities.tolist(), model.classifier.refusal_reasons(found, least), strict=True)
    metrics.count(Prediction("", label, probability, reason=reason) for label, probability, reason in rows)
    return answered


async def _check(service: Service, model: ServedModel) -> None:
    try:
        await service.check(model)
    except UserError as error:
        raise ProblemError(503, str(error)) from None


for path, find in (("{name}", _champion), ("{name}/versions/{version}", _champion_of_version)):
    router.include_router(_model_routes(f"{OPEN_INFERENCE}/models/{path}", find))
# What most clients ask, for `DirectRoutes`
infer_champion = Route(f"{OPEN_INFERENCE}/models/{NAME}/infer", _infer_champion, methods=["POST"])

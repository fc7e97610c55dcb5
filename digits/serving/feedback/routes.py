"""Feedback: pictures that people say were misread, for the labelling queue."""

import orjson
from fastapi import APIRouter, Request, Response

from digits.feedback.items import Report
from digits.serving import schemas, uploads
from digits.serving.api import PROBLEM, PROBLEMS
from digits.serving.feedback.schemas import FeedbackBody, FeedbackOptions, FeedbackResponse
from digits.serving.feedback.store import FeedbackStore
from digits.serving.problems import ProblemError
from digits.serving.service import Service

router = APIRouter(prefix="/v1", tags=["v1"])


@router.post(
    "/feedback",
    summary="Say that an answer is wrong",
    status_code=201,
    response_model=FeedbackResponse,
    responses={
        200: {"model": FeedbackResponse, "description": "The picture is known already; the suggestion is added"},
        **PROBLEMS,
        403: {**PROBLEM, "description": "The server takes no feedback, or a page of another site asks"},
        429: {**PROBLEM, "description": "More feedback than is taken, of this client or of all; see Retry-After"},
        503: {
            **PROBLEM,
            "description": "Too much waits, for a label or to be computed, or the queue is locked; see Retry-After",
        },
        507: {**PROBLEM, "description": "The server's disk is full, and nothing is kept"},
    },
    openapi_extra=schemas.request(FeedbackOptions, FeedbackBody, many=False),
)
async def give_feedback(request: Request) -> Response:
    """One picture of one digit waits for a person to label it; nothing is learned from it before.

    The server keeps the picture's grey pixels without anything else of its file, the label that is suggested, its own
    answer and the request ids.
    """
    service: Service = request.app.state.service
    store: FeedbackStore = request.app.state.feedback
    if not store.enabled:
        raise ProblemError(403, "this server takes no feedback: `keep_days` is 0, or it has no folder for it")
    client = request.client.host if request.client else ""
    store.check(client)  # before the body is parsed: a flood costs little
    (picture,), options = await uploads.parse(request, FeedbackOptions, FeedbackBody, 1)
    if not options.consent:
        raise ProblemError(
            422,
            "consent is not given: send consent=true where whoever sends the picture agrees that it is kept for "
            f"{store.description['keep_days']} days, and longer where it is labelled to be learned from",
        )
    await store.admit(client, picture.data)
    report = await _report(service, picture.data, (request.state.request_id, options.answer), options.label)
    kept = await store.add(picture.data, report)
    content = orjson.dumps({"request_id": request.state.request_id, **kept._asdict()})
    return Response(content, 200 if kept.duplicate else 201, media_type="application/json")


async def _report(
    service: Service, picture: bytes, request_ids: tuple[str, str | None], suggested: str | None
) -> Report:
    """What is said of a picture, and the service's own answer to it: the client's word for that counts nothing."""
    model = service.model
    (answer,) = await service.predict(model, [picture], 0.0)
    found = answer.prediction
    if found.error is not None:
        raise ProblemError(422, found.error)
    known = tuple(filter(None, request_ids))
    return Report(known, suggested, found.label, found.probability, bool(found.accepted), found.reason, model.version)

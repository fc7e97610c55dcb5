"""Whether the process lives, whether it can answer, and its metrics."""

from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from digits.errors import UserError
from digits.serving import metrics, schemas
from digits.serving.api import PROBLEMS
from digits.serving.problems import ProblemError
from digits.serving.service import Service

router = APIRouter(tags=["operation"])


@router.get("/livez", summary="Whether the process lives")
async def live() -> dict[str, str]:
    """For a liveness probe: it looks at nothing else."""
    return {"status": "alive"}


@router.get(
    "/readyz",
    summary="Whether it can answer",
    response_model=schemas.Readiness,
    responses={503: {"model": schemas.Readiness, "description": "Not ready"}},
)
async def ready(request: Request) -> Response:
    """For a readiness probe: the model must answer a known digit as it did when it was loaded."""
    service: Service = request.app.state.service
    content: dict[str, Any] = {
        "status": "not ready",
        "version": None,
        "known_digit": None,
        "reason": None,
        "registry": service.registry,
    }
    try:
        model = service.model
        content["version"] = model.version
        content["known_digit"] = await service.check(model)
        content["status"] = "ready"
    except ProblemError as problem:
        content["reason"] = problem.detail
    except UserError as error:
        content["reason"] = str(error)
    status = 200 if content["status"] == "ready" else 503
    return Response(orjson.dumps(content), status, media_type="application/json")


@router.get(
    "/metrics",
    summary="Metrics for Prometheus",
    response_class=Response,
    responses={code: PROBLEMS[code] for code in (401, 403, 421)},
)
def read_metrics(request: Request) -> Response:
    """Requests, latency, predicted labels, probabilities, refusals, feedback, what waits, and the loaded version."""
    request.app.state.feedback.measure()
    return Response(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

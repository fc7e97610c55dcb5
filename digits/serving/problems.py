"""Errors of a request, as RFC 9457's problem JSON, or as the Open Inference Protocol's `{"error": …}` under /v2."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

RETRY_AFTER = "1"  # seconds
OPEN_INFERENCE = "/v2"


class ProblemError(Exception):
    """What is wrong with a request: the HTTP status, and what was found, expected, and how to fix it."""

    def __init__(self, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers or {}


def overloaded(detail: str) -> ProblemError:
    """503: the client shall ask again."""
    return ProblemError(503, f"{detail}; ask again in {RETRY_AFTER} s", {"Retry-After": RETRY_AFTER})


def response(problem: ProblemError, path: str) -> Response:
    """The response to a request for this path."""
    if path.startswith(OPEN_INFERENCE):
        content: dict[str, Any] = {"error": problem.detail}
        media_type = "application/json"
    else:
        content = {
            "type": "about:blank",
            "title": HTTPStatus(problem.status).phrase,
            "status": problem.status,
            "detail": problem.detail,
        }
        media_type = "application/problem+json"
    return Response(orjson.dumps(content), problem.status, problem.headers, media_type)


def install(app: FastAPI) -> None:
    """Let every error of a route be answered so."""

    @app.exception_handler(ProblemError)
    async def answer(request: Request, error: ProblemError) -> Response:
        return response(error, request.url.path)

    @app.exception_handler(HTTPException)
    async def answer_http(request: Request, error: HTTPException) -> Response:
        problem = ProblemError(error.status_code, str(error.detail), dict(error.headers or {}))
        return response(problem, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        return response(ProblemError(422, found), request.url.path)

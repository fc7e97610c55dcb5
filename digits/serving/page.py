"""Pages for people at `/`, in a browser: the service's, with a drawing area and the reading of pictures."""

from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from starlette.types import Scope

FOLDER = Path(__file__).with_suffix("")
HEADERS = {
    "Cache-Control": "no-cache",  # the browser asks each time whether a file is new: no old script after an upgrade
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
}


class PageFiles(StaticFiles):
    """The files of the page, each with HEADERS."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


def mount(app: FastAPI, folder: Path = FOLDER) -> None:
    """Serve a folder's index.html at `/` and its files below `/static/`; neither is part of the OpenAPI schema."""
    files = PageFiles(directory=folder)
    app.mount("/static", files)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response("index.html", request.scope)

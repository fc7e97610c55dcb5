"""The API's documentation, for browsers without a network: Swagger UI from an installed package, not from a CDN."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

import fastapi_offline
from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from digits.serving.access import is_open

FILES = Path(fastapi_offline.__file__).with_name("static")


def mount(app: FastAPI, needs_key: bool) -> None:
    """Serve the documentation at /docs, with a place for the API key where one is needed."""
    if needs_key:
        _add_key(app)
    body = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Digits: API",
        swagger_js_url="/docs/files/swagger-ui-bundle.js",
        swagger_css_url="/docs/files/swagger-ui.css",
        swagger_favicon_url="/docs/files/favicon.png",
    ).body
    page = bytes(body).decode()
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    )
    policy = f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(page, headers={"Content-Security-Policy": policy})

    app.mount("/docs/files", StaticFiles(directory=FILES))


def _add_key(app: FastAPI) -> None:
    make = app.openapi

    def openapi() -> dict[str, Any]:
        schema = make()
        schema.setdefault("components", {})["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, methods in schema["paths"].items():
            for operation in methods.values() if is_open(path) else ():
                operation["security"] = []
        return schema | {"security": [{"key": []}]}

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's documentation of "Extending OpenAPI" has it

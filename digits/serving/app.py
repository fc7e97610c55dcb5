"""The application: its routes, and what it does when it starts and ends."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from digits.serving import api, docs, health, metrics, page, problems, protocol_v2, tracing
from digits.serving.direct_routes import DirectRoutes
from digits.serving.drift.traffic import Traffic
from digits.serving.feedback import routes
from digits.serving.feedback.store import FeedbackStore
from digits.serving.middleware import RequestMiddleware
from digits.serving.service import Service
from digits.serving.settings import Settings
from digits.serving.shadow import Shadow

log = logging.getLogger("digits.serving")
DESCRIPTION = """
Classifies pictures of handwritten digits with the champion of the model registry, and refuses what is no digit:

    curl -F file=@seven.png ADDRESS/v1/predict
    curl -F file=@sudoku.jpg 'ADDRESS/v1/read?grid=9x9'

**Limits**: {0.max_body_mib} MiB and {0.max_pictures} pictures a request, and a page of {0.max_side:,} pixels on a side.
Larger pictures are averaged down. Where too much is asked at the same time the status is 503, with the seconds to wait
in the header `Retry-After`: ask again then, and wait longer after each 503.

Errors are [RFC 9457](https://www.rfc-editor.org/rfc/rfc9457) problem JSON; under `/v2`, the Open Inference Protocol,
they are `{{"error": …}}`. Every response has the header `X-Request-ID`, which the server's log has, too.

**Versions of the API**: within `/v1` fields are only added, so ignore what you don't know. A change that breaks clients
gets a prefix of its own, and `/v1` stays for at least a year after that.
"""


def create_app(settings: Settings) -> FastAPI:
    """The service that answers with the local copy of the champion in `settings.folder`, and follows its changes."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        _reserve_metrics()
        service = app.state.service = Service(settings)
        store = app.state.feedback = FeedbackStore(settings)
        await service.refresh()
        traffic = Traffic(settings, service.background)
        service.observers.append(traffic)
        service.page_observers.append(traffic.count_page)
        if settings.limits.challenger.version is not None:
            service.observers.append(Shadow(settings, service.background))
        tasks = [asyncio.create_task(task) for task in (service.follow(), traffic.run())]
        yield
        for task in tasks:
            task.cancel()
        await traffic.close()
        await asyncio.to_thread(service.close)  # which waits for the threads
        store.close()
        await asyncio.to_thread(tracing.stop)

    app = FastAPI(
        title="Digits",
        version=version("digits"),
        description=DESCRIPTION.format(settings.limits),
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry=tracing.start(),
    )
    app.include_router(api.router)
    app.include_router(routes.router)
    app.include_router(protocol_v2.router)
    app.include_router(health.router)
    docs.mount(app, bool(settings.api_keys))
    page.mount(app)
    problems.install(app)
    app.add_middleware(DirectRoutes, routes=[*api.router.routes, protocol_v2.infer_champion])
    app.add_middleware(RequestMiddleware, settings=settings)
    if settings.trusted_proxies:  # around all others: the log has the client's address, too
        app.add_middleware(ProxyHeadersMiddleware, trusted_hosts=list(settings.trusted_proxies))
    return app


def _reserve_metrics() -> None:
    try:
        metrics.reserve()
    except OSError as error:  # a disk that is full already: the service answers as long as it can
        log.warning("the metrics' files have no space of their own: %s", error)

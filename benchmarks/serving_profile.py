"""Where the time of a request with one picture goes; the last line printed is the result, as JSON.

    python -m benchmarks.serving_profile models/digits.onnx

The application runs in this process, without a network; only the HTTP server is measured in one of its own.
"""

import asyncio
import gc
import json
import logging.config
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import uvloop

from benchmarks.processes import ROOT, run
from benchmarks.serving_load import HOST, Request, drive, for_seconds
from benchmarks.serving_servers import UPLOAD, free_port, wait_for
from digits.files import digest
from digits.processes import cpu_count

TOGETHER = 8  # requests: half of 16 connections, for each of two workers
ROUNDS, PICTURES, SECONDS = 7, 160, 1.0
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"2")]
ROWS = {
    "HTTP": "HTTP server (uvicorn with httptools and uvloop)",
    "middleware": "access, limits, metrics, a line in the log",
    "framework": "FastAPI's middleware, objects of a request and a response",
    "upload": "multipart, options, and a turn of the event loop to compute together what came at once",
    "decode": "PNG to pixel values",
    "canonical": "pixel values to the canonical digit",
    "net": "net (ONNX Runtime, one thread)",
    "answer": "label, reason of refusal, counts by label, JSON of the answer",
}


async def nothing(scope: dict, receive: Callable, send: Callable) -> None:
    """An application that reads the body and answers {}."""
    while scope["type"] == "lifespan":
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": b"{}"})


def http_microseconds(requests: list[bytes], connections: int) -> float:
    """The CPU time of uvicorn for a request to an application that does nothing."""
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", f"{__spec__.name}:nothing", "--port", str(port), "--no-access-log"]
    with psutil.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port)
            drive(port, for_seconds(requests, SECONDS / 4), connections)
            before = sum(server.cpu_times()[:2])
            load = drive(port, for_seconds(requests, SECONDS), connections)
            return (sum(server.cpu_times()[:2]) - before) / len(load.latencies) * 1e6
        finally:
            server.terminate()


async def asgi(app: Callable[..., Awaitable], request: Request) -> None:
    """Call an application with one request, as a server does. Raises RuntimeError where it does not answer 200."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message.get("status", 200) != 200:
            raise RuntimeError(f"the application answers with status {message['status']}")

    headers = {"Host": HOST, **request.headers, "Content-Length": str(len(request.body))}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "client": (HOST, 1),
        "server": (HOST, 1),
    }
    await app(scope, receive, send)


async def microseconds(app: Callable[..., Awaitable], requests: list[Request], step: int) -> float:
    """The CPU time for a request, of `step` at a time."""
    began = time.process_time()
    for first in range(0, PICTURES, step):
        await asyncio.gather(*(asgi(app, one) for one in requests[first : first + step]))
    return (time.process_time() - began) / PICTURES * 1e6


def parts(step: int, folder: Path) -> dict[str, float]:
    """The CPU time of each part in microseconds, of `step` requests at a time; `folder` has the copy of a model.

    Each is what a request takes longer when the application also does that, and nothing that comes after it.
    """
    from digits.data import pictures, processed_tables
    from digits.params import load
    from digits.paths import PARAMS
    from digits.prediction.batches import decode_batch
    from digits.prediction.inputs import PictureInput
    from digits.serving import api, batching, local_copy, logs, schemas, service, uploads
    from digits.serving.app import create_app
    from digits.serving.middleware import RequestMiddleware
    from digits.serving.settings import Settings

    logging.config.dictConfig(logs.CONFIG)
    settings = Settings(folder, load(ROOT / PARAMS).serve)
    model = service.ServedModel(local_copy.read(settings.folder))
    digits = np.random.default_rng(0).permutation(processed_tables.read_processed("test").images)[:PICTURES]
    requests = [UPLOAD.request(one[None]) for one in digits]
    (route,) = (one for one in api.router.routes if one.path == requests[0].path)

    async def empty(_: Any) -> Any:
        return api._json({})

    def computed(compute: Callable[[list[bytes]], Any]) -> Callable[[Any], Awaitable]:
        batcher = batching.Batcher(lambda _, encoded: [compute(encoded)] * len(encoded))

        async def endpoint(request: Any) -> Any:
            (picture,), _ = await uploads.parse(request, schemas.PredictOptions, schemas.PredictBody, 1)
            await batcher.submit(None, [picture.data])
            return api._json({})

        return endpoint

    def digits_of(encoded: list[bytes]) -> np.ndarray:
        return decode_batch([PictureInput("", one) for one in encoded]).digits

    endpoints = {
        "framework": empty,
        "upload": computed(lambda encoded: None),
        "decode": computed(lambda encoded: [pictures.decode(one) for one in encoded]),
        "canonical": computed(digits_of),
        "net": computed(lambda encoded: model.classifier.predict(digits_of(encoded))),
        "answer": api.predict,
    }

    async def applications() -> list[list[float]]:
        app, taken = create_app(settings), []
        async with app.router.lifespan_context(app):
            for _ in range(ROUNDS):
                taken.append(
                    [await microseconds(one, requests, step) for one in (nothing, RequestMiddleware(nothing, settings))]
                )
                for route.endpoint in endpoints.values():  # the last is the route's own
                    taken[-1].append(await microseconds(app, requests, step))
        return taken

    gc.collect()
    gc.freeze()  # as in a worker
    http = http_microseconds([one.encoded() for one in requests], step)
    added = np.diff(np.median(uvloop.run(applications()), axis=0)).tolist()
    return {"HTTP": http, **dict(zip(["middleware", *endpoints], added, strict=True))}


def table(onnx_file: Path) -> Iterator[str]:
    """A Markdown table of the parts; they are measured in another process."""
    found = run(__spec__.name, str(onnx_file))
    yield f"| part of a request with one picture, µs of CPU time | alone | {TOGETHER} together |"
    yield "|---|---:|---:|"
    for name, text in ROWS.items():
        yield f"| {text} | {found['alone'][name]:.0f} | {found['together'][name]:.0f} |"
    alone, together = (sum(found[key].values()) for key in ("alone", "together"))
    yield f"| sum | {alone:.0f} | {together:.0f} |"
    cores, largest = cpu_count(), max(ROWS, key=found["together"].get)
    yield ""
    yield (
        "Each part is what a request takes longer when the service also does that, in the order of the table. "
        f"The limit is the CPU: {cores} cores that do nothing else answer at most {cores * 1e6 / together:,.0f} such "
        f"requests/s. The largest part is: {ROWS[largest]}."
    )


def main() -> None:
    from digits.serving import local_copy

    onnx_file = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name, tempfile.TemporaryFile() as log:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = name
        os.dup2(log.fileno(), sys.stderr.fileno())  # the log of the service, written as usual
        local_copy.write(Path(name), onnx_file, {"version": "1", "sha256": digest(onnx_file, "sha256")})
        print(json.dumps({"alone": parts(1, Path(name)), "together": parts(TOGETHER, Path(name))}))


if __name__ == "__main__":
    main()

"""The servers that are compared: how each is started, what it is asked in which ways, and its memory."""

import base64
import json
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import psutil
from psutil import Popen, Process

from benchmarks.processes import ROOT, children, resident
from benchmarks.serving_load import HOST, Load, Request, ask, drive, for_seconds
from digits.data.pictures import encode_png
from digits.errors import UserError

BIN = Path(sys.executable).parent
PEERS, PEERS_BIN = ROOT / "benchmarks" / "serving_peers", ROOT / ".venv-peers" / "bin"
SECONDS_TO_START, SECONDS_TO_STOP = 60, 10
READY = 20  # answers in succession, each on its own connection, after which all workers are ready
MIB = 2**20
JSON = {"Content-Type": "application/json"}
BOUNDARY = "0123456789abcdef"
LENGTH = "Inference-Header-Content-Length"


class Way(NamedTuple):
    """A way to ask a server: the request for (n, h, w) uint8 pictures, and the labels in its answer."""

    name: str
    request: Callable[[np.ndarray], Request]
    labels: Callable[[dict[str, str], bytes], np.ndarray]
    least_equal: float = 1.0  # of the labels, to those of the model


class Server(NamedTuple):
    """A server: its port, its command, the folder that it runs in, and the ways to ask it."""

    name: str
    port: int
    command: list[str]
    folder: Path
    ways: list[Way]


class Memory(NamedTuple):
    """Of a server, in MiB: the largest process that answers (RSS), and all processes with shared pages once (PSS)."""

    worker: float
    all: float


@contextmanager
def running(server: Server, environment: dict[str, str], digit: np.ndarray) -> Iterator[tuple[float, Process]]:
    """The seconds from its start to its first answer, and its process; it is stopped at the end.

    `digit` is what it is asked. Raises UserError, with its log, where it does not answer.
    """
    request = server.ways[0].request(digit[None])
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = Popen(server.command, cwd=server.folder, env=os.environ | environment, stdout=log, stderr=log)
        try:
            while not _answers(server.port, request):
                if process.poll() is not None or time.perf_counter() - began > SECONDS_TO_START:
                    log.seek(0)
                    raise UserError(f"{server.name} does not start:\n{log.read().decode(errors='replace')}")
                time.sleep(0.01)
            seconds = time.perf_counter() - began
            while not all(_answers(server.port, request) for _ in range(READY)):  # all of its workers
                time.sleep(0.1)
            yield seconds, process
        finally:
            _stop(process)


def memory(process: Process) -> Memory:
    """The memory of a server now."""
    own = children(process) or [process]
    shared = sum(one.memory_full_info().pss for one in [process, *children(process)])
    return Memory(max(map(resident, own)) / MIB, shared / MIB)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def wait_for(port: int) -> None:
    """Wait until something listens on the port."""
    end = time.perf_counter() + SECONDS_TO_START
    while True:
        try:
            return socket.create_connection((HOST, port)).close()
        except OSError:
            if time.perf_counter() > end:
                raise
            time.sleep(0.01)


def ceiling(request: bytes, seconds: float, connections: int) -> Load:
    """The load generator with a server that does nothing."""
    port = free_port()
    with Popen([sys.executable, "-m", "benchmarks.serving_load", str(port)]) as server:
        try:
            wait_for(port)
            return drive(port, for_seconds([request], seconds), connections)
        finally:
            server.terminate()


def enlarged(pictures: np.ndarray, side: int = 280) -> np.ndarray:
    """(n, side, side) uint8: (n, 28, 28) digits enlarged, dark on light."""
    size = side, side
    return np.stack([255 - cv2.resize(one, size, interpolation=cv2.INTER_CUBIC) for one in pictures])


def _answers(port: int, request: Request) -> bool:
    try:
        return ask(port, request)[0] == 200
    except (OSError, HTTPException):
        return False


def _stop(process: Process) -> None:
    """End a server, and then its processes: some servers leave theirs running."""
    own = children(process)
    process.terminate()
    psutil.wait_procs([process], SECONDS_TO_STOP)
    left = [one for one in [process, *own] if one.is_running()]
    for one in left:
        one.kill()
    psutil.wait_procs(left)


def _base64(pictures: np.ndarray) -> list[str]:
    return [base64.b64encode(encode_png(one)).decode() for one in pictures]


def _upload(pictures: np.ndarray) -> Request:
    part = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{{}}.png"\r\n\r\n'
    parts = [part.format(place).encode() + encode_png(one) + b"\r\n" for place, one in enumerate(pictures)]
    body = b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()
    return Request("/v1/predict", {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}, body)


def _v2(pictures: np.ndarray) -> Request:
    """As `tritonclient` asks by default: the pixel values behind the JSON, and the probabilities likewise."""
    size = {"binary_data_size": pictures.size}
    content = {
        "inputs": [{"name": "images", "shape": pictures.shape, "datatype": "UINT8", "parameters": size}],
        "outputs": [{"name": "probabilities", "parameters": {"binary_data": True}}],
    }
    head = json.dumps(content).encode()
    headers = {"Content-Type": "application/octet-stream", LENGTH: str(len(head))}
    return Request("/v2/models/digits/infer", headers, head + pictures.tobytes())


def _v2_labels(headers: dict[str, str], body: bytes) -> np.ndarray:
    length = next(int(value) for name, value in headers.items() if name.lower() == LENGTH.lower())
    return np.frombuffer(body[length:], np.float32).reshape(-1, 10).argmax(axis=1)


def _json(path: str, key: str, values: Callable[[np.ndarray], list]) -> Callable[[np.ndarray], Request]:
    return lambda pictures: Request(path, JSON, json.dumps({key: values(pictures)}).encode())


def _probabilities(find: Callable[[Any], list]) -> Callable[[dict[str, str], bytes], np.ndarray]:
    return lambda _, body: np.array(find(json.loads(body))).argmax(axis=1)


_OUR_LABELS = _probabilities(lambda found: [one["probabilities"] for one in found["predictions"]])
UPLOAD = Way("upload", _upload, _OUR_LABELS)
# Their canonical digits are not exactly the digits that were enlarged
ENLARGED = Way("upload, 280 × 280", lambda pictures: _upload(enlarged(pictures)), _OUR_LABELS, 0.95)
V2 = Way("/v2, binary", _v2, _v2_labels)
OURS = [UPLOAD, ENLARGED, Way("JSON, base64", _json("/v1/predict", "images", _base64), _OUR_LABELS), V2]
MLFLOW = Way(
    "JSON, pixel values",
    _json("/invocations", "inputs", np.ndarray.tolist),
    _probabilities(lambda found: found["predictions"]["probabilities"]),
)
PEER = Way("JSON, base64", _json("/predict", "images", _base64), _probabilities(lambda found: found))


def servers(model: Path, workers: int) -> list[Server]:
    """Ours and three others, each with so many workers, MLflow also with one; `model` is MLflow's folder of it."""

    def server(name: str, command: list, port_option: list[str], folder: Path, ways: list[Way]) -> Server:
        port = free_port()
        return Server(name, port, [*map(str, command), *port_option, str(port)], folder, ways)

    mlflow = [BIN / "mlflow", "models", "serve", "--env-manager", "local", "-m", model, "-w"]
    bentoml = [PEERS_BIN / "bentoml", "serve", "bentoml_service:Digits", "--host", HOST]
    return [
        server("Digits", [BIN / "digits", "serve", "--workers", workers], ["--port"], ROOT, OURS),
        *(server(f"MLflow × {count}", [*mlflow, count], ["-p"], ROOT, [MLFLOW]) for count in sorted({1, workers})),
        server("BentoML", bentoml, ["--port"], PEERS, [PEER]),
        server("LitServe", [PEERS_BIN / "python", "litserve_service.py"], [], PEERS, [PEER]),
    ]

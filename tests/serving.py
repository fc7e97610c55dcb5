"""The service on loopback, in a thread of the tests' process: it starts in some 0.1 s."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from uvicorn import Config, Server

from digits.files import digest
from digits.params import Serve, load
from digits.serving import local_copy
from digits.serving.app import create_app
from digits.serving.connections import Connection
from digits.serving.settings import Settings
from tests import linear_model
from tests.imports import ROOT


def settings(folder: Path, api_keys: tuple[str, ...] = (), **limits: float) -> Settings:
    """The limits of params.yaml, but for some; no feedback is taken."""
    return Settings(folder, load(ROOT / "params.yaml").serve.model_copy(update=limits), api_keys)


def with_feedback(folder: Path, feedback: Path, trusted_proxies: tuple[str, ...] = (), **limits: int) -> Settings:
    """The same with a folder for feedback, and other limits of it."""
    chosen = settings(folder)
    changed = chosen.limits.feedback.model_copy(update=limits)
    changed = chosen.limits.model_copy(update={"feedback": changed})
    return replace(chosen, feedback=feedback, trusted_proxies=trusted_proxies, limits=changed)


def write_constant(folder: Path, label: int = 7, version: str = "3") -> Path:
    """A local copy of a champion that predicts the same label for every digit, and accepts it; returns its folder."""
    folder.mkdir(exist_ok=True)
    write_copy(folder, linear_model.write_constant(folder / "model.onnx", label), version)
    return folder


def write_copy(folder: Path, onnx_file: Path, version: str = "3") -> None:
    """Make this file the local copy of the champion, as the process that follows the registry does."""
    description = {
        "name": "digits",
        "version": version,
        "sha256": digest(onnx_file, "sha256"),
        "figures": {"test_accuracy": 0.99},
        "certificate": {"state": "none", "text": "nothing", "error": None, "confidence": None, "digits": None},
        "lineage": {"run_id": "0" * 32},
    }
    local_copy.write(folder, onnx_file, description)
    local_copy.write_registry_state(folder, local_copy.registry_state(reachable=True))


@contextmanager
def running(chosen: Settings) -> Iterator[str]:
    """The address of a server with these settings, which ends with the block."""
    with running_app(create_app(chosen), chosen.limits) as address:
        yield address


@contextmanager
def running_app(app: FastAPI, limits: Serve) -> Iterator[str]:
    """The address of a server of this application, which ends with the block."""
    http = partial(Connection, limits)
    config = Config(
        app,
        port=0,
        http=http,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    server, listening = Server(config), config.bind_socket()
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    end = time.monotonic() + 30
    while not server.started:
        assert thread.is_alive() and time.monotonic() < end, "the server does not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(30)
        listening.close()

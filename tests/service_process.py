"""`digits serve` as a user starts it, on a scratch project, and a request for predictions."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import psutil

from digits.data.pictures import encode_png
from tests.loopback import free_port, stop
from tests.scratch import Project

PICTURES = 3  # of each request
PICTURE = encode_png(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12))))
PART = b'--b\r\nContent-Disposition: form-data; name="file"; filename="1.png"\r\n\r\n' + PICTURE + b"\r\n"
BODY = PART * PICTURES + b"--b--\r\n"


class Service:
    """A running `digits serve`."""

    def __init__(self, process: subprocess.Popen, port: int) -> None:
        self.process, self.port = process, port

    def get(self, path: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, content

    def ready(self) -> tuple[int, dict]:
        status, content = self.get("/readyz")
        return status, json.loads(content)

    def wait(self, condition: Callable[[int, dict], bool], seconds: float = 30) -> dict:
        """Wait until /readyz answers so; returns what it answers."""
        end, found = time.monotonic() + seconds, None
        while time.monotonic() < end and self.process.poll() is None:
            try:
                found = self.ready()
            except OSError:  # it does not listen yet
                pass
            else:
                if condition(*found):
                    return found[1]
            time.sleep(0.05)
        raise AssertionError(f"{found}; it ended with {self.process.poll()}")

    def workers(self) -> list[psutil.Process]:
        return [child for child in psutil.Process(self.process.pid).children() if _is_worker(child)]


def _is_worker(process: psutil.Process) -> bool:
    try:
        return "resource_tracker" not in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


@contextmanager
def serving(
    project: Project, log: Path, workers: int = 1, port: int | None = None, **environment: str
) -> Iterator[Service]:
    """Run the command, its log going to a file; stopped at the end, if not before."""
    port = port or free_port()
    command = ["digits", "serve", "--port", str(port), "--workers", str(workers)]
    with log.open("w") as file, project.start(*command, env=environment, stdout=file, stderr=file) as process:
        try:
            yield Service(process, port)
        finally:
            stop(process)


def wait_for_following(service: Service) -> None:
    """Wait until the registry was checked: MLflow's import takes longer than the start from a local copy."""
    service.wait(lambda _, content: content["registry"]["reachable"])

"""A real MLflow server on loopback."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digits.tracking.store import SERVER
from tests.loopback import wait_for


@contextmanager
def tracking_server(folder: Path, port: int) -> Iterator[subprocess.Popen]:
    """A real MLflow server on a database in `folder`, killed at the end, if not before."""
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    places = ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "files")]
    environment = {**os.environ, **SERVER}
    with (folder / "server.log").open("a") as log:
        process = subprocess.Popen(
            [*command, *places], stdout=log, stderr=log, cwd=folder, env=environment, start_new_session=True
        )
    try:
        wait_for(port, seconds=90)
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()

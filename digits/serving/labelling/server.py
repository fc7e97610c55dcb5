"""The server of the labelling page, on loopback alone."""

from contextlib import suppress
from functools import partial

from uvicorn import Config, Server

from digits.feedback.labelling import Selection
from digits.feedback.queue import Queue
from digits.params import Serve
from digits.serving.connections import Connection
from digits.serving.labelling.app import create_app

HOST = "127.0.0.1"


def run(queue: Queue, who: str, only: Selection | None, limits: Serve, port: int) -> None:
    """Serve until SIGINT or SIGTERM; decisions that are being written are written."""
    config = Config(
        create_app(queue, who, only, limits),
        host=HOST,
        port=port,
        http=partial(Connection, limits),  # type: ignore[arg-type]  # it takes what makes a protocol, too
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=limits.drain_seconds,
    )
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has ended
        Server(config).run()

"""The processes of the service: one that follows the registry and supervises, and servers that answer."""

import gc
import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.multiprocess import mark_process_dead
from uvicorn import Config
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from digits.errors import UserError
from digits.params import Serve
from digits.processes import exit_with_parent
from digits.serving import logs, tracing
from digits.serving.settings import METRICS_FOLDER, Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from digits.serving.connections import Connection

KEEP_ALIVE = 75  # seconds that a connection without a request stays open: longer than usual balancers keep it
GARBAGE = 10_000  # objects more than were freed, at which the garbage of reference cycles is collected
BACKLOG = 2048  # connections that wait to be accepted
log = logging.getLogger("digits.serving")


def run(settings: Settings, host: str, port: int, workers: int, follow: Callable[[], None]) -> None:
    """Serve until SIGINT or SIGTERM, with `follow` in a thread of this process. A server that dies is replaced.

    Another thread measures the drift of what is served.
    """
    _provide_metrics_folder(settings)
    config = Config(
        partial(_create_app, settings),
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=partial(_connect, settings.limits),  # type: ignore[arg-type]  # it takes what makes a protocol, too
        ws="none",
        loop="auto",
        lifespan="on",
        log_config=logs.CONFIG,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=settings.limits.drain_seconds,
    )
    if (problem := tracing.problem()) is not None:
        log.warning(problem)
    for task in (follow, partial(_expire, settings), partial(_watch, settings)):
        threading.Thread(target=task, daemon=True).start()
    supervisor = _Supervisor(config, [config.bind_socket()])
    supervisor.run()
    if supervisor.failed:
        raise UserError("a server process can't start: the log above says why")


def _expire(settings: Settings) -> None:
    from digits.serving.feedback import retention  # here: what decodes pictures is imported while the servers start

    retention.run(settings)


def _provide_metrics_folder(settings: Settings) -> None:
    """The processes' figures, which add up: none are left of an earlier start, unless the user chose the folder."""
    own = settings.folder / "metrics"
    shutil.rmtree(own, ignore_errors=True)
    folder = Path(os.environ.setdefault(METRICS_FOLDER, str(own)))
    folder.mkdir(parents=True, exist_ok=True)
    for state in folder.glob("gauge_live*.db"):  # of processes of an earlier start; what was counted stays
        state.unlink()


def _create_app(settings: Settings) -> "FastAPI":
    exit_with_parent()
    logs.leave_out_what_nobody_reads()
    try:
        from digits.serving.app import create_app

        app = create_app(settings)
    except Exception:
        log.exception("the server process can't start")
        sys.exit(STARTUP_FAILURE)  # else it would be started again without an end
    gc.collect()
    gc.freeze()  # else each full collection looks through all that was imported, for some 50 ms
    gc.set_threshold(GARBAGE, *gc.get_threshold()[1:])
    return app


def _watch(settings: Settings) -> None:
    from digits.serving.drift.watch import Watcher

    Watcher(settings).run()


def _connect(limits: Serve, *arguments: Any, **named: Any) -> "Connection":
    from digits.serving.connections import Connection  # here: the supervising process needs none of it

    return Connection(limits, *arguments, **named)


class _Supervisor(Multiprocess):
    """Removes what a dead process counted as its own state: how much waits, its model.

    Where the service ends, connections are refused at once: else they would wait until this process has ended.
    """

    failed = False  # whether a process could not start
    known: set[int | None] = set()  # noqa: RUF012 - replaced, never changed

    def terminate_all(self) -> None:
        for each in self.sockets:
            each.close()
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        super().keep_subprocess_alive()
        now = {process.pid for process in self.processes}
        for pid in self.known - now:
            mark_process_dead(pid)
        self.known = now
        self.failed = any(process.exitcode == STARTUP_FAILURE for process in self.processes)

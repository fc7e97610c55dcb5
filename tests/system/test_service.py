"""`digits serve` on a registry whose champion changes, lies, or is gone: the processes as a user starts them.

Figures are printed: `pytest -s` shows them.
"""

import json
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from digits.serving.following import champion
from digits.tracking import choices
from tests.loopback import free_port
from tests.scratch import Project
from tests.service_process import BODY, PICTURES, Service, serving, wait_for_following
from tests.tracking_server import tracking_server
from tests.two_versions import LABELS, promote, two_versions
from tests.waiting import wait_until

CLIENTS = 8
SOON = 5  # seconds within which a new champion answers everywhere


@pytest.fixture(scope="module")
def folder(tmp_path_factory, empty_database) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("service")
    with two_versions(folder, empty_database):
        yield folder


@pytest.fixture
def project(folder):
    """The project with version 1 as champion, and no local copy."""
    promote("1")
    shutil.rmtree(folder / ".served", ignore_errors=True)
    return Project(folder)


class Answer(NamedTuple):
    asked: float
    answered: float
    version: str
    labels: tuple[int, ...]


class Load:
    """Clients that ask all the time, each on one connection."""

    def __init__(self, port: int) -> None:
        self.port, self.ends = port, False
        self.answers: list[Answer] = []
        self.failures: list[tuple[float, object]] = []
        self.threads = [threading.Thread(target=self._ask_on) for _ in range(CLIENTS)]

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.ends = True
        for thread in self.threads:
            thread.join()

    def _ask_on(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.ends:
            asked = time.monotonic()
            try:
                connection.request("POST", "/v1/predict", BODY, {"Content-Type": "multipart/form-data; boundary=b"})
                response = connection.getresponse()
                content = response.read()
            except (OSError, HTTPException) as error:
                self.failures.append((time.monotonic(), error))
                connection.close()
                continue
            if response.status != 200:
                self.failures.append((time.monotonic(), content))
                continue
            found = json.loads(content)
            labels = tuple(one["label"] for one in found["predictions"])
            self.answers.append(Answer(asked, time.monotonic(), found["model"]["version"], labels))

    def wait_for(self, version: str) -> None:
        """Wait until all answers have been of this version for a while."""
        end = time.monotonic() + 2 * SOON
        while {one.version for one in self.answers[-20 * CLIENTS :]} != {version}:
            assert time.monotonic() < end, f"version {version} does not answer"
            time.sleep(0.05)


def counted(service: Service) -> float:
    """The answered requests for predictions, by the metrics."""
    lines = service.get("/metrics")[1].decode().splitlines()
    found = [line for line in lines if line.startswith("digits_requests_total{") and '"/v1/predict"' in line]
    return sum(float(line.split()[-1]) for line in found)


@pytest.mark.parametrize("workers", [1, 4])
def test_promotion_rollback_and_a_killed_process_under_load(project, tmp_path, workers):
    with serving(project, tmp_path / "log", workers) as service:
        service.wait(lambda status, _: status == 200)
        wait_for_following(service)
        with Load(service.port) as load:
            changes = []
            load.wait_for("1")
            # What `digits promote` and `digits rollback` do, without the time that a command takes to start
            for version, choose in (("2", lambda: choices.promote(2, "")), ("1", lambda: choices.roll_back("", print))):
                begun = time.monotonic()
                assert choose().version.number == version
                changes.append((version, begun, time.monotonic()))
                load.wait_for(version)
        assert load.failures == []
        assert {(one.version, one.labels) for one in load.answers} == {
            (version, (label,) * PICTURES) for version, label in LABELS.items()
        }
        ends = [changes[1][1], time.monotonic()]  # where the next change began, or the load ended
        for (version, _, done), end in zip(changes, ends, strict=True):
            late = [one.answered - done for one in load.answers if done < one.asked < end and one.version != version]
            last = max(late, default=0)
            print(f"\n{workers} workers, to version {version}: the last answer of the former one after {last:.2f} s")
            assert last < SOON
        print(f"{len(load.answers):,} requests, 0 failures: {dict(Counter(one.version for one in load.answers))}")
        # Of all processes together; a request is counted after its response was sent
        wait_until(lambda: counted(service) == len(load.answers))
        kill_a_worker(service, len(load.answers), workers)
        kill_the_parent(service)


def kill_a_worker(service: Service, before: int, workers: int) -> None:
    with Load(service.port) as load:
        time.sleep(0.5)
        victim, killed = service.workers()[0], time.monotonic()
        victim.kill()
        while len([each for each in service.workers() if each.pid != victim.pid]) < workers:
            assert time.monotonic() - killed < 20, "it is not replaced"
            time.sleep(0.1)
        load.wait_for("1")
        service.wait(lambda status, _: status == 200)
        time.sleep(0.5)
    print(f"{len(load.failures)} of {len(load.answers):,} requests failed, of {CLIENTS} connections")
    assert len(load.failures) <= CLIENTS  # those that it was answering
    assert all(moment - killed < 5 for moment, _ in load.failures)
    total = before + len(load.answers)
    wait_until(lambda: total <= counted(service) <= total + len(load.failures))


def kill_the_parent(service: Service) -> None:
    workers = service.workers()
    service.process.send_signal(signal.SIGKILL)
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []
    with pytest.raises(ConnectionRefusedError):
        service.ready()


def test_it_starts_without_a_registry_and_without_a_copy_and_follows_when_one_comes(project, tmp_path):
    database, away, log = project.root / "mlflow.db", project.root / "away.db", tmp_path / "log"
    database.rename(away)
    try:
        with serving(project, log) as service:
            service.wait(lambda status, content: status == 503 and content["registry"]["checked"])
            content = service.wait(lambda status, content: champion.UNREACHABLE in content["reason"])
            assert content["reason"].startswith("no model is loaded yet: the registry does not answer")
            assert service.get("/livez")[0] == 200
            assert not database.exists()
            away.rename(database)
            assert service.wait(lambda status, _: status == 200)["version"] == "1"
        assert service.process.returncode == 0
        database.rename(away)  # of no process: one that opens it at this moment would make an empty one
        started = time.monotonic()
        with serving(project, log, port=service.port) as service:  # from the copy
            assert service.wait(lambda status, _: status == 200)["version"] == "1"
            print(f"\nstarted from the local copy in {time.monotonic() - started:.1f} s")
            service.wait(lambda status, content: content["registry"]["error"] == champion.UNREACHABLE)
    finally:
        if away.exists():
            away.rename(database)
    (line,) = [line for line in log.read_text().splitlines() if '"error"' in line]
    assert "mlflow.db does not exist" in line
    assert "Traceback" not in log.read_text()


class LyingServer(ThreadingHTTPServer):
    """Between the service and a tracking server: forwards a request, or answers with `lie`, or does not answer."""

    daemon_threads = True
    lie: tuple[int, str, bytes] | None = None
    hangs = False

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.behind = port
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_) -> None:
        self.shutdown()
        self.server_close()

    def handle_error(self, *_) -> None:
        """Nothing: the client, or the server behind, has gone."""


class _Forward(BaseHTTPRequestHandler):
    server: LyingServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.hangs:
            self.server.released.wait(60)
        if self.server.lie:
            status, content_type, content = self.server.lie
        else:
            connection = HTTPConnection("127.0.0.1", self.server.behind)
            connection.request(self.command, self.path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            status, content_type, content = response.status, response.headers["Content-Type"], response.read()
            connection.close()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the name is that of the base class

    def log_message(self, *_) -> None:
        """Nothing."""


LIES = [
    (200, "text/html", b"<html>Please log in</html>"),
    (200, "application/json", b'{"model_version": {"name": 5, "version": ["x"]}}'),
    (500, "application/json", b'{"error_code": "INTERNAL_ERROR", "message": "out of memory"}'),
]


def test_a_server_that_lies_hangs_or_is_killed_changes_nothing_and_is_followed_again(project, tmp_path):
    behind, log = free_port(), tmp_path / "log"
    with tracking_server(project.root, behind) as server, LyingServer(behind) as between:
        uri = f"http://127.0.0.1:{between.server_address[1]}"
        with serving(project, log, workers=2, MLFLOW_TRACKING_URI=uri) as service:
            wait_for_following(service)
            for lie in LIES:
                between.lie = lie
                service.wait(lambda _, content: not content["registry"]["reachable"])
                status, content = service.ready()
                assert (status, content["version"], content["registry"]["refused"]) == (200, "1", None)
                between.lie = None
                wait_for_following(service)
            promote("2")
            service.wait(lambda _, content: content["version"] == "2", SOON)
            between.hangs = True
            service.wait(lambda _, content: not content["registry"]["reachable"])
            between.hangs = False
            between.released.set()
            wait_for_following(service)
            os.killpg(server.pid, signal.SIGKILL)
            service.wait(lambda _, content: not content["registry"]["reachable"])
            assert service.ready()[0] == 200
    printed = log.read_text()
    assert "Traceback" not in printed
    assert "the registry can't be followed: the tracking store http://" in printed

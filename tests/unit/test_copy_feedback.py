"""deploy/copy_feedback.py: the queue of a running service, as docs/how-to/deploy-with-compose.md copies it. 0.3 s."""

import io
import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing

from digits import paths
from digits.feedback.queue import Queue
from tests.feedback import REPORT, noise
from tests.imports import ROOT

PROGRAM = (ROOT / "deploy" / "copy_feedback.py").read_bytes()
COMMAND = [sys.executable, "-"]  # the containers get the program on standard input


def test_the_copy_is_the_queue_as_it_is_while_it_is_written_to(tmp_path):
    folder, copied = tmp_path / "service", tmp_path / "project"
    queue = Queue(folder / paths.FEEDBACK)
    for seed in range(3):
        queue.add(noise(seed), REPORT)
    with closing(sqlite3.connect(folder / paths.FEEDBACK / "queue.db")) as other:  # so the rows stay in the WAL
        other.execute("BEGIN")
        other.execute("SELECT * FROM pictures").fetchall()
        queue.decide(queue.items()[0].sha256, "7", "Ann")
        done = subprocess.run(COMMAND, input=PROGRAM, cwd=folder, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(copied)  # `filter` came with Python 3.11.4
    found = Queue(copied / paths.FEEDBACK)
    assert found.items() == queue.items()
    assert [item.label for item in found.items("labelled")] == ["7"]
    assert [found.picture(item.sha256) for item in found.items()] == [queue.picture(i.sha256) for i in queue.items()]


def test_without_a_queue_it_says_so(tmp_path):
    done = subprocess.run(COMMAND, input=PROGRAM, cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"has no queue: the service that runs here has taken no feedback" in done.stderr

"""What the commands on labelled feedback print, and what they do next. 0.5 s in all."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from digits.cli import commands
from digits.cli import labels as labels_commands
from digits.errors import UserError
from digits.feedback.queue import Queue
from digits.serving.labelling import server
from tests.feedback import REPORT, noise
from tests.loopback import free_port


@pytest.fixture
def queue(workspace) -> Queue:
    """One picture labelled 7, one that waits."""
    Path(".dvc").mkdir()
    queue = Queue(Path("feedback"))
    for seed in range(2):
        queue.add(noise(seed), REPORT)
    queue.decide(queue.items("waiting")[0].sha256, "7", "Ada")
    return queue


def run(*arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, catch_exceptions=False)


def test_label_serves_the_queue_and_ends_with_the_progress(queue, monkeypatch):
    started = []
    monkeypatch.setattr(server, "run", lambda queue, who, only, limits, port: started.append((who, only, port)))
    port = free_port()
    printed = run("label", "--port", str(port), "--who", "Ada", "--only", "refused").output
    assert started == [("Ada", "refused", port)]
    assert printed.splitlines() == [
        f"open http://127.0.0.1:{port} to label as Ada; Ctrl-C ends it",
        "1 labelled, 0 dropped, 1 waiting; next: `digits data add-labelled`",
    ]


def test_without_a_name_nobody_is_known_to_have_decided(queue, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(Path.cwd().parent))
    monkeypatch.setenv("HOME", str(Path.cwd()))
    with pytest.raises(UserError, match=r"git has no user\.name, so that nobody is known to have decided: give --who"):
        labels_commands.user_name()


@pytest.mark.parametrize(
    "sources, is_tracked, words",
    [
        ("[mnist-5k]", False, "next: `dvc exp run -S 'ingest.sources=[mnist-5k,folder]'`"),
        ("[mnist, folder]", False, "next: `dvc repro`"),
        ("[folder]", True, "next: `dvc add data/external`, then `dvc repro`"),
    ],
)
def test_add_labelled_names_the_commands_that_train_with_the_pictures(queue, sources, is_tracked, words):
    params = Path("params.yaml")
    params.write_text(re.sub(r"^  sources: .*$", f"  sources: {sources}", params.read_text(), flags=re.MULTILINE))
    if is_tracked:
        Path("data/external").mkdir()
        Path("data/external.dvc").touch()
    printed = run("data", "add-labelled").output
    assert printed.splitlines() == ["added to data/external: 1 picture (1 of 7)", words]
    assert run("data", "add-labelled").output == (
        "no labelled picture is left to add; `digits label` opens those that wait\n"
    )


def test_add_labelled_fails_for_a_picture_that_the_data_have_under_another_label(queue):
    (item,) = queue.items("labelled")
    Path("data/external/1").mkdir(parents=True)
    Path("data/external/1/mine.png").write_bytes(queue.picture(item.sha256))
    with pytest.raises(UserError, match=r"external/1/mine\.png has the same pixels and the label 1"):
        run("data", "add-labelled")


def test_what_label_studio_is_given_and_gives_back(queue):
    printed = run("feedback", "export", "tasks.json").output
    assert "tasks.json has 1 task, tasks.xml the labelling configuration" in printed
    (task,) = json.loads(Path("tasks.json").read_text())
    annotation = task["predictions"][0] | {"updated_at": "2026-11-30T02:00:00Z"}
    Path("done.json").write_text(json.dumps([task | {"id": 1, "annotations": [annotation]}]))
    printed = run("feedback", "import", "done.json", "--who", "Ada").output
    assert printed.splitlines() == [
        "1 labelled, 0 dropped, 0 unchanged",
        "the queue: 2 labelled, 0 dropped, 0 waiting; next: `digits data add-labelled`",
    ]

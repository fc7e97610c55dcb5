"""`digits feedback list` and `forget`. 0.3 s in all."""

import shutil
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner, Result

from digits.cli import commands
from digits.errors import UserError
from digits.feedback import provenance
from digits.feedback.provenance import Provenance
from digits.feedback.queue import Queue
from tests.feedback import REPORT, folder_in_memory, noise
from tests.imports import ROOT


@pytest.fixture
def project(monkeypatch):
    """The root of a project, which is the working directory."""
    with folder_in_memory() as folder, monkeypatch.context() as patch:
        (folder / ".dvc").mkdir()
        shutil.copy(ROOT / "params.yaml", folder)
        patch.chdir(folder)
        yield folder


def run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(commands, ["feedback", *arguments], input=typed)


def add(project, seed: int, **others) -> str:
    report = REPORT._replace(request_ids=(f"feedback-{seed}",), **others)
    return Queue(project / "feedback").add(noise(seed), report).item.sha256


def test_the_list_has_a_line_for_each_picture_in_the_order_of_labelling(project):
    accepted = add(project, 1, suggested="1")
    refused = add(project, 2, suggested=None, predicted=None, probability=None, accepted=False)
    labelled = add(project, 3)
    Queue(project / "feedback").decide(labelled, "7", "somebody")
    lines = run("list").output.splitlines()
    assert lines[0].split() == ["id", "received", "(UTC)", "suggested", "predicted", "probability", "state"]
    assert [line.split()[0] for line in lines[2:]] == [refused[:16], accepted[:16], labelled[:16]]
    assert lines[2].split()[3:] == ["(refused)", "waiting"]
    assert lines[3].split()[3:] == ["1", "1", "60.0%", "waiting"]
    assert lines[4].split()[3:] == ["7", "1", "60.0%", "labelled:", "7"]
    assert len(run("list", "--state", "labelled").output.splitlines()) == 3


def test_an_empty_list_says_so_and_creates_nothing(project):
    assert run("list").output == "there is no picture in feedback\n"
    assert run("list", "--state", "added").output == "there is no added picture in feedback\n"
    assert not (project / "feedback").exists()


def test_what_is_kept_for_too_long_is_removed_without_a_service(project):
    add(project, 1)
    with closing(sqlite3.connect(project / "feedback/queue.db")) as database, database:
        database.execute("UPDATE pictures SET received = '2020-01-01T00:00:00Z'")
    assert run("list").output == "there is no picture in feedback\n"


def test_what_was_learned_from_is_deleted_and_what_is_next_is_said(project):
    sha256 = add(project, 1)
    path = provenance.picture_path(sha256, "7")
    path.parent.mkdir(parents=True)
    path.touch()
    (project / "data/external.dvc").touch()
    provenance.write([Provenance(sha256, str(path), "7", "somebody", "now", "feedback-1", "7", "1", "3")])
    shown = run("forget", "feedback-1").output
    assert shown.startswith(f"1 picture deleted\ndeleted from the training data: {path}\nnext: `dvc add data/external`")
    assert "`dvc repro`" in shown and "`dvc gc --workspace`" in shown
    assert not path.exists()
    assert not provenance.FILE.exists()
    assert Queue(project / "feedback").items() == []


def test_what_was_not_learned_from_needs_nothing_else(project):
    add(project, 1)
    add(project, 2)
    assert run("forget", "feedback-1", "feedback-2").output == "2 pictures deleted\n"


def test_an_unknown_id_is_an_error(project):
    add(project, 1)
    result = run("forget", "feedback-1", "feedback-2")
    assert isinstance(result.exception, UserError)
    assert "'feedback-2', and none is deleted" in str(result.exception)
    assert len(Queue(project / "feedback").items()) == 1


def test_all_are_deleted_only_after_a_yes(project):
    add(project, 1)
    asked = run("forget", "--all", typed="n\n")
    assert asked.exit_code == 1
    assert "delete 1 picture of the queue, and all feedback in data/external?" in asked.output
    assert len(Queue(project / "feedback").items()) == 1
    assert run("forget", "--all", "--yes").output == "1 picture deleted\n"
    assert run("forget", "--all", "--yes").output == "0 pictures deleted\n"


@pytest.mark.parametrize("arguments", [[], ["a", "--all"]])
def test_ids_or_all_are_needed(project, arguments):
    result = run("forget", *arguments)
    assert (result.exit_code, "give the IDs of pictures, or --all" in result.output) == (2, True)

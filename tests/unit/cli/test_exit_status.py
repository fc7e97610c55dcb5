"""The exit status of the `digits` commands: 2 for usage, 1 for what a user can fix, never a traceback."""

import sys

import click
import pytest

from digits import cli, errors

USAGE = [
    [],
    ["nope"],
    ["--nope"],
    ["compare"],
    ["compare", "HEAD", "--page", "."],
    ["data"],
    ["data", "nope"],
    ["data", "diff"],
    ["data", "diff", "HEAD", "HEAD", "HEAD"],
    ["data", "diff", "HEAD", "--page", "."],
    ["data", "reference", "--nope"],
    ["data", "add-labelled", "7"],
    ["drift", "--port", "many"],
    ["export"],
    ["export", "torch"],
    ["feedback"],
    ["feedback", "list", "--state", "lost"],
    ["feedback", "import"],
    ["history", "3"],
    ["label", "--only", "hard"],
    ["labels"],
    ["labels", "apply", "Ada"],
    ["labels", "find", "--folds", "1"],
    ["lineage", "one", "two"],
    ["migrate"],
    ["predict"],
    ["predict", "--nope", "a.png"],
    ["preset"],
    ["promote"],
    ["promote", "champion"],
    ["promote", "0"],
    ["read"],
    ["read", "a.png", "--grid", "9"],
    ["read", "a.png", "--grid", "9x9", "--layout", "line"],
    ["read", "a.png", "--layout", "column"],
    ["read", "a.png", "--seconds", "0"],
    ["report", "--nope"],
    ["rollback", "2"],
    ["serve", "--port", "many"],
    ["sync", "now"],
    ["tune", "--trials", "0"],
    ["tune", "--jobs", "none"],
    ["ui", "--port", "many"],
]
FIXABLE = [  # in an empty folder
    ["compare", "HEAD"],
    ["data", "diff", "HEAD"],
    ["drift"],
    ["export", "triton"],
    ["feedback", "list"],
    ["history"],
    ["label"],
    ["labels", "apply"],
    ["labels", "find"],
    ["lineage"],
    ["migrate", "http://127.0.0.1:1"],
    ["predict", "no.png"],
    ["preset", "best"],
    ["promote", "1"],
    ["read", "nothing"],
    ["report"],
    ["rollback"],
    ["sync"],
    ["tune"],
]


def ended(arguments: list[str], monkeypatch) -> int:
    monkeypatch.setattr(sys, "argv", ["digits", *arguments])
    return errors.exit_status(cli._run)


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_a_wrong_use_is_status_2_and_shows_the_usage(arguments, monkeypatch, capsys):
    assert ended(arguments, monkeypatch) == 2
    assert "Usage: digits" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", FIXABLE, ids=" ".join)
def test_what_a_user_can_fix_is_status_1_and_a_message(arguments, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert ended(arguments, monkeypatch) == 1
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["data", "diff", "-h"]], ids=" ".join)
def test_help_is_status_0(arguments, monkeypatch):
    assert ended(arguments, monkeypatch) == 0


def test_ctrl_c_in_a_command_is_status_130(monkeypatch, capsys):
    @click.command()
    def waiting() -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.commands.commands, "waiting", waiting)
    assert ended(["waiting"], monkeypatch) == 130
    assert errors.INTERRUPTED in capsys.readouterr().err


def test_every_command_is_in_the_tables():
    assert {row[0] for row in USAGE + FIXABLE if row} >= set(cli.commands.commands)


def test_an_interrupted_command_says_what_it_has_to_say(monkeypatch, capsys):
    def interrupted(**options):
        raise errors.Interrupted("interrupted: the same command resumes it")

    monkeypatch.setattr(cli.commands.commands["lineage"], "callback", interrupted)
    assert ended(["lineage"], monkeypatch) == 130
    assert capsys.readouterr().err == "\ninterrupted: the same command resumes it\n"

"""`digits promote`, `rollback` and `history`: what they print, on a registry with two champions; and their errors."""

import json
import shutil
import sys

import pytest

from digits import cli, errors
from digits.tracking import history, registration, registry
from digits.tracking.history import REGISTER
from tests.tracking_store import registered_version

MISSED = "its test accuracy of 90.00% is below register.min_accuracy = 95.00%"


@pytest.fixture
def run(store, constant_model, monkeypatch, capsys):
    """A function that runs a command, and returns its status, standard output and standard error."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
    for label in (1, 2):
        version = registered_version(constant_model(label), **{registration.GATES_MISSED: ["none", MISSED][label == 1]})
        history.set_champion(version, registry.champion(), REGISTER, "it passes every gate")

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["digits", *arguments])
        capsys.readouterr()
        return errors.exit_status(cli._run), *capsys.readouterr()

    return run


def test_back_and_forward_with_what_to_do_next(run):
    status, out, err = run("rollback", "--why", "misreads 7s")
    assert (status, err) == (0, "")
    assert out.startswith("version 1 is champion again, in place of version 2\nnext: ")
    assert "`digits promote 2` undoes this" in out
    status, out, err = run("rollback")
    assert status == 1
    assert err.startswith("error: version 1 is champion, and the registry at sqlite")
    assert run("promote", "2")[1].startswith("version 2 is champion, in place of version 1\nnext: ")
    assert run("promote", "2") == (
        0,
        "version 2 is the champion already; only a model that is registered later replaces it\n",
        "",
    )


def test_missed_gates_are_a_warning(run):
    status, out, err = run("promote", "1")
    assert (status, err) == (0, f"warning: version 1 misses gates: {MISSED}\n")
    assert "`digits rollback` undoes this" in out
    assert run("promote", "1") == (
        0,
        "version 1 is the champion already; only a model that is registered later replaces it\n",
        "",
    )


def test_an_unknown_version_is_an_error(run):
    status, out, err = run("promote", "3")
    assert (status, out) == (1, "")
    assert err.startswith("error: version 3 of the model digits is not in the registry at sqlite")


def test_the_history_is_a_table_and_json(run):
    run("rollback", "--why", "misreads 7s")
    status, out, _ = run("history")
    assert status == 0
    first, head, _, *rows = out.splitlines()
    assert first == "version 1 is champion"
    assert head.split() == ["time", "(UTC)", "who", "from", "→", "to", "by", "why"]
    assert [row.split(maxsplit=2)[2].split() for row in rows] == [
        ["ada", "2", "→", "1", "rollback", "misreads", "7s"],
        ["ada", "1", "→", "2", "register", "it", "passes", "every", "gate"],
        ["ada", "none", "→", "1", "register", "it", "passes", "every", "gate"],
    ]
    newest, *_ = map(json.loads, run("history", "--json")[1].splitlines())
    assert newest.pop("time").endswith("+00:00")
    assert newest == {"who": "ada", "from": "2", "to": "1", "by": "rollback", "why": "misreads 7s"}


def test_the_table_fits_a_terminal(run, monkeypatch):
    run("rollback", "--why", "misreads sevens " * 20)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "90")
    assert shutil.get_terminal_size().columns == 90
    lines = run("history")[1].splitlines()
    assert max(map(len, lines)) <= 90
    assert len(lines) > 8


def test_a_tag_that_is_no_entry_is_named(run, store):
    store.connect().set_registered_model_tag(registry.NAME, f"{history.PREFIX}x", "text")
    status, _, err = run("history")
    assert status == 0
    assert err == "warning: the tag digits.history.x of the registered model is no entry of the history\n"

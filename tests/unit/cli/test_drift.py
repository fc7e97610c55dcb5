"""`digits drift`: what it prints, the page, and the certificate in the registry; and its errors. A second each."""

import shutil
import sqlite3
import sys
import time
from pathlib import Path

import pytest

from digits import cli, errors
from digits.cli.drift import _start
from digits.errors import UserError
from digits.files import write_json
from digits.paths import SERVED
from digits.serving import local_copy
from digits.serving.drift import reference as drift_reference
from digits.tracking import certificate, history, registry, tags
from digits.tracking.history import REGISTER
from tests.served_drift import add, answers, pictures, reference
from tests.tracking_store import registered_version

CERTIFIED = {"certificate": "valid", "certified_error": "0.01", "certified_at": "0.9", "certificate_digits": "168"}


@pytest.fixture
def run(store, constant_model, monkeypatch, capsys):
    """A function that runs `digits drift`, and returns its status and output; the champion is certified."""
    version = registered_version(constant_model(3), **CERTIFIED)
    history.set_champion(version, None, REGISTER, "it passes every gate")
    for port in (5001, 5002):
        serve(port, version.number, version.tags[tags.ONNX])

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["digits", "drift", *arguments])
        capsys.readouterr()
        return errors.exit_status(cli._run), *capsys.readouterr()

    return run


def serve(port: int, version: str, sha256: str) -> None:
    """The folder of a server on a port, as it is after it has fetched the champion."""
    folder = SERVED / str(port)
    folder.mkdir(parents=True)
    write_json(folder / local_copy.CHAMPION, {"version": version, "sha256": sha256, "certificate": {"state": "valid"}})
    drift_reference.write(folder, reference(sha256))


def state() -> str:
    return certificate.described(registry.champion())["state"]


def server_id(port: int) -> str:
    return (SERVED / str(port) / "server_id").read_text().strip()


def test_the_certificate_is_withdrawn_while_what_is_served_drifts(run):
    add(SERVED / "5001", answers(10) | pictures(10))
    status, out, err = run()
    assert (status, err) == (0, "")
    assert "port 5001, version 1, 1,000 pictures since" in out and ": no drift\n" in out
    assert out.endswith("open reports/served_drift.html to see the distributions\n")
    assert Path("reports/served_drift.html").exists()
    assert state() == "valid"
    add(SERVED / "5001", answers(100, labels=[1]))
    status, out, err = run()
    assert (status, err) == (0, "")
    assert "the certificate of the champion, version 1, is withdrawn: what is served has drifted: label since" in out
    assert state().startswith("withdrawn: what is served has drifted: label since 20")
    assert certificate.state(registry.champion()) == state()
    assert registry.champion().tags["certificate"] == "valid"  # by the data: that stays as it is


def test_a_certificate_is_valid_again_only_where_what_had_drifted_is_measured_again(run, monkeypatch):
    add(SERVED / "5001", answers(10, labels=[1]))
    run()
    withdrawn = state()
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert "the certificate" not in run()[1] and state() == withdrawn  # with the time when it began
    (SERVED / "5001" / "traffic.db").unlink()
    add(SERVED / "5001", pictures(10) | {"label": {"1": 99}, "outcome": {"accepted": 200}})
    run()
    assert state() == withdrawn
    add(SERVED / "5001", answers(10))
    assert "the certificate of the champion, version 1, is valid again" in run()[1]
    assert state() == "valid"


def test_each_server_withdraws_for_itself_and_another_window_only_shows(run):
    add(SERVED / "5001", answers(10))
    add(SERVED / "5002", answers(10, labels=[1]))
    assert "drifted: label" in run("--port", "5002", "--since", "7d")[1]
    assert state() == "valid"
    status, out, _ = run("--all")
    assert status == 0 and "port 5001" in out and "port 5002" in out
    assert state().startswith("withdrawn")
    assert f"server {server_id(5002)}: label since" in run("--port", "5001")[1]
    assert state().startswith("withdrawn")


def test_what_a_server_that_is_gone_withdraws_ends_by_its_name(run):
    add(SERVED / "5001", answers(10, labels=[1]))
    run()
    name = server_id(5001)
    shutil.rmtree(SERVED / "5001")
    serve(5001, "1", registry.champion().tags[tags.ONNX])
    add(SERVED / "5001", answers(10, refused=60))  # another server has this port
    assert f"`digits drift --forget {name}` ends that" in run()[1]
    assert "label since" in state() and "outcome since" in state()
    status, _, err = run("--forget", "other")
    assert status == 1 and "--forget is 'other'; of the champion, version 1, those with drift are" in err
    status, out, _ = run("--forget", name)
    assert status == 0 and "version 1, is withdrawn: what is served has drifted: outcome since" in out
    assert "label since" not in state()


def test_a_server_with_another_version_ends_what_it_withdrew(run, tmp_path):
    add(SERVED / "5001", answers(10, labels=[1]))
    run()
    write_json(SERVED / "5001" / local_copy.CHAMPION, {"version": "8", "sha256": "a" * 64})
    add(SERVED / "5001", answers(10, labels=[1]))
    drift_reference.write(SERVED / "5001", reference())
    out = run("--page", str(tmp_path / "page.html"))[1]
    assert "port 5001: version 8 answers there, and champion is version 1" in out
    assert state() == "valid"
    assert "drifted: label" in (tmp_path / "page.html").read_text()


def test_the_certificate_follows_where_the_page_cant_be_written(run):
    add(SERVED / "5001", answers(10, labels=[1]))
    Path("reports/served_drift.html").mkdir(parents=True)
    status, _, err = run()
    assert status == 1 and "served_drift.html" in err and "Traceback" not in err
    assert state().startswith("withdrawn")


def test_a_store_that_fails_is_an_error(run, monkeypatch):
    add(SERVED / "5001", answers(10, labels=[1]))

    def fail(*_):
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr(certificate, "follow_served", fail)
    status, _, err = run()
    assert status == 1 and "readonly database" in err and "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--port", "5003"), ".served/5003 has no champion: no server has run on port 5003"),
        (("--all",), "no server has answered in this project"),
        (("--since", "yesterday"), "--since is 'yesterday'; expected hours such as 24h"),
    ],
)
def test_what_is_wrong_is_an_error_that_says_what_to_do(run, arguments, message):
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert message in err


def test_a_damaged_database_is_an_error(run):
    (SERVED / "5001" / "traffic.db").write_bytes(b"this is no database, though as long as the header of one" * 20)
    status, _, err = run()
    assert status == 1
    assert ".served/5001/traffic.db can't be used: file is not a database" in err


def test_one_damaged_server_of_all_keeps_no_other_from_being_measured(run):
    (SERVED / "5001" / "traffic.db").write_bytes(b"this is no database, though as long as the header of one" * 20)
    add(SERVED / "5002", answers(10, labels=[1]))
    status, out, err = run("--all")
    assert status == 1
    assert "port 5002, version 1" in out and state().startswith("withdrawn")
    assert ".served/5001/traffic.db can't be used: file is not a database" in err


def test_what_since_means():
    now = 1_000_000 * 3600 + 60.0
    assert _start(None, 24, now) == _start("24h", 1, now) == _start("1d", 1, now) == (1_000_000 - 23) * 3600
    assert _start("2026-11-01", 1, 2e9) == _start("2026-11-01T01:00+01:00", 1, 2e9) == 1793491200
    for wrong in ("0h", "0d", "-1h", "2099-01-01", "7", "24 h", "9999999h", "1e3h", "", "0001-01-01T00:00+14:00"):
        with pytest.raises(UserError, match="expected hours such as 24h"):
            _start(wrong, 24, now)

"""What `digits serve` refuses before it starts, and the settings that it starts with. 0.3 s in all."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from digits.cli import commands
from digits.errors import UserError
from digits.serving import server
from tests.loopback import free_port


def serve(*options: object) -> None:
    arguments = ["serve", "--port", str(free_port()), *map(str, options)]
    CliRunner().invoke(commands, arguments, catch_exceptions=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", ""])
def test_where_other_machines_can_ask_it_needs_a_key(host):
    with pytest.raises(UserError, match="other machines can ask: give --api-key-file FILE, with one key a line"):
        serve("--host", host)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--host", "0.0.0.0"), "MLflow's server knows no API key"),
        (("--workers", 2), "MLflow's server has no --workers"),
    ],
)
def test_mlflows_server_is_for_this_machine_and_takes_no_other_option(options, words):
    with pytest.raises(UserError, match=words):
        serve("--mlflow", *options)


def test_a_short_key_is_refused_and_not_shown(tmp_path):
    path = tmp_path / "keys.txt"
    path.write_text("guessable\n")
    with pytest.raises(UserError, match=r"keys\.txt, line 1: a key has at least 16") as refused:
        serve("--api-key-file", path)
    assert "guessable" not in str(refused.value)


@pytest.mark.parametrize(
    "options, listens_on, names",
    [
        ([], "127.0.0.1", {"127.0.0.1", "localhost", "::1"}),
        (["--allowed-host", "a.example"], "127.0.0.1", {"127.0.0.1", "localhost", "::1", "a.example"}),
        (["--host", "0.0.0.0", "--api-key-file", "keys.txt"], "0.0.0.0", {"*"}),
        (
            ["--host", "0.0.0.0", "--api-key-file", "keys.txt", "--allowed-host", "a.example"],
            "0.0.0.0",
            {"127.0.0.1", "localhost", "::1", "0.0.0.0", "a.example"},
        ),
    ],
)
def test_by_default_it_has_this_machines_names_and_with_a_key_any_unless_some_are_given(
    workspace, monkeypatch, options, listens_on, names
):
    started = []
    monkeypatch.setattr(server, "run", lambda settings, host, *_: started.append((host, settings)))
    Path(".dvc").mkdir()
    Path("keys.txt").write_text("a-key-of-the-service-0123\n")
    serve(*options)
    ((host, settings),) = started
    assert (host, set(settings.allowed_hosts)) == (listens_on, names)
    assert settings.feedback == Path("feedback").absolute()
    assert settings.api_keys == (("a-key-of-the-service-0123",) if "--api-key-file" in options else ())


def test_a_trusted_proxy_is_an_address_and_reaches_the_settings(workspace, monkeypatch):
    started = []
    monkeypatch.setattr(server, "run", lambda settings, *_: started.append(settings))
    Path(".dvc").mkdir()
    serve("--trusted-proxy", "10.0.0.0/8", "--trusted-proxy", "::1")
    assert started[0].trusted_proxies == ("10.0.0.0/8", "::1")
    with pytest.raises(UserError, match="--trusted-proxy proxy: 'proxy' does not appear to be an IPv4 or IPv6 network"):
        serve("--trusted-proxy", "proxy")

"""A port that a server can't have is reported before the server starts: with the cause, and what to change."""

import errno
import os
import socket
import subprocess
import sys

import pytest
from click.testing import CliRunner

from digits.cli import commands, ports
from digits.errors import UserError
from tests.loopback import free_port


@pytest.fixture(
    params=[
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0"),
        ("0.0.0.0", "127.0.0.1"),
        ("::1", "::"),
        ("localhost", "127.0.0.1"),
    ],
    ids=" taken on ".join,
)
def taken(request):
    """A host to listen on, and a port of it that this process has taken."""
    host, by = request.param
    with socket.socket(socket.AF_INET6 if ":" in by else socket.AF_INET) as holder:
        try:
            holder.bind((by, 0))
        except OSError:
            pytest.skip(f"this machine has no {by}")
        holder.listen()
        yield host, holder.getsockname()[1]


def test_a_taken_port_is_named_with_its_process_and_the_option(taken):
    host, port = taken
    name = rf"port {port} of {host} is taken by process {os.getpid()} \(.+\): .* --port"
    with pytest.raises(UserError, match=name):
        ports.check(host, port)


def test_the_process_is_the_one_that_has_this_port():
    hold = "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True); input()"
    with (
        socket.create_server(("127.0.0.1", 0)),  # of this process, whose id is lower
        subprocess.Popen(
            [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other,
    ):
        port = int(other.stdout.readline())
        with pytest.raises(UserError, match=rf"is taken by process {other.pid} "):
            ports.check("127.0.0.1", port)
        other.communicate("\n")


def test_one_taken_address_of_a_name_is_enough(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.1", "127.0.0.2")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
        with pytest.raises(UserError, match=rf"port {port} of two\.example is taken"):
            ports.check("two.example", port)


def test_a_free_port_is_left_free():
    port = free_port()
    for _ in range(2):
        ports.check("127.0.0.1", port)
        ports.check("localhost", port)


CAUSES = [
    (errno.EACCES, "port 80 of 127.0.0.1 is reserved for the administrator, .*: choose one above with --port"),
    (errno.EADDRNOTAVAIL, "127.0.0.1 is no address of this machine: .* with --host"),
    (errno.ENOBUFS, "port 80 of 127.0.0.1 can't be used: No buffer space available; .* --port"),
]


@pytest.mark.parametrize(("number", "message"), CAUSES)
def test_each_cause_has_its_message(number, message):
    with pytest.raises(UserError, match=message):
        raise UserError(ports.explain(OSError(number, os.strerror(number)), "127.0.0.1", 80))


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", "192.0.2.1 is no address of this machine: choose 127.0.0.1"),
        ("no.such.host.invalid", "--host no.such.host.invalid can't be resolved"),
        ("a" * 70, "can't be resolved"),
    ],
)
def test_a_host_of_another_machine_is_refused(host, message):
    with pytest.raises(UserError, match=message):
        ports.check(host, free_port())


@pytest.mark.parametrize("command", ["serve", "ui"])
class TestCommands:
    def test_it_fails_before_it_loads_or_writes_anything(self, command, workspace):
        (workspace / ".dvc").mkdir()
        with socket.socket() as holder:
            holder.bind(("127.0.0.1", 0))
            holder.listen()
            done = CliRunner().invoke(commands, [command, "--port", str(holder.getsockname()[1])])
        assert isinstance(done.exception, UserError)
        assert "is taken by process" in str(done.exception)
        assert done.output == ""
        assert not (workspace / "mlflow.db").exists()

    @pytest.mark.parametrize("port", ["0", "65536", "http"])
    def test_what_is_no_port_is_a_wrong_usage(self, command, port):
        assert CliRunner().invoke(commands, [command, "--port", port]).exit_code == 2

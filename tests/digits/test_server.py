"""What a team's server refuses before it starts anything. The server itself is seen at work in tests/test_server.py."""

import socket

import pytest
from filelock import FileLock

from digits.errors import UserError
from digits.server import Server
from tests.loopback import free_port


def test_two_servers_do_not_share_a_folder(tmp_path):
    with FileLock(tmp_path / ".lock"), pytest.raises(UserError, match=f"another server uses {tmp_path}"):
        Server(tmp_path).run("127.0.0.1", free_port())


def test_a_port_that_is_taken_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 is taken"):
            Server(tmp_path).run("127.0.0.1", port)


def test_its_passwords_are_its_owners_alone_and_stay(tmp_path):
    known = Server(tmp_path).secrets
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0
    assert Server(tmp_path).secrets == known
    assert len(set(known.values())) == 3

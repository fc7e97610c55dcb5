"""A real SSH server on loopback: `python -m tests.ssh_server FOLDER [OPENS]` makes its keys and prints its port.

It serves FOLDER/files over SFTP to one user, who has FOLDER/key; it has no shell and runs no commands. Where OPENS is
given, it kills itself when that many files have been opened.
"""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from tests.imports import ROOT

USER = "team"


@contextmanager
def serving(folder: Path, *opens: str) -> Iterator[tuple[subprocess.Popen, str]]:
    """The server's process, killed at the end, and the address of its files."""
    command = [sys.executable, "-m", "tests.ssh_server", str(folder), *opens]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, f"ssh://{USER}@127.0.0.1:{int(process.stdout.readline())}/store"
        finally:
            process.kill()


async def serve(folder: Path, opens: int | None = None) -> None:
    key = user_key(folder / "key")
    files = folder / "files"
    files.mkdir(exist_ok=True)

    class OneUser(asyncssh.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, offered: asyncssh.SSHKey) -> bool:
            return username == USER and offered.public_data == key.public_data

    class Files(asyncssh.SFTPServer):
        opened = 0

        def __init__(self, channel: asyncssh.SSHServerChannel) -> None:
            super().__init__(channel, chroot=str(files))

        def open(self, *arguments):
            Files.opened += 1
            if Files.opened == opens:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().open(*arguments)

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=OneUser,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        sftp_factory=Files,
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


def user_key(path: Path) -> asyncssh.SSHKey:
    if not path.exists():
        path.touch(mode=0o600)
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
    return asyncssh.read_private_key(path)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), *map(int, sys.argv[2:])))

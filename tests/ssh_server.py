"""A real SSH server on loopback: `python -m tests.ssh_server FOLDER` makes its keys and prints its port.

It lets one user in, by key, for SFTP in FOLDER/files; it has no shell and runs no commands.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncssh

from tests.imports import ROOT

USER = "team"


@contextmanager
def serving(folder: Path) -> Iterator[tuple[subprocess.Popen, int]]:
    """The server's process, gone at the end, and its port; the user's key is FOLDER/key."""
    command = [sys.executable, "-m", "tests.ssh_server", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


async def serve(folder: Path) -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(folder / "key")
    (folder / "key").chmod(0o600)
    files = folder / "files"
    files.mkdir()

    class OneUser(asyncssh.SSHServer):
        def public_key_auth_supported(self) -> bool:
            return True

        def validate_public_key(self, username: str, offered: asyncssh.SSHKey) -> bool:
            return username == USER and offered.public_data == key.public_data

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=OneUser,
        server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
        sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(files)),
    )
    print(server.get_port(), flush=True)
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))

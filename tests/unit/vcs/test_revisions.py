"""What git says of the working tree, in whatever encoding. Two versions are compared in tests/test_versions.py."""

import subprocess

from digits.vcs import revisions


def test_a_patch_keeps_the_bytes_of_any_encoding(tmp_path, monkeypatch):
    def git(*arguments: str, **options) -> bytes:
        return subprocess.run(["git", *arguments], check=True, capture_output=True, **options).stdout

    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    notes = tmp_path / "notes.txt"
    notes.write_bytes(b"caf\xe9\r\n")  # Latin-1, and lines as Windows ends them
    git("add", ".")
    git("-c", "user.name=Scratch", "-c", "user.email=scratch@localhost", "commit", "--quiet", "-m", "start")
    notes.write_bytes(b"caf\xe9s\r\n")
    patch = revisions.changes()
    assert b"+caf\xe9s\r\n" in patch
    git("checkout", "--quiet", ".")
    git("apply", "-", input=patch)
    assert notes.read_bytes() == b"caf\xe9s\r\n"

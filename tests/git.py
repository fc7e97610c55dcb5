"""Git as a user whose name it knows."""

import subprocess
from pathlib import Path

IDENTITY = ("-c", "user.name=Scratch", "-c", "user.email=scratch@localhost")


def git(*arguments: str, folder: Path | None = None) -> str:
    """What a command prints, in the working directory or in a folder."""
    command = ["git", *IDENTITY, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def commit_all(message: str) -> None:
    """Commit every file of the working directory's repository; a commit is made also where none has changed."""
    git("add", "--all")
    git("commit", "--allow-empty", "--message", message)

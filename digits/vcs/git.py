"""The only place that runs git: with a fixed environment and fixed options, so that no setting changes an answer."""

import os
import subprocess
from pathlib import Path

import digits
from digits.errors import UserError, printable

# What stands before git's command. The user's settings for people's eyes must not change what is read here.
_SETTINGS = {
    "color.ui": "false",
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "diff.autoRefreshIndex": "true",
    "diff.orderFile": os.devnull,
    "diff.suppressBlankEmpty": "false",
    "i18n.logOutputEncoding": "UTF-8",
    "log.follow": "false",
    "log.showSignature": "false",
}
_OPTIONS = [
    "--no-pager",
    "--no-optional-locks",
    *(word for name, value in _SETTINGS.items() for word in ("-c", f"{name}={value}")),
]
# Of all commands that compare
DIFF = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--ignore-submodules=none")
# Its paths are from the repository's root, as `git apply` takes them.
PATCH = (
    "--patch",
    "--no-relative",
    "--binary",
    "--full-index",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--submodule=short",
    "--unified=3",
    "--inter-hunk-context=0",
    "--diff-algorithm=default",
)


class GitError(UserError):
    """Git cannot answer; the message has git's own words."""


class NoRepositoryError(GitError):
    """The working directory is in no git repository, as an unpacked archive."""


def environment() -> dict[str, str]:
    """The environment for git and for DVC, which runs git: without variables that name another repository."""
    kept = {name: value for name, value in os.environ.items() if not digits.is_cleared(name)}
    return {**kept, "LC_ALL": "C.UTF-8", "LANGUAGE": "", "PYTHONIOENCODING": "utf-8"}


def run(*arguments: str) -> bytes:
    """What a git command printed. Raises GitError with git's own words where it failed."""
    done = _run(*arguments)
    if done.returncode:
        _check_repository()
        raise GitError(f"`git {arguments[0]}` failed; git says:\n{_words(done.stderr)}")
    return done.stdout


def find(*arguments: str) -> bytes | None:
    """The same, or None where git finds no such revision or file. Raises GitError where no repository can be read."""
    done = _run(*arguments)
    if done.returncode:
        _check_repository()
        return None
    return done.stdout


def prefix() -> str:
    """The working directory as a path from the repository's root: "" at the root, else with a slash at its end."""
    return os.fsdecode(run("rev-parse", "--show-prefix").removesuffix(b"\n"))


def _check_repository() -> None:
    """Raise GitError where the working directory is in no repository, or in one that git refuses to read."""
    done = _run("rev-parse", "--git-dir")
    if done.returncode == 0:
        return
    words = _words(done.stderr)
    if "not a git repository (or any" in words:
        raise NoRepositoryError(
            f"{printable(Path.cwd())} is in no git repository, which revisions need: `git clone` the project, or "
            "`git init && git add -A && git commit -m start` here"
        )
    raise GitError(f"git cannot read the repository of {printable(Path.cwd())}; git says:\n{words}")


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    command = ["git", *_OPTIONS, *arguments]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, env=environment())
    except FileNotFoundError:
        if any((folder / ".git").exists() for folder in (Path.cwd(), *Path.cwd().parents)):
            raise GitError("git is not installed; the project needs it to know revisions") from None
        raise NoRepositoryError(
            "git is not installed, and this folder is in no git repository: revisions need both"
        ) from None


def _words(stderr: bytes) -> str:
    return "\n".join(f"  {printable(line)}" for line in os.fsdecode(stderr).expandtabs(4).splitlines() if line.strip())

"""Access to git: commits, files at a revision, and uncommitted changes."""

import hashlib
import subprocess
from pathlib import Path

from digits.errors import UserError
from digits.paths import DVC_LOCK

WORKING_TREE = "the working tree"
# git's paths of all files but those that the stages write
CHANGED_BY_PEOPLE = ("--", ":/", f":(top,exclude){DVC_LOCK}", ":(top,exclude)metrics")


def commit(revision: str) -> str:
    """The full hash of a git revision. Raises UserError where the repository has none of that name."""
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UserError(f"{revision} is no revision of this repository; `git log --oneline` lists them")
    return found.strip()


def head() -> str:
    """The commit that is checked out. Raises UserError where there is none."""
    found = _git("rev-parse", "--verify", "--quiet", "HEAD")
    if found is None:
        raise UserError(
            "no git commit to tag the run with: the project must be a git repository, "
            "so `git clone` it, or `git init && git add -A && git commit -m start` here"
        )
    return found.strip()


def reference(name: str) -> str | None:
    """The commit of a git reference, named in full; None where there is none."""
    found = _git("rev-parse", "--verify", "--quiet", name)
    return found.strip() if found else None


def changed_files() -> list[str]:
    """The files that differ from the checked out commit, except those that the stages write."""
    return (_git("diff", "--name-only", "HEAD", *CHANGED_BY_PEOPLE) or "").splitlines()


def patch() -> bytes:
    """The same changes as a patch: bytes, since files may have any encoding."""
    return _git_bytes("diff", "HEAD", *CHANGED_BY_PEOPLE) or b""


def read_text(path: Path | str, revision: str) -> str | None:
    """A text file as git has it at a revision, or None where that has no such file."""
    return _git("show", f"{revision}:{path}")


def subject(revision: str) -> str:
    """The first line of a commit's message."""
    return (_git("log", "-1", "--format=%s", "--end-of-options", revision) or "").strip()


def exists(revision: str) -> bool:
    """Whether the repository has this commit."""
    return _git("cat-file", "-e", f"{revision}^{{commit}}") is not None


def commits_that_touch(text: str, path: Path) -> list[str]:
    """Commits on any reference, DVC's experiments included, that add or remove `text` in a file; the oldest first."""
    return (_git("log", "--all", "--reverse", "--format=%H", f"-S{text}", "--", str(path)) or "").split()


def files_below(path: str, revision: str | None) -> dict[str, str]:
    """MD5 by path of the file at `path`, or of each below that folder, as git tracks it at a revision.

    For None: the tracked files as they are in the working tree.
    """
    command = ("ls-files",) if revision is None else ("ls-tree", "-r", "--name-only", revision)
    names = (_git(*command, "-z", "--", path) or "").split("\0")
    return {name: md5 for name in names if name and (md5 := _md5(name, revision))}


def _md5(path: str, revision: str | None) -> str | None:
    if revision is None:
        content = Path(path).read_bytes() if Path(path).is_file() else None
    else:
        content = _git_bytes("show", f"{revision}:{path}")
    return None if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()


def _git(*arguments: str) -> str | None:
    output = _git_bytes(*arguments)
    return None if output is None else output.decode(errors="replace")


def _git_bytes(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True)
    except FileNotFoundError:
        raise UserError("git is not installed; the project needs it to know revisions") from None
    return done.stdout if done.returncode == 0 else None

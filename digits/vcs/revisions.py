"""Commits, files at a revision, and uncommitted changes. Paths are relative to the working directory.

That is the project's root, which may be a subfolder of the git repository. Each function raises
`digits.vcs.git.GitError` where git cannot read the repository, and `NoRepositoryError` where there is none.
"""

import hashlib
import os
from pathlib import Path

from digits.errors import UserError, printable
from digits.paths import DVC_LOCK, DVC_YAML
from digits.vcs import git

WORKING_TREE = "the working tree"
NO_GIT = "no git"  # in place of a commit, where the project is in no git repository
# The project's files but those that the stages write
CHANGED_BY_PEOPLE = ("--", ".", f":(exclude){DVC_LOCK}", ":(exclude)metrics")


def commit(revision: str) -> str:
    """The full hash of a git revision. Raises UserError where the repository has none of that name."""
    found = git.find("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UserError(
            f"{printable(revision)} is no revision of this repository; `git log --oneline` lists them{_shallow_hint()}"
        )
    return found.decode().strip()


def head() -> str:
    """The commit that is checked out. Raises UserError where there is none.

    A repository that the project only lies in, without being part of the commit, counts as none.
    """
    found = reference("HEAD")
    if found is None:
        raise UserError(
            "this git repository has no commit yet, to tag the run with: `git add -A && git commit -m start`"
        )
    if DVC_YAML.exists() and git.find("cat-file", "-e", f"HEAD:./{DVC_YAML}") is None:
        raise git.NoRepositoryError(
            f"the commit of the git repository around {printable(Path.cwd())} has no {DVC_YAML} there, so no commit "
            "has the project: `git add -A . && git commit -m start` adds it"
        )
    return found


def head_or_no_git() -> str:
    """The commit that is checked out, or NO_GIT. Raises UserError where a repository has none, or cannot be read."""
    try:
        return head()
    except git.NoRepositoryError:
        return NO_GIT


def reference(name: str) -> str | None:
    """The commit of a git reference, named in full; None where there is none."""
    found = git.find("rev-parse", "--verify", "--quiet", name)
    return found.decode().strip() if found else None


def changed_files() -> list[str]:
    """The project's files that differ from the checked out commit, except those that the stages write."""
    return _paths(git.run("diff", *git.DIFF, "--relative", "--name-only", "-z", "HEAD", *CHANGED_BY_PEOPLE))


def patch() -> bytes:
    """The same changes as a patch for `git apply` in the project's root: bytes, since files may have any encoding."""
    return git.run("diff", *git.DIFF, *git.PATCH, "HEAD", *CHANGED_BY_PEOPLE)


def merge_base(one: str, other: str) -> str:
    """The latest commit that two revisions have in common. Raises UserError where they have none."""
    found = git.find("merge-base", commit(one), commit(other))
    if found is None:
        raise UserError(f"{printable(one)} and {printable(other)} have no commit in common{_shallow_hint()}")
    return found.decode().strip()


def read_text(path: Path | str, revision: str | None) -> str | None:
    """A text file as git has it at a revision (None: in the working tree), or None where that has no such file."""
    content = _read(path, revision)
    return None if content is None else content.decode(errors="replace")


def subject(revision: str) -> str:
    """The first line of a commit's message."""
    return git.run("log", "-1", "--format=%s", "--end-of-options", revision).decode(errors="replace").strip()


def exists(revision: str) -> bool:
    """Whether the repository has this commit."""
    return git.find("cat-file", "-e", f"{revision}^{{commit}}") is not None


def is_shallow() -> bool:
    """Whether the repository lacks older commits, as after `git clone --depth 1`."""
    return git.run("rev-parse", "--is-shallow-repository").strip() == b"true"


def commits_that_touch(text: str, path: Path) -> list[str]:
    """Commits on any reference, DVC's experiments included, that add or remove `text` in a file; the oldest first."""
    options = ("--all", "--reverse", "--format=%H", *git.DIFF, "--no-patch", f"-S{text}")
    return git.run("log", *options, "--", os.fspath(path)).decode().split()


def files_below(path: str, revision: str | None) -> dict[str, str]:
    """MD5 by path of the file at `path`, or of each below that folder, as git tracks it at a revision.

    For None: the tracked files as they are in the working tree.
    """
    if revision is None:
        names = git.run("--literal-pathspecs", "ls-files", "-z", "--", path)
    else:
        names = git.find("ls-tree", "-r", "-z", "--name-only", revision, "--", path) or b""
    return {name: md5 for name in _paths(names) if (md5 := _md5(name, revision))}


def _shallow_hint() -> str:
    return "; it is a shallow clone: `git fetch --unshallow` gets the older commits" if is_shallow() else ""


def _md5(path: str, revision: str | None) -> str | None:
    content = _read(path, revision)
    return None if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()


def _read(path: Path | str, revision: str | None) -> bytes | None:
    """A file's bytes as git keeps them, without filters (None: as they are in the working tree)."""
    if revision is None:
        return Path(path).read_bytes() if Path(path).is_file() else None
    return git.find("cat-file", "blob", f"{revision}:./{Path(path).as_posix()}")


def _paths(listed: bytes) -> list[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]

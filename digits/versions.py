"""The repository's revisions: what git holds of each, and what DVC keeps of its data. The one module that knows DVC."""

import hashlib
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import yaml

from digits.errors import UserError

LOCK = "dvc.lock"
WORKSPACE = "the working tree"


def commit(revision: str) -> str:
    """The full hash of a git revision. Raises UserError where the repository has none of that name."""
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UserError(f"{revision} is no revision of this repository; `git log --oneline` shows them")
    return found.strip()


def subject(revision: str) -> str:
    """The first line of a commit's message."""
    return (_git("log", "-1", "--format=%s", "--end-of-options", revision) or "").strip()


def exists(revision: str) -> bool:
    """Whether the repository holds this commit."""
    return _git("cat-file", "-e", f"{revision}^{{commit}}") is not None


def md5(path: str, revision: str | None) -> str | None:
    """MD5 of a file that git holds at a revision (None: of the working tree), None where it has none of that name."""
    if revision is None:
        content = Path(path).read_bytes() if Path(path).is_file() else None
    else:
        done = subprocess.run(["git", "show", f"{revision}:{path}"], capture_output=True)
        content = done.stdout if done.returncode == 0 else None
    return None if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()


def lock(revision: str | None) -> dict[str, Any]:
    """dvc.lock's stages as they are at a revision, or in the working tree: what each read and wrote, by its MD5."""
    if revision is None:
        text = Path(LOCK).read_text(encoding="utf-8") if Path(LOCK).exists() else None
    else:
        text = _git("show", f"{revision}:{LOCK}")
    return (yaml.safe_load(text) or {}).get("stages", {}) if text else {}


def keepers(md5: str) -> Iterator[str | None]:
    """Revisions whose dvc.lock names this hash: commits, the oldest first, then the working tree as None.

    DVC's experiments are among the commits.
    """
    found = _git("log", "--all", "--reverse", "--format=%H", f"-S{md5}", "--", LOCK) or ""
    for revision in found.split():
        if md5 in (_git("show", f"{revision}:{LOCK}") or ""):
            yield revision
    if Path(LOCK).exists() and md5 in Path(LOCK).read_text(encoding="utf-8"):
        yield None


def cache() -> Path:
    """The folder of DVC's cache, wherever it was set to."""
    return _cache_of(Path.cwd())


@lru_cache
def _cache_of(folder: Path) -> Path:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo() as repo:
            return Path(repo.cache.local.path).parents[1].resolve()  # it ends in files/md5
    except DvcException:
        return (folder / ".dvc" / "cache").resolve()


def in_cache(md5: str) -> bool:
    """Whether DVC's cache on this machine holds a file, or a folder and all its files."""
    from dvc.repo import Repo

    with Repo() as repo:
        cache = repo.cache.local
        if not cache.exists(md5):
            return False
        if not md5.endswith(".dir"):
            return True
        from dvc_data.hashfile.tree import Tree
        from dvc_objects.errors import ObjectFormatError

        try:
            tree = Tree.load(cache, _hash_info(md5))
        except (ObjectFormatError, FileNotFoundError):
            return False
        return all(cache.exists(info.value) for _, _, info in tree)


@contextmanager
def opened(path: str, revision: str | None) -> Iterator[IO[bytes]]:
    """Open a file that DVC or git keeps, as it is at a revision (None: in the working tree).

    Raises UserError where that revision has no such file, or neither the cache nor a remote holds it.
    """
    where = revision or WORKSPACE
    if revision is None:
        if not Path(path).exists():
            raise UserError(f"{path} is not in {WORKSPACE}: run `dvc repro validate`, or `dvc checkout`")
        with Path(path).open("rb") as file:
            yield file
        return
    from dvc.api import DVCFileSystem

    try:
        file = DVCFileSystem(rev=revision).open(path, "rb")
    except FileNotFoundError:
        raise UserError(
            f"{path} of {where[:12]} is not to be had: that revision has no such file, or it is neither in DVC's cache "
            f"nor in a remote; `git checkout {where[:12]} && dvc repro validate` makes it again"
        ) from None
    except Exception as error:  # each kind of remote raises errors of its own
        raise UserError(f"{path} of {where[:12]} can't be opened: {type(error).__name__} {error}") from None
    with file:
        yield file


def _hash_info(md5: str):
    from dvc_data.hashfile.hash_info import HashInfo

    return HashInfo("md5", md5)


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError("git is not installed, and revisions are its") from None
    return done.stdout if done.returncode == 0 else None

"""The repository's revisions: what git holds of each, and what DVC keeps of its data."""

import hashlib
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import yaml

from digits import outputs
from digits.errors import UserError

LOCK = "dvc.lock"
WORKSPACE = "the working tree"
# What git compares to know of a change that people made: all but what the stages write as they run.
MADE_BY_PEOPLE = ("--", ":/", f":(top,exclude){LOCK}", ":(top,exclude)metrics")


def commit(revision: str) -> str:
    """The full hash of a git revision. Raises UserError where the repository has none of that name."""
    found = _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    if found is None:
        raise UserError(f"{revision} is no revision of this repository; `git log --oneline` shows them")
    return found.strip()


def head() -> str:
    """The commit that the working tree stands on. Raises UserError where there is none."""
    found = _git("rev-parse", "--verify", "--quiet", "HEAD")
    if found is None:
        raise UserError(
            "no git commit to tag the run with: the project must be a git repository, "
            "so `git clone` it, or `git init && git add -A && git commit -m start` here"
        )
    return found.strip()


def changed() -> list[str]:
    """The files that git holds and that are not what the commit below them says, but for what the stages write."""
    return (_git("diff", "--name-only", "HEAD", *MADE_BY_PEOPLE) or "").splitlines()


def changes() -> bytes:
    """The same as a patch, in whatever encodings the files have."""
    return _git_bytes("diff", "HEAD", *MADE_BY_PEOPLE) or b""


def text(path: str, revision: str) -> str | None:
    """A text file as git holds it at a revision, or None where that has none of that name."""
    return _git("show", f"{revision}:{path}")


def reference(pattern: str) -> str | None:
    """The commit that a reference of this pattern points to, or None; of several, the newest."""
    found = _git("for-each-ref", "--sort=-committerdate", "--format=%(objectname)", "--count=1", pattern)
    return (found or "").strip() or None


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
        content = _git_bytes("show", f"{revision}:{path}")
    return None if content is None else hashlib.md5(content, usedforsecurity=False).hexdigest()


def lock(revision: str | None) -> dict[str, Any]:
    """dvc.lock's stages as they are at a revision, or in the working tree: what each read and wrote, by its MD5."""
    if revision is None:
        content = Path(LOCK).read_text(encoding="utf-8") if Path(LOCK).exists() else None
    else:
        content = text(LOCK, revision)
    loaded = yaml.load(content, Loader=yaml.CSafeLoader) if content else None  # a tenth of the time of Python's own
    return (loaded or {}).get("stages", {})


def data() -> dict[str, str]:
    """DVC's hash of each file and folder of data/ that the stages wrote, as the working tree's lock has it.

    Of what they read, only what no stage wrote, as the first of them read it: while DVC runs, the lock says of the
    stages to come what they read the time before.
    """
    stages = list(lock(None).values())[::-1]  # of several that read a path the first comes last, and holds
    wrote, read = (
        {entry["path"]: entry["md5"] for stage in stages for entry in stage.get(kind, []) if "md5" in entry}
        for kind in ("outs", "deps")
    )
    brought = {path: md5 for path, md5 in read.items() if not {path, *map(str, Path(path).parents)} & wrote.keys()}
    return {path: md5 for path, md5 in {**brought, **wrote}.items() if path.startswith("data/")}


def keepers(md5: str) -> Iterator[str | None]:
    """Revisions whose dvc.lock names this hash: commits, the oldest first, then the working tree as None.

    DVC's experiments are among the commits.
    """
    found = _git("log", "--all", "--reverse", "--format=%H", f"-S{md5}", "--", LOCK) or ""
    for revision in found.split():
        if md5 in (text(LOCK, revision) or ""):
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


@contextmanager
def checked_out(revision: str, paths: Iterable[Path]) -> Iterator[Path]:
    """A temporary folder with files that DVC or git keeps, as they are at a revision. Raises UserError."""
    with TemporaryDirectory() as folder:
        for path in paths:
            with opened(path.as_posix(), revision) as file:
                target = Path(folder, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read())
        yield Path(folder)


def weights(revision: str) -> str:
    """SHA-256 of the model's weights as DVC keeps them at a revision. Raises UserError where it does not."""
    with opened(str(outputs.WEIGHTS), revision) as file:
        return hashlib.sha256(file.read()).hexdigest()


def _hash_info(md5: str):
    from dvc_data.hashfile.hash_info import HashInfo

    return HashInfo("md5", md5)


def _git(*arguments: str) -> str | None:
    said = _git_bytes(*arguments)
    return None if said is None else said.decode(errors="replace")


def _git_bytes(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True)
    except FileNotFoundError:
        raise UserError("git is not installed, and revisions are its") from None
    return done.stdout if done.returncode == 0 else None

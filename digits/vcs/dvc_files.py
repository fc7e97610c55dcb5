"""DVC's files: the hashes in dvc.lock, the cache, and the files at each revision."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import yaml

from digits.errors import UserError
from digits.paths import DVC_LOCK, project_root
from digits.vcs import git, revisions


def lock(revision: str | None) -> dict[str, Any]:
    """dvc.lock's stages at a revision (None: in the working tree): what each read and wrote, with MD5s."""
    content = revisions.read_text(DVC_LOCK, revision)
    loaded = yaml.load(content, Loader=yaml.CSafeLoader) if content else None  # a tenth of the time of Python's own
    return (loaded or {}).get("stages", {})


def data_hashes() -> dict[str, str]:
    """DVC's hash of each file and folder below data/ that the stages wrote, as the working tree's lock has it.

    Of what the stages read, only what no stage wrote, as the first of them read it: while DVC runs, the lock still
    holds the last run's hashes for the stages that have not run yet.
    """
    stages = list(lock(None).values())[::-1]  # of several stages that read a path the first one's entry comes last
    wrote, read = (
        {entry["path"]: entry["md5"] for stage in stages for entry in stage.get(kind, []) if "md5" in entry}
        for kind in ("outs", "deps")
    )
    inputs = {path: md5 for path, md5 in read.items() if not {path, *map(str, Path(path).parents)} & wrote.keys()}
    return {path: md5 for path, md5 in {**inputs, **wrote}.items() if path.startswith("data/")}


def revisions_with(md5: str) -> Iterator[str | None]:
    """Revisions whose dvc.lock names this hash: commits, the oldest first, then the working tree as None.

    Where the project is in no git repository, only the working tree.
    """
    try:
        commits = revisions.commits_that_touch(md5, DVC_LOCK)
    except git.NoRepositoryError:
        commits = []
    for revision in commits:
        if md5 in (revisions.read_text(DVC_LOCK, revision) or ""):
            yield revision
    if md5 in (revisions.read_text(DVC_LOCK, None) or ""):
        yield None


def dependency_hash(path: str, revision: str | None) -> str | None:
    """The hash that DVC gives a dependency made of the files that git tracks at a revision, or None where it has none.

    Of a file its MD5, of a folder the MD5 of the list of its files.
    """
    files = revisions.files_below(path, revision)
    if path in files or not files:
        return files.get(path)
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree()
    for name, md5 in files.items():
        tree.add(Path(name).relative_to(path).parts, None, HashInfo("md5", md5))
    tree.digest()
    return tree.hash_info.value


@lru_cache
def cache_folder(project: Path) -> Path:
    """The folder of the project's DVC cache, absolute."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        with Repo(project) as repo:
            return Path(repo.cache.local.path).parents[1].resolve()  # it ends in files/md5
    except DvcException:
        return (project / ".dvc" / "cache").resolve()


def cached_file(md5: str) -> Path | None:
    """The file with this hash in the project's DVC cache, or None where it is not there."""
    path = cache_folder(project_root()) / "files" / "md5" / md5[:2] / md5[2:]
    return path if path.is_file() else None


def in_cache(md5: str) -> bool:
    """Whether DVC's cache on this machine has a file, or a folder and all its files."""
    from dvc.repo import Repo

    with Repo() as repo:
        cache = repo.cache.local
        if not cache.exists(md5):
            return False
        if not md5.endswith(".dir"):
            return True
        from dvc_data.hashfile.hash_info import HashInfo
        from dvc_data.hashfile.tree import Tree
        from dvc_objects.errors import ObjectFormatError

        try:
            tree = Tree.load(cache, HashInfo("md5", md5))
        except (ObjectFormatError, FileNotFoundError):
            return False
        return all(cache.exists(info.value) for _, _, info in tree)


@contextmanager
def opened(path: Path | str, revision: str | None, stage: str = "validate") -> Iterator[IO[bytes]]:
    """Open a file that DVC or git keeps, and `stage` writes, as it is at a revision (None: in the working tree).

    Raises UserError where that revision has no such file, or neither the cache nor a remote has it.
    """
    if revision is None:
        if not Path(path).exists():
            raise UserError(f"{path} is not in {revisions.WORKING_TREE}: run `dvc repro {stage}`, or `dvc checkout`")
        with Path(path).open("rb") as file:
            yield file
        return
    from dvc.api import DVCFileSystem

    # By the path from git's root, of which the project may be a subfolder.
    name = f"/{git.prefix()}{Path(path).as_posix()}"
    try:
        file = DVCFileSystem(".", rev=revision, subrepos=True).open(name, "rb")
    except FileNotFoundError:
        raise UserError(
            f"{path} of {revision[:12]} cannot be read: that revision has no such file, or it is neither in DVC's "
            f"cache nor in a remote; `git checkout {revision[:12]} && dvc repro {stage}` creates it"
        ) from None
    except Exception as error:  # each kind of remote raises errors of its own
        raise UserError(f"{path} of {revision[:12]} cannot be opened: {type(error).__name__} {error}") from None
    with file:
        yield file

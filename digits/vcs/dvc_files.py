"""DVC's files: the hashes in dvc.lock, the cache, and the files at each revision."""

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import yaml

from digits.errors import UserError
from digits.files import digest
from digits.paths import DVC_LOCK, project_root
from digits.vcs import git, revisions


def lock(revision: str | None) -> dict[str, Any]:
    """dvc.lock's stages at a revision (None: in the working tree): what each read and wrote, with MD5s."""
    content = revisions.read_text(DVC_LOCK, revision)
    loaded = yaml.load(content, Loader=yaml.CSafeLoader) if content else None  # a tenth of the time of Python's own
    stages: dict[str, Any] = (loaded or {}).get("stages", {})
    return stages


def outputs(revision: str | None) -> list[dict[str, Any]]:
    """What the stages wrote, by dvc.lock at a revision (None: in the working tree): each `path` with its `md5`."""
    return [output for stage in lock(revision).values() for output in stage.get("outs", [])]


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
    return _folder_hash({Path(name).relative_to(path).parts: md5 for name, md5 in files.items()})


def hash_of(path: Path) -> str:
    """DVC's hash of what is at a path: of a file its MD5, of a folder the MD5 of the list of its files, with `.dir`.

    Raises FileNotFoundError where there is nothing.
    """
    if not path.is_dir():
        return digest(path, "md5")
    return _folder_hash(
        {file.relative_to(path).parts: digest(file, "md5") for file in path.rglob("*") if file.is_file()}
    )


def hash_at(path: Path, revision: str | None, stage: str) -> str:
    """The same of what `stage` writes, as it is at a revision. Raises the errors of `opened`."""
    md5s = {file.relative_to(path).parts: _md5_at(file, revision, stage) for file in files_at(path, revision)}
    return md5s[()] if () in md5s else _folder_hash(md5s)


def _md5_at(file: Path, revision: str | None, stage: str) -> str:
    with suppress(FileNotFoundError):  # `opened` says so
        known = _system(revision).info(_name(file)).get("dvc_info", {}) if revision else {}
        if "md5" in known:
            return str(known["md5"])
    with opened(file, revision, stage) as content:
        return hashlib.file_digest(content, "md5").hexdigest()  # type: ignore[arg-type]  # its types lack IO


def _folder_hash(md5s: dict[tuple[str, ...], str]) -> str:
    """DVC's hash of a folder with these files, by the parts of their paths in it."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree

    tree = Tree()
    for parts, md5 in md5s.items():
        tree.add(parts, None, HashInfo("md5", md5))
    tree.digest()
    return str(tree.hash_info.value)


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


def cached_files(md5: str, path: Path | None = None, locked: str | None = None) -> dict[str, Path]:
    """The files of a folder with this hash in the project's DVC cache, or of a file itself, by their names in order.

    A file's name is empty. Empty where the cache on this machine lacks one of them. DVC keeps no list of a folder that
    is in an output, as `path` is: that output's is taken, of a revision whose dvc.lock names the hash `locked`, or
    `md5`.
    """
    if not md5.endswith(".dir"):
        file = cached_file(md5)
        return {} if file is None else {"": file}
    listed = _list(md5)
    if not listed and path is not None:
        listed = _list_in_output(md5, path, locked or md5)
    found = {}
    for name, one in listed.items():
        file = cached_file(one)
        if file is None:
            return {}
        found["/".join(name)] = file
    return dict(sorted(found.items()))


def _list(md5: str) -> dict[tuple[str, ...], str]:
    """The hashes of a folder's files, by the parts of their paths in it; empty where the cache has no list of it."""
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    with Repo() as repo:
        try:
            return {key: info.value for key, _, info in Tree.load(repo.cache.local, HashInfo("md5", md5))}
        except (ObjectFormatError, FileNotFoundError):
            return {}


def _list_in_output(md5: str, path: Path, locked: str) -> dict[tuple[str, ...], str]:
    """The same of a folder at `path` in an output, from the list of that."""
    for revision in revisions_with(locked):
        for output in outputs(revision):
            if not (path.is_relative_to(output["path"]) and output["md5"].endswith(".dir")):
                continue
            inside = path.relative_to(output["path"]).parts
            listed = _list(output["md5"])
            found = {key[len(inside) :]: one for key, one in listed.items() if key[: len(inside)] == inside}
            if found and _folder_hash(found) == md5:
                return found
    return {}


def is_unaltered(path: Path) -> bool:
    """Whether a file in the cache still has its hash, which is its path there."""
    return digest(path, "md5") == path.parent.name + path.name


def files_at(path: Path, revision: str | None) -> list[Path]:
    """Of a folder at a revision (None: in the working tree) the paths of its files, in order; else the path itself."""
    if revision is None:
        return sorted(file for file in path.iterdir() if file.is_file()) if path.is_dir() else [path]
    name, system = _name(path), _system(revision)
    if not system.isdir(name):
        return [path]
    return [path / Path(one).name for one in sorted(system.ls(name, detail=False))]


@contextmanager
def opened(path: Path, revision: str | None, stage: str) -> Iterator[IO[bytes]]:
    """Open a file that DVC or git keeps, and `stage` writes, as it is at a revision (None: in the working tree).

    Raises UserError where that revision has no such file, or neither the cache nor a remote has it.
    """
    if revision is None:
        if not path.exists():
            raise UserError(f"{path} is not in {revisions.WORKING_TREE}: run `dvc repro {stage}`, or `dvc checkout`")
        with path.open("rb") as file:
            yield file
        return
    try:
        file = _system(revision).open(_name(path), "rb")
    except FileNotFoundError:
        raise UserError(
            f"{path} of {revision[:12]} cannot be read: that revision has no such file, or it is neither in DVC's "
            f"cache nor in a remote; `git checkout {revision[:12]} && dvc repro {stage}` creates it"
        ) from None
    except Exception as error:  # each kind of remote raises errors of its own
        raise UserError(f"{path} of {revision[:12]} cannot be opened: {type(error).__name__} {error}") from None
    with file:
        yield file if file.seekable() else io.BytesIO(file.read())  # what git keeps is a stream


def _system(revision: str) -> Any:
    """The file system of what git and DVC keep at a revision."""
    return _made_system(Path.cwd(), revision)


@lru_cache(2)  # it takes 0.2 s, and a table has many shards
def _made_system(project: Path, revision: str) -> Any:
    from dvc.api import DVCFileSystem

    return DVCFileSystem(str(project), rev=revision, subrepos=True)


def _name(path: Path) -> str:
    """The path from git's root, of which the project may be a subfolder."""
    return f"/{_prefix(Path.cwd())}{path.as_posix()}"


@lru_cache(1)
def _prefix(project: Path) -> str:
    return git.prefix()

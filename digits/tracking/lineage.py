"""The lineage of a registered model: version, run, code, data and validation, each checked against the next."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from digits import paths
from digits.errors import UserError
from digits.files import digest, read_json
from digits.tracking import registry, runs, tags, version_checks
from digits.vcs import dvc_files, revisions

TRAIN_SPLIT, RAW, VALIDATION = (
    path.as_posix() for path in (paths.PROCESSED / "train.parquet", paths.RAW, paths.VALIDATION)
)


class Link(NamedTuple):
    """One link of the chain: its name, what was found, and the problem with it, or None."""

    name: str
    found: str
    problem: str | None = None


class Lock(NamedTuple):
    """dvc.lock at a revision (None: in the working tree): its stages."""

    revision: str | None
    stages: dict[str, Any]

    def __str__(self) -> str:
        return self.revision[:12] if self.revision else revisions.WORKING_TREE

    def md5(self, stage: str, path: str) -> str | None:
        """The hash of a dependency of a stage, or None where dvc.lock names none."""
        entries = self.stages.get(stage, {}).get("deps", [])
        return next((entry.get("md5") for entry in entries if entry["path"] == path), None)

    def changed_code(self, revision: str | None) -> list[str]:
        """The train stage's code whose hash in dvc.lock is not that of the files at a revision."""
        deps = self.stages.get("train", {}).get("deps", [])
        code = [entry for entry in deps if not entry["path"].startswith("data/")]
        return [entry["path"] for entry in code if dvc_files.dependency_hash(entry["path"], revision) != entry["md5"]]


def chain(uri: str) -> Iterator[Link]:
    """The links from a registry version back to its data. Raises UserError where there is no such version."""
    version = registry.resolve_alias(uri)
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    accuracy = version.tags.get(tags.ACCURACY, "unknown")
    yield Link("version", f"{registry.NAME} {version.number}{aliases}, accuracy {accuracy}")
    yield from _run_links(version)
    train_md5, validation_md5 = version.tags.get(tags.TRAIN_SPLIT), version.tags.get(tags.VALIDATION)
    lock = _find_lock(train_md5, validation_md5, _clean_commit(version))
    yield _code_link(version.tags.get(tags.COMMIT), lock)
    yield from _data_links(train_md5, validation_md5, lock)
    yield _validation_link(version.run_id, validation_md5)


def _run_links(version: registry.Version) -> Iterator[Link]:
    sha256 = version.tags.get(tags.ONNX)
    run = runs.get_run(version.run_id)
    if run is None:
        yield Link("run", version.run_id, "it was deleted from the tracking store, or is in another store")
        return
    yield Link("run", f"{version.run_id} “{run.info.run_name}”, {run.info.status}")
    if run.data.tags.get(tags.ONNX) != sha256 or sha256 is None:
        yield Link("model", f"SHA-256 {sha256}", f"the run's model is another one, {run.data.tags.get(tags.ONNX)}")
        return
    try:
        version_checks.checked_file(version)
        yield Link("model", f"SHA-256 {sha256}")
    except registry.UnusableVersionError as error:
        yield Link("model", f"SHA-256 {sha256}", str(error))


def _code_link(commit: str | None, lock: Lock) -> Link:
    """The commit that the model was trained on; where files had been changed, the commit with those changes."""
    if commit is None:
        return Link("code", "unknown", "the version has no tag git_commit")
    if commit == revisions.NO_GIT:
        return Link("code", commit, "the model was trained outside a git repository: no commit has its code")
    if revisions.head_or_no_git() == revisions.NO_GIT:
        return Link("code", commit, "this folder is in no git repository, so its commits are unknown here")
    if not revisions.exists(commit):
        fetch = "git fetch --unshallow" if revisions.is_shallow() else "git fetch --all"
        return Link("code", commit, f"this repository has no such commit: `{fetch}`")
    named = f"commit {commit[:12]} “{revisions.subject(commit)}”"
    changed = lock.changed_code(commit)
    if not changed:
        return Link("code", named)
    if not lock.changed_code(lock.revision):
        return Link("code", f"{named} with changes, kept by {lock}")
    return Link("code", named, f"{changed[0]} differs from the hash in dvc.lock of {lock}, at both revisions")


def _data_links(train_md5: str | None, validation_md5: str | None, lock: Lock) -> Iterator[Link]:
    if train_md5 is None:
        yield Link("trained on", "unknown", "the version has no tag train_md5")
        return
    if not lock.stages:
        problem = "no dvc.lock of this repository names it: commit dvc.lock, or `git fetch --all`"
        yield Link("trained on", f"{TRAIN_SPLIT} MD5 {train_md5}", problem)
        return
    where = f"dvc.lock of {lock}"
    yield Link(
        "trained on", f"{TRAIN_SPLIT} MD5 {train_md5}, named by {where}", _cache_problem(train_md5, Path(TRAIN_SPLIT))
    )
    raw, validated = (lock.md5("preprocess", path) for path in (RAW, VALIDATION))
    if raw is None:
        yield Link("raw data", "unknown", f"{where} does not name the raw data of {TRAIN_SPLIT}")
        return
    settings = lock.stages.get("ingest", {}).get("params", {}).get("params.yaml", {}).get("ingest", {})
    sources = settings.get("sources") or [settings.get("source") or "an unknown source"]  # the latter until 0.2
    yield Link("raw data", f"{RAW} MD5 {raw}, from {', '.join(sources)}", _cache_problem(raw, Path(RAW)))
    if validated != validation_md5:
        problem = f"{where} names another {VALIDATION} than the version, {validation_md5}"
        yield Link("validated", f"MD5 {validated}", problem)


def _clean_commit(version: registry.Version) -> list[str]:
    """The commit of a version that was trained where no file had been changed, if its dvc.lock is of its own code."""
    commit, run = version.tags.get(tags.COMMIT, ""), runs.get_run(version.run_id)
    if run is None or run.data.tags.get(tags.CHANGED) != "no" or not revisions.exists(commit):
        return []
    return [commit] if not Lock(commit, dvc_files.lock(commit)).changed_code(commit) else []


def _find_lock(train_md5: str | None, validation_md5: str | None, first: list[str]) -> Lock:
    """The dvc.lock that names both hashes; else one that names the first; else one without stages."""
    best = Lock(None, {})
    # Many commits may name the same digits; fewer name the validation, so those commits are searched first.
    changed = (dvc_files.revisions_with(md5) for md5 in (validation_md5, train_md5) if md5)
    for revision in itertools.chain(first, *changed):
        lock = Lock(revision, dvc_files.lock(revision))
        if lock.md5("train", TRAIN_SPLIT) == train_md5:
            if lock.md5("preprocess", VALIDATION) == validation_md5:
                return lock
            best = best if best.stages else lock
    return best


def _validation_link(run_id: str, md5: str | None) -> Link:
    if md5 is None:
        return Link("validation", "unknown", "the version has no tag validation_md5")
    results = runs.artifact_path(run_id, f"validation/{paths.VALIDATION.name}")
    if results is None:
        return Link("validation", f"MD5 {md5}", "the run has no validation results")
    found = digest(results, "md5")
    if found != md5:
        return Link("validation", f"MD5 {found}", f"the run's results are not those of the version, {md5}")
    content = read_json(results)
    passed = [one["success"] for one in content["expectations"].values()]
    report = runs.artifact_path(run_id, f"validation/{paths.VALIDATION_REPORT.name}")
    return Link(
        "validation",
        f"{sum(passed)} of {len(passed)} expectations passed for {content['pictures']:,} pictures, "
        f"{content['quarantined']:,} quarantined; MD5 {md5}; report {report}",
        None if report else f"the run has no {paths.VALIDATION_REPORT.name}",
    )


def _cache_problem(md5: str, path: Path) -> str | None:
    if dvc_files.cached_files(md5, path):
        return None
    return "it is not in DVC's cache: `dvc pull`, or `dvc fetch --all-commits`"


def show(uri: str) -> None:
    """Print one line per link. Raises UserError naming the broken links, after all are printed."""
    print(uri)
    broken = []
    for link in chain(uri):
        print(f"  {'✗' if link.problem else '✓'} {link.name:<11} {link.found}", flush=True)
        if link.problem:
            print(f"      {link.problem}")
            broken.append(f"{link.name}: {link.problem}")
    if broken:
        raise UserError(f"the chain of {uri} is broken at {len(broken)} of its links:\n" + "\n".join(broken))

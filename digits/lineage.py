"""Where a registered model came from: its version, run, code, data and validation, each link held against the next."""

import itertools
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from digits import versions
from digits.errors import UserError
from digits.files import digest
from digits.tracking import registry, runs

TRAINED_ON, RAW, VERDICT = "data/processed/train.parquet", "data/raw", "metrics/validate.json"
PAGE = "validation.html"


class Link(NamedTuple):
    """One link of the chain: what it is, what was found, and what is wrong with it, or None."""

    name: str
    found: str
    problem: str | None = None


def chain(uri: str) -> Iterator[Link]:
    """The links from a registry version back to its data. Raises UserError where there is no such version."""
    version = registry.behind(uri)
    tags = version.tags
    aliases = f" ({', '.join(version.aliases)})" if version.aliases else ""
    yield Link("version", f"{registry.NAME} {version.number}{aliases}, accuracy {tags.get('accuracy', 'unknown')}")
    yield from _of_run(version)
    keeper = _keeper(tags.get("train_md5"), tags.get("validation_md5"))
    yield _of_code(tags.get("git_commit"), *keeper)
    yield from _of_data(tags.get("train_md5"), tags.get("validation_md5"), *keeper)
    yield _of_validation(version.run_id, tags.get("validation_md5"))


def _of_run(version: registry.Version) -> Iterator[Link]:
    weights = version.tags.get(runs.WEIGHTS)
    run = runs.describe(version.run_id)
    if run is None:
        yield Link("run", version.run_id, "it was deleted from the tracking store, or is another store's")
        return
    yield Link("run", f"{version.run_id} “{run.name}”, {run.status}")
    same = run.tags.get(runs.WEIGHTS) == weights and weights is not None
    yield Link("weights", f"SHA-256 {weights}", None if same else "the run's weights are others, or have no hash")


def _of_code(commit: str | None, keeper: str | None, stages: dict[str, Any]) -> Link:
    """The commit on which the model was trained; where the tree was changed, the one that kept those changes."""
    if commit is None:
        return Link("code", "unknown", "the version has no tag git_commit")
    if not versions.exists(commit):
        return Link("code", commit, "this repository has no such commit: `git fetch --all`")
    named = f"commit {commit[:12]} “{versions.subject(commit)}”"
    changed = _changed(commit, stages)
    if not changed:
        return Link("code", named)
    if not _changed(keeper, stages):
        return Link("code", f"{named} with changes, kept by {_called(keeper)}")
    return Link("code", named, f"dvc.lock of {_called(keeper)} names another {changed[0]} than either holds")


def _changed(revision: str | None, stages: dict[str, Any]) -> list[str]:
    """The train stage's own code that is not, at this revision, what its lock says that it ran."""
    deps = [entry for entry in stages.get("train", {}).get("deps", []) if entry["path"].endswith(".py")]
    return [entry["path"] for entry in deps if versions.md5(entry["path"], revision) != entry["md5"]]


def _called(revision: str | None) -> str:
    return revision[:12] if revision else versions.WORKSPACE


def _of_data(
    trained_on: str | None, validation: str | None, revision: str | None, stages: dict[str, Any]
) -> Iterator[Link]:
    if trained_on is None:
        yield Link("trained on", "unknown", "the version has no tag train_md5")
        return
    if not stages:
        problem = "no dvc.lock of this repository names it: was it ever committed? `git fetch --all`"
        yield Link("trained on", f"{TRAINED_ON} MD5 {trained_on}", problem)
        return
    where = f"dvc.lock of {_called(revision)}"
    yield Link("trained on", f"{TRAINED_ON} MD5 {trained_on}, named by {where}", _kept(trained_on))
    raw, checked = (_hash(stages, "preprocess", "deps", path) for path in (RAW, VERDICT))
    if raw is None:
        yield Link("raw data", "unknown", f"{where} does not say what {TRAINED_ON} was made of")
        return
    settings = stages.get("ingest", {}).get("params", {}).get("params.yaml", {}).get("ingest", {})
    yield Link("raw data", f"{RAW} MD5 {raw}, from {settings.get('source', 'an unknown source')}", _kept(raw))
    if checked != validation:
        yield Link("verdict", f"MD5 {checked}", f"{where} names another {VERDICT} than the version, {validation}")


def _keeper(trained_on: str | None, validation: str | None) -> tuple[str | None, dict[str, Any]]:
    """The revision, and its dvc.lock, that names both hashes; else one that names the first, else an empty lock."""
    best: tuple[str | None, dict[str, Any]] = (None, {})
    # The same digits may be kept by many commits; the verdict that came with them is the newer of the two hashes.
    for revision in itertools.chain(*(versions.keepers(md5) for md5 in (validation, trained_on) if md5)):
        stages = versions.lock(revision)
        if _hash(stages, "train", "deps", TRAINED_ON) == trained_on:
            if _hash(stages, "preprocess", "deps", VERDICT) == validation:
                return revision, stages
            best = best if best[1] else (revision, stages)
    return best


def _of_validation(run_id: str, md5: str | None) -> Link:
    if md5 is None:
        return Link("validation", "unknown", "the version has no tag validation_md5")
    path = runs.artifact(run_id, f"validation/{VERDICT.rsplit('/', 1)[-1]}")
    if path is None:
        return Link("validation", f"MD5 {md5}", "the run holds no validation report")
    found = digest(path, "md5")
    if found != md5:
        return Link("validation", f"MD5 {found}", f"the run's report is not the one of the version, {md5}")
    verdict = json.loads(path.read_text(encoding="utf-8"))
    held = [one["success"] for one in verdict["expectations"].values()]
    words = f"{sum(held)} of {len(held)} expectations held for {verdict['pictures']:,} pictures"
    page = runs.artifact(run_id, f"validation/{PAGE}")
    problem = None if page else f"the run holds no {PAGE}"
    return Link("validation", f"{words}, {verdict['quarantined']:,} set aside; MD5 {md5}; page {page}", problem)


def _kept(md5: str) -> str | None:
    return None if versions.in_cache(md5) else "DVC's cache does not hold it: `dvc pull`, or `dvc fetch --all-commits`"


def _hash(stages: dict[str, Any], stage: str, kind: str, path: str) -> str | None:
    for entry in stages.get(stage, {}).get(kind, []):
        if entry["path"] == path:
            return entry.get("md5")
    return None


def show(uri: str) -> None:
    """Print the chain, a line a link. Raises UserError naming what is missing, once all of it is printed."""
    print(uri)
    broken = []
    for link in chain(uri):
        print(f"  {'✗' if link.problem else '✓'} {link.name:<11} {link.found}", flush=True)
        if link.problem:
            print(f"      {link.problem}")
            broken.append(f"{link.name}: {link.problem}")
    if broken:
        raise UserError(f"the chain of {uri} is broken at {len(broken)} of its links:\n" + "\n".join(broken))

"""What the name of a model means: a version of the registry, a run, a DVC experiment or a git revision, in this order.

Where the database of this machine has no such version or run, MLflow is not imported; where a server does not answer,
the name can still be that of an experiment or a revision.
"""

import re
import sys
from functools import cache

from digits import paths
from digits.comparison import models
from digits.comparison.models import Model
from digits.errors import UserError, printable
from digits.tracking import record, registry, runs, store, tags
from digits.tracking.registry import NAME
from digits.vcs import experiments, git, revisions

VERSION = re.compile(rf"(?:models:/)?(?:{NAME}[/@])?(?P<name>[^/@:]+)")
MIN_PREFIX = 6  # characters of a run's id
MAX_LISTED = 10  # runs, or experiments


def find(name: str | None) -> Model:
    """The model that a name means; for None, the one of the working tree.

    Raises UserError where nothing has the name, with a list of what there is, or where several have it.
    """
    if name is None:
        return models.of_revision(None, str(paths.ONNX))
    return _of_version(name) or _of_run(name) or _of_experiment(name) or _of_revision(name)


def _of_version(name: str) -> Model | None:
    parsed = VERSION.fullmatch(name)
    if parsed is None or not _may_be_stored(parsed["name"]):
        return None
    try:
        version = registry.find_named(parsed["name"])
    except UserError:
        return None
    return models.of_version(version)


def _of_run(name: str) -> Model | None:
    if not _may_be_stored(name):
        return None
    with store.wrap_store_errors():
        evaluated = [run for run in _named(name, runs.find_all()) if tags.ONNX in run.data.tags]
        if len(evaluated) > 1:
            raise UserError(f"{printable(name)} means several runs; give the id of one: {_listed(evaluated)}")
        found = [version for run in evaluated for version in registry.find_all(run.data.tags[tags.ONNX])]
    if not found:
        return None
    return models.of_version(next((one for one in found if one.run_id == evaluated[0].info.run_id), found[-1]))


def _named(name: str, everything: "list[runs.Run]") -> "list[runs.Run]":
    """Of runs, those with this name or id, else those whose id begins so."""
    named = [run for run in everything if name in (run.info.run_id, run.info.run_name)]
    return named or [run for run in everything if len(name) >= MIN_PREFIX and run.info.run_id.startswith(name)]


def _of_experiment(name: str) -> Model | None:
    try:
        commits = experiments.commits().get(name, [])
    except git.GitError:  # in no repository
        return None
    if len(commits) > 1:
        short = ", ".join(commit[:12] for commit in commits)
        raise UserError(f"{printable(name)} means several experiments of DVC; give the commit of one: {short}")
    return models.of_revision(commits[0], f"experiment {name}, commit {commits[0][:12]}") if commits else None


def _of_revision(name: str) -> Model:
    try:
        commit = revisions.commit(name)
    except UserError as error:
        raise UserError(
            f"{printable(name)} names no model; tried in this order, with what there is:\n{_known(name, error)}"
        ) from None
    return models.of_revision(commit, f"commit {commit[:12]} “{revisions.subject(commit)}”")


def _may_be_stored(word: str) -> bool:
    """Whether the tracking store has to be queried for a version or a run with this name."""
    database = store.database()
    if database is None:
        return _answers()
    return database.exists() and record.may_name(database, NAME, word)


@cache
def _answers() -> bool:
    try:
        store.connect()
    except UserError as error:
        print(f"no version and no run can be found: {error}", file=sys.stderr)
        return False
    return True


def _known(name: str, error: UserError) -> str:
    """What there is of each kind, a line for each; `error` says why the name is no revision."""
    versions, logged, unregistered = "none", "none", ""
    database = store.database()
    if _answers() if database is None else database.exists():
        with store.wrap_store_errors():
            numbers = store.connect().search_model_versions(f"name = '{NAME}'", order_by=["version_number ASC"])
            found = [registry.get_version(one.version) for one in numbers]
            versions = ", ".join(" = ".join([one.number, *one.aliases]) for one in found) or "none"
            everything = runs.find_all()
            logged = _listed([run for run in everything if tags.ONNX in run.data.tags]) or "none"
            unregistered = _listed(_named(name, everything))
    try:
        named = list(experiments.commits())
    except git.GitError:
        named = []
    shown = ", ".join(named[-MAX_LISTED:]) or "none"
    kinds = {"versions and aliases": versions, "evaluated runs": logged, "experiments of DVC": shown}
    if unregistered:
        kinds["runs of this name, without a version in the registry"] = unregistered
    return "\n".join([*(f"  {kind}: {found}" for kind, found in kinds.items()), f"  git: {error}"])


def _listed(found: "list[runs.Run]") -> str:
    named = [f"{run.info.run_id[:12]} “{printable(run.info.run_name)}”" for run in found[:MAX_LISTED]]
    return ", ".join(named) + (f" and {len(found) - MAX_LISTED:,} more" if len(found) > MAX_LISTED else "")

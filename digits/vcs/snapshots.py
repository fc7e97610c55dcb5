"""The metrics, parameters and stages of a revision, from the small files that git keeps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from digits import paths
from digits.errors import UserError
from digits.params import flatten
from digits.vcs import dvc_files, revisions


class Snapshot(NamedTuple):
    """`metrics` by stage and key, as `evaluate.test.accuracy`, `params` by key, as `train.epochs`, and `stages`, what
    dvc.lock has of each.
    """

    metrics: dict[str, Any]
    params: dict[str, Any]
    stages: dict[str, dict[str, Any]]


class StageChange(NamedTuple):
    """What differs of a stage: the paths of its outputs, those of its inputs, params.yaml among them, and the stages
    whose outputs differ and are inputs too. Without any of these, another kind of machine gave other bytes.
    """

    outputs: list[str]
    inputs: list[str]
    earlier: list[str]


def read(revision: str | None) -> Snapshot:
    """Read a revision (None: the working tree). Raises UserError where a file has no keys with values."""
    files = (paths.VALIDATION, paths.TRAINING, paths.EVALUATION)
    metrics = {path.stem: _read(path, revision, json.loads) for path in files}
    params = _read(paths.PARAMS, revision, yaml.safe_load)
    return Snapshot(flatten(metrics), flatten(params), dvc_files.lock(revision))


def changed_stages(before: Snapshot, after: Snapshot) -> dict[str, StageChange]:
    """The stages with an output that differs or that one side lacks, in the order of dvc.lock."""
    names = {**after.stages, **before.stages}
    stages = {name: [snapshot.stages.get(name, {}) for snapshot in (before, after)] for name in names}
    writers = {path: name for name in names for stage in stages[name] for path in _hashes(stage, "outs")}
    outputs = {name: differing(*(_hashes(stage, "outs") for stage in stages[name])) for name in names}
    changes = {}
    for name in filter(outputs.__getitem__, names):
        inputs = differing(*({**_hashes(stage, "deps"), **stage.get("params", {})} for stage in stages[name]))
        written = {path: _writer(path, writers) for path in inputs}
        # An input that only one side lists differs too, also where the stage that writes it gave the same.
        earlier = {path: writer for path, writer in written.items() if writer and outputs[writer]}
        others = [path for path in inputs if path not in earlier]
        changes[name] = StageChange(outputs[name], others, [*dict.fromkeys(earlier.values())])
    return changes


def _writer(path: str, writers: dict[str, str]) -> str | None:
    """The stage that writes a path, or a folder around it."""
    return next((writers[one] for one in (path, *map(str, Path(path).parents)) if one in writers), None)


def _hashes(stage: dict[str, Any], kind: str) -> dict[str, str | None]:
    return {entry["path"]: entry.get("md5") for entry in stage.get(kind, [])}


def differing(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The keys whose values are not the same on both sides, or that one side lacks."""
    return [name for name in {**after, **before} if before.get(name) != after.get(name)]


def _read(path: Path, revision: str | None, parse: Callable[[str], Any]) -> dict[str, Any]:
    """The content of a JSON or YAML file, {} where the revision has none."""
    place = f"{path} of {revision[:12] if revision else revisions.WORKING_TREE}"
    try:
        content = parse(revisions.read_text(path, revision) or "{}")
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{place} can't be read: {error}") from None
    if not isinstance(content, dict):
        raise UserError(f"{place} should have keys with values, and is a {type(content).__name__}")
    return content

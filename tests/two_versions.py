"""A project whose registry has two versions that answer differently, and versions with altered files."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pytest

from digits.cli.servers import REGISTRY_LIMITS
from digits.files import digest
from digits.tracking import record, registry, store, tags
from tests.imports import ROOT
from tests.linear_model import write_constant
from tests.tracking_store import registered_version, registry_in

LABELS = {"1": 3, "2": 7}  # that each version predicts for every digit
OWN = "the file's own hash"


@contextmanager
def two_versions(folder: Path, empty_database: Path) -> Iterator[None]:
    """Make `folder` the project; within the block this process is connected to its registry as `digits serve` is."""
    shutil.copy(ROOT / "params.yaml", folder)
    with pytest.MonkeyPatch.context() as patch, registry_in(folder, empty_database):
        for name, value in REGISTRY_LIMITS.items():
            patch.setenv(name, value)
        first, second = (write_constant(folder / f"always_{label}.onnx", label) for label in LABELS.values())
        registered_version(first)
        register_altered(folder / "second", lambda path: shutil.copy(second, path), **{tags.ONNX: OWN})
        promote("1")
        yield


def promote(number: str) -> None:
    """Set the alias as a user does: by MLflow's API."""
    store.connect().set_registered_model_alias(registry.NAME, registry.CHAMPION, number)


def register_altered(copy: Path, harm: Callable[[Path], object], **more: str | None) -> str:
    """Register the files of version 1, altered, as a version with its tags, but for `more`; returns the number."""
    client = store.connect()
    original = client.get_model_version(registry.NAME, "1")
    shutil.copytree(mlflow.artifacts.download_artifacts(artifact_uri=original.source), copy)
    path = copy / record.FILE
    harm(path)
    found = {**original.tags, **{key: digest(path, "sha256") if value == OWN else value for key, value in more.items()}}
    known = {key: value for key, value in found.items() if value is not None}
    return str(client.create_model_version(registry.NAME, str(copy), original.run_id, tags=known).version)

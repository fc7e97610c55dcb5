"""Versions of the registry on their way to the local copy: downloaded, checked, and asked for a known digit."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from digits.errors import UserError
from digits.serving import local_copy
from digits.serving.service import ServedModel
from digits.tracking import causes, certificate, registry, store, tags, version_checks
from digits.tracking.registry import UnusableVersionError, Version

FIGURES = (
    *("test_accuracy", "test_log_loss", "test_ece", "test_coverage", "test_error_when_accepted"),
    *("auroc_worst", "corruption_error_mean", "font_accuracy", "test_worst_slice_accuracy"),
)
LINEAGE = ("git_commit", tags.SOURCES, "train_md5", tags.VALIDATION_SPLIT, tags.TEST_SPLIT, tags.NETWORK, tags.PICTURES)
Result = TypeVar("Result")


def fetch(version: Version, folder: Path, name: str) -> None:
    """Make a version the local copy with this name. Raises UnusableVersionError where it does not pass the checks.

    Raises UserError where the registry does not answer, OSError where the copy can't be written.
    """
    with downloads_removed():
        path = version_checks.checked_file(version)
        run = ask(store.connect().get_run, version.run_id)
        try:
            description = describe(version, run.data.metrics)
            ServedModel(local_copy.LocalCopy(path, description))
        except UserError as error:
            raise UnusableVersionError(str(error)) from None
        except (KeyError, ValueError) as error:
            raise UnusableVersionError(f"its tags are damaged: {error!r}") from None
        local_copy.write(folder, path, description, name)


@contextmanager
def downloads_removed() -> Iterator[None]:
    """Remove what MLflow downloads within the block: it makes a temporary folder for each download, and keeps it."""
    with tempfile.TemporaryDirectory(prefix="digits-download-") as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def ask(function: Callable[..., Result], *arguments: Any) -> Result:
    """What a call to the registry returns. Raises UserError that names the cause where that fails."""
    try:
        return function(*arguments)
    except Exception as error:  # of MLflow, the database's driver or the network; or nonsense that can't be read
        raise UserError(causes.message(error, store.redacted_uri())) from None


def describe(version: Version, metrics: dict[str, float]) -> dict[str, Any]:
    """What `GET /v1/model` answers about a version, without the registry's state: nothing of this machine is in it."""
    return {
        "name": registry.NAME,
        "version": version.number,
        "sha256": version.tags[tags.ONNX],
        "figures": {name: metrics[name] for name in FIGURES if name in metrics},
        "certificate": certificate.described(version),
        "lineage": {"run_id": version.run_id, **{tag: version.tags[tag] for tag in LINEAGE if tag in version.tags}},
    }

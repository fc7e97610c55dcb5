"""The files of a registered version, checked before anything loads them: what a registry holds is never executed."""

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from digits import addresses
from digits.errors import UserError, printable
from digits.tracking import causes, model_files, registry, store, tags
from digits.tracking.record import DESCRIPTION, FILE
from digits.tracking.registry import UnusableVersionError, Version

if TYPE_CHECKING:
    from digits.model.classifier import Classifier

MAX_BYTES = 100 * 2**20  # fifty times the largest preset: a larger file is none of this project's models
LOADER = "mlflow.onnx"
# All that MLflow's description of an ONNX model may say; anything else names code or settings that loading would run.
ONNX_KEYS = {"code", "data", "onnx_version", "providers", "onnx_session_options"}
PYFUNC_KEYS = {"loader_module", "python_version", "data", "env"}
PROVIDERS = {"CUDAExecutionProvider", "CPUExecutionProvider"}


def load_classifier(version: Version) -> "Classifier":
    """The model of a version, checked and loaded. Raises UnusableVersionError, or UserError where the store fails."""
    return load_checked(version, checked_file(version))


def load_checked(version: Version, path: Path) -> "Classifier":
    """The model in a version's file that `checked_file` has checked. Raises UnusableVersionError."""
    from digits.model.classifier import Classifier

    try:
        return Classifier(path)
    except UserError as error:
        raise _unusable(version, str(error)) from None


def checked_file(version: Version) -> Path:
    """A version's ONNX file on this machine, after all checks. Raises UnusableVersionError that names what is wrong.

    Its SHA-256 is the one that the version was registered with, and MLflow's description of it, by which MLflow's
    own server loads it, names nothing but this file and MLflow's loader of ONNX files. A file that is missing is put
    back where a copy of it is left.
    """
    store.connect()
    if tags.ONNX not in version.tags:
        raise _unusable(version, f"it is no model of this project (no tag {tags.ONNX})")
    with store.wrap_store_errors():
        size = _size(version)
        if size > MAX_BYTES:
            raise _unusable(version, f"its files have {size:,} bytes, more than {MAX_BYTES:,}")
        path = model_files.provide(version)
    problem = _description_problem(path.with_name(DESCRIPTION))
    if problem:
        raise _unusable(version, f"its {DESCRIPTION} {problem}")
    return path


def served(version: Version) -> str:
    """The folder of a version's files, on this machine, for MLflow's scoring server: those that were checked.

    Where its path has characters that an address escapes it is a copy in a temporary folder: the server would escape
    them twice.
    """
    path = checked_file(version)
    load_checked(version, path)
    folder = path.parent
    if addresses.is_plain(str(folder)):
        return str(folder)
    return str(shutil.copytree(folder, Path(tempfile.mkdtemp(prefix="digits-serve-")) / "model"))


def is_intact(version: Version) -> bool:
    """Whether the version's files pass the checks. Raises UserError where the store fails."""
    try:
        checked_file(version)
    except UnusableVersionError:
        return False
    return True


def _size(version: Version) -> int:
    """The bytes of a version's files; 0 where the store has none."""
    from mlflow.artifacts import list_artifacts

    found = causes.found_or_none(lambda: list_artifacts(artifact_uri=version.uri)) or []
    return sum(one.file_size or 0 for one in found)


def _description_problem(path: Path) -> str | None:
    """What MLflow's description of a model has that the description of an ONNX model of this project has not."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        flavors = content["flavors"]
        onnx, pyfunc = flavors.get("onnx"), flavors.get("python_function")
        if flavors.keys() != {"onnx", "python_function"}:
            return f"has the flavors {', '.join(map(printable, flavors))}, not onnx and python_function"
        wrong = {
            "code": bool(onnx.get("code") or content.get("code")),
            "data": (onnx.get("data"), pyfunc.get("data")) != (FILE, FILE),
            "loader_module": pyfunc.get("loader_module") != LOADER,
            "providers": not PROVIDERS.issuperset(onnx.get("providers") or ()),
            "onnx_session_options": bool(onnx.get("onnx_session_options")),
            **dict.fromkeys(onnx.keys() - ONNX_KEYS, True),
            **dict.fromkeys(pyfunc.keys() - PYFUNC_KEYS, True),
        }
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
        return f"can't be read: {type(error).__name__} {printable(error)}"
    found = [printable(key) for key, is_wrong in wrong.items() if is_wrong]
    return f"has settings that this project never writes: {', '.join(found)}" if found else None


def _unusable(version: Version, problem: str) -> UnusableVersionError:
    return UnusableVersionError(
        f"version {version.number} of the model {registry.NAME} can't be used: {problem}; `make register` registers "
        "the model in models/, and `digits promote VERSION` makes another version champion"
    )

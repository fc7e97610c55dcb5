"""The files of a logged model: whether the store has the ONNX file whose hash is recorded, and bringing it back."""

import sys
import tempfile
from collections.abc import Iterator
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np

from digits import addresses, paths
from digits.data.stacks import DIGIT_SIZE
from digits.files import digest
from digits.tracking import causes, store, tags
from digits.tracking.record import DESCRIPTION, FILE
from digits.tracking.registry import NAME, UnusableVersionError, Version
from digits.vcs import dvc_files, revisions


def provide(version: Version) -> Path:
    """The ONNX file of a version, checked against its hash; where the store lacks it, brought back.

    The bytes are looked for in models/, then in DVC's cache. Raises UnusableVersionError where neither has them.
    """
    source = str(store.connect().get_model_version(NAME, version.number).source)
    expected = version.tags[tags.ONNX]
    found = stored(source)
    if found is not None and digest(found, "sha256") == expected:
        return found
    state = "is missing" if found is None else f"was altered: its SHA-256 is {digest(found, 'sha256')}"
    model_id = source.removeprefix("models:/")
    original = next((path for path in _copies(version) if digest(path, "sha256") == expected), None)
    if original is None or model_id == source or not _is_logged(model_id):
        raise UnusableVersionError(
            f"{FILE} of version {version.number} of {NAME} {state} in the tracking store "
            f"{store.redacted_uri()}, and no file with its SHA-256 {expected} is in models/ or DVC's cache: "
            f"{_recovery(version)}"
        )
    restore(model_id, original)
    print(f"{FILE} of version {version.number} {state}: put back from {original}", file=sys.stderr, flush=True)
    return stored(source) or original


def stored(source: str) -> Path | None:
    """The ONNX file of the model at an address of MLflow's, on this machine; None where the store has none."""
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    try:
        path = Path(download_artifacts(artifact_uri=source)) / FILE
    except (MlflowException, FileNotFoundError) as error:
        if causes.is_missing(error) or "No such" in str(error):
            return None
        raise
    return path if path.is_file() else None


def is_whole(model: Any, sha256: str) -> bool:
    """Whether the store has the ONNX file of a logged model, with this hash, and its description."""
    folder = addresses.file_path(model.artifact_location)
    found = stored(f"models:/{model.model_id}")
    described = folder is None or (folder / DESCRIPTION).is_file()
    return described and found is not None and digest(found, "sha256") == sha256


def options(onnx_file: Path) -> dict[str, Any]:
    """What MLflow is told about an ONNX file of ours, for `mlflow.onnx`: among it the names and types of its outputs.

    The model takes (n, 28, 28) uint8 canonical digits.
    """
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import Schema, TensorSpec

    graph = onnx.load(onnx_file)
    return {
        "onnx_model": graph,
        "signature": ModelSignature(
            inputs=Schema([TensorSpec(np.dtype(np.uint8), (-1, DIGIT_SIZE, DIGIT_SIZE))]),
            outputs=Schema([_tensor_spec(one) for one in graph.graph.output]),
        ),
        "onnx_execution_providers": ["CPUExecutionProvider"],
        "input_example": np.zeros((1, DIGIT_SIZE, DIGIT_SIZE), np.uint8),
        "pip_requirements": [f"{name}=={installed(name)}" for name in ("mlflow", "numpy", "onnx", "onnxruntime")],
        "save_as_external_data": False,  # one file
    }


def restore(model_id: str, onnx_file: Path) -> None:
    """Write the files of a logged model again, from its ONNX file."""
    import mlflow
    from mlflow.models import Model

    client = store.connect()
    known = client.get_logged_model(model_id)
    described = Model(run_id=known.source_run_id, model_id=model_id, artifact_path=known.artifact_location)
    with tempfile.TemporaryDirectory() as folder:
        mlflow.onnx.save_model(path=f"{folder}/model", mlflow_model=described, **options(onnx_file))
        client.log_model_artifacts(model_id, f"{folder}/model")


def _tensor_spec(output: Any) -> Any:
    """An output of an ONNX graph, whose first dimension is the digits, as MLflow describes it."""
    from mlflow.types import TensorSpec
    from onnx.helper import tensor_dtype_to_np_dtype

    tensor = output.type.tensor_type
    shape = (-1, *(one.dim_value for one in tensor.shape.dim[1:]))
    return TensorSpec(tensor_dtype_to_np_dtype(tensor.elem_type), shape, output.name)


def _copies(version: Version) -> Iterator[Path]:
    """Files that may be the version's: models/digits.onnx, and what DVC's cache has of it where its data were used."""
    if (here := paths.project_root() / paths.ONNX).is_file():
        yield here
    train = version.tags.get(tags.TRAIN_SPLIT)
    for revision in dvc_files.revisions_with(train) if train else ():
        for output in dvc_files.outputs(revision):
            if output["path"] == paths.ONNX.as_posix() and (cached := dvc_files.cached_file(output["md5"])) is not None:
                yield cached


def _is_logged(model_id: str) -> bool:
    return causes.found_or_none(lambda: store.connect().get_logged_model(model_id)) is not None


def _recovery(version: Version) -> str:
    if tags.SPLIT_RULE not in version.tags:
        return "version 0.2 or earlier of this project registered it, and `dvc repro` registers a new one"
    commit = version.tags.get(tags.COMMIT, "")[:12]
    where = (
        f"`git checkout {commit} && dvc repro`"
        if commit and commit != revisions.NO_GIT
        else "`dvc repro` at the commit that trained it"
    )
    return f"{where} brings it back, or makes the model anew; `dvc pull` first, where a remote has it"

"""A model repository for Triton Inference Server, or any server that reads one.

https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_repository.html
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/user_guide/model_configuration.html
"""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from digits.data.dataset import LABELS
from digits.export import folders, tensors
from digits.export.tensors import Tensor, Tensors
from digits.visualization import markdown

NAME = "digits"  # of the model, and of its folder
ONNX_FILE, LABEL_FILE = "model.onnx", "labels.txt"
MAX_BATCH = 256  # digits computed together: larger batches are no faster: docs/reference/benchmarks/serving.md
WARM_UP = (1, MAX_BATCH)  # digits: the first call of each size allocates
MAX_DELAY = 500  # microseconds that a request waits for others: a digit alone takes as long


class ExportedModel(NamedTuple):
    """A registered version to export: its checked ONNX file, its number, and its SHA-256."""

    file: Path
    version: str
    sha256: str


def write(folder: Path, model: ExportedModel, instances: int) -> None:
    """Write the repository to `folder`, with so many instances of the model, each with a thread.

    Raises UserError where the folder has anything else.
    """
    found = tensors.read(model.file)
    with folders.replace(folder, {"format": "triton", "version": model.version, "sha256": model.sha256}) as temporary:
        write_repository(temporary, model, found, instances)
        content = {"tensors": found, "model": model, "max_batch": MAX_BATCH, "service": None}
        markdown.write(temporary / "README.md", "export.md", **content)


def write_repository(folder: Path, model: ExportedModel, found: Tensors, instances: int) -> None:
    """Write the model's own folder of a repository into `folder`."""
    own = folder / NAME
    (own / model.version).mkdir(parents=True)
    shutil.copyfile(model.file, own / model.version / ONNX_FILE)
    (own / "config.pbtxt").write_text(config(model, found, instances), encoding="utf-8")
    (own / LABEL_FILE).write_text("".join(f"{label}\n" for label in LABELS), encoding="utf-8")


def config(model: ExportedModel, found: Tensors, instances: int) -> str:
    """The content of config.pbtxt: a `ModelConfig` in protobuf's text format."""
    parameters = {
        "intra_op_thread_count": "1",  # of ONNX Runtime: requests at the same time use the cores
        "sha256": model.sha256,
    }
    lines = [
        f'name: "{NAME}"',
        'backend: "onnxruntime"',
        f"max_batch_size: {MAX_BATCH}",
        *(f"input {{ {_tensor(one)} }}" for one in found.inputs),
        *(f"output {{ {_tensor(one)}{_labels(one)} }}" for one in found.outputs),
        f"version_policy {{ specific {{ versions: [ {model.version} ] }} }}",
        f"instance_group {{ count: {instances} kind: KIND_CPU }}",
        f"dynamic_batching {{ max_queue_delay_microseconds: {MAX_DELAY} }}",
        *(_warm_up(size, found.inputs) for size in WARM_UP),
        *(f'parameters {{ key: "{key}" value {{ string_value: "{value}" }} }}' for key, value in parameters.items()),
    ]
    return "".join(f"{line}\n" for line in lines)


def _tensor(one: Tensor) -> str:
    """A number for each digit has no shape of its own: Triton wants one, and `reshape` says what the model has."""
    reshape = "" if one.shape else " reshape { shape: [ ] }"
    return f"name: {json.dumps(one.name)} {_kind(one)}{reshape}"


def _kind(one: Tensor) -> str:
    dims = ", ".join(map(str, one.shape or (1,)))
    return f"data_type: TYPE_{one.datatype} dims: [ {dims} ]"


def _labels(one: Tensor) -> str:
    return f' label_filename: "{LABEL_FILE}"' if one.shape == (len(LABELS),) else ""


def _warm_up(size: int, inputs: list[Tensor]) -> str:
    content = " ".join(
        f"inputs {{ key: {json.dumps(one.name)} value {{ {_kind(one)} zero_data: true }} }}" for one in inputs
    )
    return f'model_warmup {{ name: "{size}" batch_size: {size} {content} }}'

"""The inputs and outputs of an ONNX file, as the Open Inference Protocol names their types."""

from pathlib import Path
from typing import Any, NamedTuple

from digits.errors import UserError, printable

# Of the models of this project, by the names of ONNX's TensorProto.DataType
DATATYPES = {"UINT8": "UINT8", "FLOAT": "FP32", "BOOL": "BOOL"}


class Tensor(NamedTuple):
    """An input or output: its name, its datatype such as FP32, and its shape for one digit, without the batch."""

    name: str
    datatype: str
    shape: tuple[int, ...]


class Tensors(NamedTuple):
    """All inputs and outputs of a model, in the order of the file."""

    inputs: list[Tensor]
    outputs: list[Tensor]


def read(path: Path) -> Tensors:
    """Read them from an ONNX file. Raises UserError where it takes a fixed number of digits, or is no ONNX file."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        graph = onnx.load(path, load_external_data=False).graph
    except DecodeError as error:
        raise UserError(f"{printable(path)} can't be read as an ONNX model: {error}") from None
    constants = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    return Tensors([_tensor(one) for one in inputs], [_tensor(one) for one in graph.output])


def _tensor(described: Any) -> Tensor:
    from onnx import TensorProto

    kind = described.type.tensor_type
    kind_name = TensorProto.DataType.Name(kind.elem_type)
    dims = list(kind.shape.dim)
    if not dims or dims[0].HasField("dim_value"):
        raise UserError(f"{printable(described.name)} has no variable first dimension: expected any number of digits")
    if kind_name not in DATATYPES:
        raise UserError(f"{printable(described.name)} has the type {kind_name}: expected one of {', '.join(DATATYPES)}")
    variable = [place for place, one in enumerate(dims[1:], 2) if not one.HasField("dim_value")]
    if variable:
        raise UserError(
            f"{printable(described.name)} has a variable dimension {variable[0]} of {len(dims)}: "
            "expected only the first one, of digits, to be variable"
        )
    return Tensor(described.name, DATATYPES[kind_name], tuple(one.dim_value for one in dims[1:]))

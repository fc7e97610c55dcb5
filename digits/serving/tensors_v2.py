"""From the body of an inference request to canonical digits, and from the outputs to the body of the response.

A body is JSON, or JSON with the raw bytes of tensors behind it; a header says how long the JSON is then.
"""

import re
from typing import Any, NamedTuple

import numpy as np
import orjson
from pydantic import ValidationError

from digits.data.stacks import DIGIT_SIZE
from digits.model.classifier import INPUTS, OUTPUTS_1, OUTPUTS_2, Classifier, Predictions
from digits.serving import uploads
from digits.serving.problems import ProblemError
from digits.serving.schemas_v2 import InferRequest, RequestInput

JSON_LENGTH = "Inference-Header-Content-Length"
MAX_OBJECTS = 100  # of a request: one for each tensor, and one for its parameters
DATATYPES = {"tensor(uint8)": "UINT8", "tensor(float)": "FP32", "tensor(bool)": "BOOL"}


class Body(NamedTuple):
    """The body of a response; `json_length` where bytes follow the JSON, else None."""

    content: bytes
    json_length: int | None


def inputs() -> list[dict[str, Any]]:
    """The model's input: its name, datatype and shape, with -1 for the number of digits."""
    return [_described(*one) for one in INPUTS]


def outputs(classifier: Classifier) -> list[dict[str, Any]]:
    """The model's outputs, as `inputs`."""
    kinds = {name: (kind, shape) for name, kind, shape in (OUTPUTS_2 if classifier.acceptance else OUTPUTS_1)}
    return [_described(name, *kinds[name]) for name in Predictions._fields if name in kinds]


def _described(name: str, kind: str, shape: list[int]) -> dict[str, Any]:
    return {"name": name, "datatype": DATATYPES[kind], "shape": [-1, *shape]}


def read(body: bytes, json_length: str | None, max_digits: int) -> tuple[InferRequest, np.ndarray]:
    """The request and its (n, 28, 28) uint8 digits. Raises a ProblemError: 400, or 413 for more than `max_digits`."""
    length = len(body) if json_length is None else _length(json_length, len(body))
    # Parsed, a short value, with a comma after it, takes some fifty times its bytes, and an object more
    commas, objects = (body.count(one, 0, length) for one in (b",", b"{"))
    if commas > max_digits * DIGIT_SIZE**2 + uploads.OTHER_COMMAS or objects > MAX_OBJECTS:
        raise ProblemError(413, f"the JSON has far more values than {max_digits:,} digits need")
    try:
        request = InferRequest.model_validate_json(body[:length])
    except ValidationError as error:
        raise ProblemError(400, uploads.describe(error)) from None
    return request, _digits(request.inputs[0], body[length:], max_digits)


def _length(text: str, longest: int) -> int:
    if not re.fullmatch(r"\d{1,12}", text, re.ASCII) or int(text) > longest:
        raise ProblemError(400, f"{JSON_LENGTH} is {text[:20]!r}; expected a number up to {longest}, the body's length")
    return int(text)


def _digits(tensor: RequestInput, binary: bytes, max_digits: int) -> np.ndarray:
    shape, size = tuple(tensor.shape), tensor.parameters.binary_data_size
    if shape[1:] != (DIGIT_SIZE, DIGIT_SIZE) or shape[0] < 0:
        raise ProblemError(400, f"{tensor.name} has the shape {tensor.shape[:9]}; expected [n, 28, 28]")
    if shape[0] > max_digits:
        raise uploads.too_many(max_digits)
    if (tensor.data is None) == (size is None):
        raise ProblemError(400, f"{tensor.name} needs either data or the parameter binary_data_size")
    if (size or 0) != len(binary):
        raise ProblemError(400, f"{len(binary):,} bytes follow the JSON; expected {size or 0:,}, the binary_data_size")
    pixels = _whole(tensor) if size is None else np.frombuffer(binary, np.uint8)
    if pixels.shape not in (shape, (shape[0] * DIGIT_SIZE**2,)):
        found = "x".join(map(str, pixels.shape))
        raise ProblemError(400, f"{tensor.name} has {found} values; expected those of its shape {tensor.shape}")
    return pixels.reshape(shape)


def _whole(tensor: RequestInput) -> np.ndarray:
    """The pixel values of JSON, flat or nested, as uint8."""
    try:
        values = np.array(tensor.data, float)
    except ValueError:
        raise ProblemError(400, f"the lists in the data of {tensor.name} have different lengths") from None
    pixels = values.astype(np.uint8)
    if (pixels != values).any():
        found = values[pixels != values][0]
        raise ProblemError(400, f"{tensor.name} has the value {found:g}; expected whole numbers from 0 to 255")
    return pixels


def write(request: InferRequest, classifier: Classifier, predictions: Predictions, name: str, version: str) -> Body:
    """The response with the outputs that are requested. Raises a ProblemError, 400, for one that there isn't."""
    known = {one["name"]: one for one in outputs(classifier)}
    default = request.parameters.binary_data_output
    wanted = {one.name: one.parameters.binary_data for one in request.outputs or []} or dict.fromkeys(known)
    if not wanted.keys() <= known.keys() or len(wanted) < len(request.outputs or []):
        raise ProblemError(400, f"outputs: expected some of {', '.join(known)}, each once")
    tensors, behind = [], []
    for output, in_binary in wanted.items():
        values = getattr(predictions, output)
        tensor = {**known[output], "shape": values.shape}
        if default if in_binary is None else in_binary:
            behind.append(values.tobytes())
            tensor["parameters"] = {"binary_data_size": values.nbytes}
        else:
            tensor["data"] = values.ravel()
        tensors.append(tensor)
    echoed = {} if request.id is None else {"id": request.id}
    content = {**echoed, "model_name": name, "model_version": version, "outputs": tensors}
    text = orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)
    return Body(b"".join([text, *behind]), len(text) if behind else None)

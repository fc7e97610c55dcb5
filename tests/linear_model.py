"""ONNX models of one linear layer, in the form that the pipeline's have: trained in no time, or constant."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from digits.data.dataset import NO_DIGIT, Digits
from digits.model.acceptance import Acceptance, add_outputs, set_constants

RIDGE = 100  # the best of 10, 50, 100 and 200 for 1,500 digits: 85 % of others are classified rightly
SHARPNESS = 10  # of the logits: most probabilities are between 30 and 99 %


def write(
    path: Path,
    weights: np.ndarray,
    bias: np.ndarray,
    acceptance: Acceptance | None = Acceptance(),  # noqa: B008 - it is immutable
) -> Path:
    """Write the model with these (784, 11) weights and (11,) biases; None makes a file of contract 1."""
    constants = {"shape": np.array([-1, 28 * 28]), "weights": weights, "bias": bias}
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["floats", "shape"], ["rows"]),
        helper.make_node("Gemm", ["rows", "weights", "bias"], ["classes"]),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 28, 28])
    tensors = [numpy_helper.from_array(_as_float32(value), name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "linear", [images], [], tensors)
    add_outputs(graph, "classes")
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    set_constants(model, acceptance or Acceptance())
    if acceptance is None:
        del model.metadata_props[:], model.graph.output[2:]
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def write_constant(
    path: Path,
    label: int,
    acceptance: Acceptance | None = Acceptance(),  # noqa: B008 - it is immutable
) -> Path:
    """Write a model that predicts one label, with 91 %, for every digit; its outlier score is log(0.5) = -0.69."""
    classes = np.full(NO_DIGIT + 1, 0.01)
    classes[[label, NO_DIGIT]] = 0.91, 0.5
    return write(path, np.zeros((28 * 28, NO_DIGIT + 1)), np.log(classes), acceptance)


def train(digits: Digits, path: Path) -> Path:
    """Fit ten or eleven classes, labels 0 to NO_DIGIT, by least squares with a ridge, and write the model."""
    rows = np.column_stack([digits.images.reshape(-1, 28 * 28) / 255, np.ones(len(digits.labels))])
    targets = SHARPNESS * np.eye(NO_DIGIT + 1)[digits.labels]
    solved = np.linalg.solve(rows.T @ rows + RIDGE * np.eye(rows.shape[1]), rows.T @ targets)
    return write(path, solved[:-1] / 255, solved[-1])


def _as_float32(value: np.ndarray) -> np.ndarray:
    return value if value.dtype == np.int64 else value.astype(np.float32)

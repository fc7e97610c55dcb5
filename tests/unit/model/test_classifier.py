"""The classifier: one ONNX Runtime session, for any number of digits."""

import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from digits.errors import UserError
from digits.model.classifier import BATCH, Classifier
from tests.imports import ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An ONNX file whose logits are 0, 1, … 9 times the mean of the first row of pixels."""
    constants = {"shape": np.array([-1, 784]), "weights": np.zeros((784, 10), np.float32)}
    constants["weights"][:28] = np.arange(10, dtype=np.float32) / 28
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["images"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Reshape", ["floats", "shape"], ["flat"]),
            helper.make_node("MatMul", ["flat", "weights"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ],
        "linear",
        [helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", 28, 28])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 10]) for name in ("probabilities", "logits")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    path = tmp_path_factory.mktemp("model") / "linear.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


@pytest.mark.parametrize(
    ("side", "name", "value"),
    [
        ("input", "images", "pictures"),
        ("output", "logits", "scores"),
        ("input", "shape", 32),
        ("input", "type", "FLOAT"),
    ],
)
def test_a_model_with_other_inputs_or_outputs_is_refused(model, tmp_path, side, name, value):
    """Else a digit would end in a traceback, or in the answer of another model."""
    other = onnx.load(model)
    found = other.graph.input[0]
    match name:
        case "shape":
            found.type.tensor_type.shape.dim[1].dim_value = found.type.tensor_type.shape.dim[2].dim_value = value
        case "type":
            found.type.tensor_type.elem_type = getattr(TensorProto, value)
        case _:
            for node in other.graph.node:
                node.input[:] = [value if one == name else one for one in node.input]
                node.output[:] = [value if one == name else one for one in node.output]
            (changed,) = [one for one in getattr(other.graph, side) if one.name == name]
            changed.name = value
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(UserError, match=r"other\.onnx (takes .* and gives .*; expected|can't be loaded)"):
        Classifier(tmp_path / "other.onnx")


@pytest.mark.parametrize("count", [0, 1, 3, BATCH, BATCH + 1, 2 * BATCH + 7])
def test_any_number_of_digits_is_classified_in_their_order(model, count):
    images = np.zeros((count, 28, 28), np.uint8)
    images[:, 0] = (np.arange(count) % 5)[:, None]
    predictions = Classifier(model).predict(images)
    assert predictions.logits.dtype == predictions.probabilities.dtype == np.float32
    assert predictions.logits.shape == predictions.probabilities.shape == (count, 10)
    assert np.allclose(predictions.logits, np.outer(np.arange(count) % 5, np.arange(10)), atol=1e-4)
    exponentials = np.exp(predictions.logits.astype(np.float64))
    assert np.allclose(predictions.probabilities, exponentials / exponentials.sum(axis=1, keepdims=True), atol=1e-6)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(UserError, match=re.escape(f"{tmp_path}/none.onnx") + ".*no such file"):
        Classifier(tmp_path / "none.onnx")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08"])
def test_a_file_that_is_no_model_is_named(tmp_path, content):
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(str(path))):
        Classifier(path)


def test_classifying_imports_no_training_library():
    code = "import digits.model.classifier, sys; print({'tensorflow', 'keras', 'jax', 'mlflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

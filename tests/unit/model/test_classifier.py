"""The classifier: one ONNX Runtime session, for any number of digits; files of contract 1 and 2, and refusals."""

import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from digits.errors import UserError
from digits.model.acceptance import Acceptance
from digits.model.classifier import BATCH, Classifier
from tests.imports import ROOT


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """An ONNX file of contract 1 whose logits are 0, 1, … 9 times the mean of the first row of pixels."""
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


IMAGES = np.zeros((2, 28, 28), np.uint8)


def test_a_file_of_contract_1_accepts_everything(model):
    classifier = Classifier(model)
    found = classifier.predict(IMAGES)
    assert classifier.acceptance is None
    assert np.isnan(found.score).all() and found.accepted.tolist() == [True, True]
    assert classifier.refusal_reasons(found) == [None, None]
    found = classifier.predict(IMAGES, min_probability=0.2)
    assert classifier.refusal_reasons(found, 0.2) == ["probability 10.0% is below 20.0%"] * 2


@pytest.mark.parametrize("count", [0, 1, BATCH + 1])
def test_a_file_of_contract_2_has_four_outputs(constant_model, count):
    found = Classifier(constant_model(3)).predict(np.zeros((count, 28, 28), np.uint8))
    assert [one.shape for one in found] == [(count, 10), (count, 10), (count,), (count,)]
    assert [one.dtype for one in found] == [np.float32, np.float32, np.float32, bool]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("digits_contract", "3", r"digits_contract 3, .* reads up to 2: a newer version wrote it; update the project"),
        ("max_score", "high", "expected numbers as inverse_temperature, min_probability, max_score"),
        ("inverse_temperature", "0", "expected numbers as"),
        ("min_probability", None, "expected numbers as"),
        ("digits_contract", None, "takes .* and gives .*; expected"),  # contract 1 has two outputs
    ],
)
def test_metadata_that_can_not_be_used_are_named(constant_model, tmp_path, key, value, words):
    other = onnx.load(constant_model(3))
    texts = {one.key: one.value for one in other.metadata_props} | {key: value}
    del other.metadata_props[:]
    helper.set_model_props(other, {name: text for name, text in texts.items() if text is not None})
    onnx.save(other, tmp_path / "other.onnx")
    with pytest.raises(UserError, match=rf"other\.onnx .*{words}"):
        Classifier(tmp_path / "other.onnx")


@pytest.mark.parametrize(
    ("acceptance", "min_probability", "reason"),
    [
        (Acceptance(), 0, None),
        (Acceptance(1, 0.9, 0), 0.5, None),
        (Acceptance(1, 0.9, 0), 0.95, "probability 91.0% is below 95.0%"),
        (Acceptance(1, 0.95, 0), 0, "probability 91.0% is below 95.0%"),
        (Acceptance(1, 0.95, 0), 0.5, "probability 91.0% is below 95.0%"),  # a caller only tightens
        (Acceptance(1, 0.9101, 0), 0, "probability 91.00% is below 91.01%"),
        (Acceptance(1, 0, -0.8), 0, "looks like no digit: outlier score -0.7 is above -0.8"),
        (Acceptance(1, 0, -0.7), 0, "looks like no digit: outlier score -0.69 is above -0.70"),
        (
            Acceptance(1, 0.95, -1),
            0,
            "looks like no digit: outlier score -0.7 is above -1.0 and probability 91.0% is below 95.0%",
        ),
    ],
)
def test_a_refused_digit_has_its_reason(constant_model, acceptance, min_probability, reason):
    classifier = Classifier(constant_model(3, acceptance))
    found = classifier.predict(IMAGES, min_probability)
    assert found.accepted.tolist() == [reason is None] * 2
    assert classifier.refusal_reasons(found, min_probability) == [reason] * 2


def test_every_refused_digit_has_a_reason_at_the_bounds(constant_model):
    """Python and the ONNX file agree on which float32 meets a bound that is no float32."""
    probability = Classifier(constant_model(3)).predict(IMAGES).probabilities.max()
    for bound in [float(np.nextafter(probability, np.float32(side))) for side in (0, 1)] + [float(str(probability))]:
        classifier = Classifier(constant_model(3, Acceptance(1, bound, 0)))
        found = classifier.predict(IMAGES)
        assert [one == "" for one in classifier.refusal_reasons(found)] == [False, False]
        assert found.accepted[0] == (probability >= np.float32(bound))

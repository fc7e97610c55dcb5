"""Model repositories for Triton, read by Triton's own protobuf; some ms each."""

import json
import re

import numpy as np
import onnx
import onnxruntime
import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton_config

from digits.errors import UserError
from digits.export import tensors, triton
from digits.export.triton import ExportedModel
from digits.files import digest

TYPES = {"tensor(uint8)": "TYPE_UINT8", "tensor(float)": "TYPE_FP32", "tensor(bool)": "TYPE_BOOL"}


@pytest.fixture
def model(constant_model) -> ExportedModel:
    path = constant_model(7)
    return ExportedModel(path, "12", digest(path, "sha256"))


@pytest.fixture
def repository(model, tmp_path):
    triton.write(tmp_path / "repository", model, 3)
    return tmp_path / "repository"


def read_config(repository) -> triton_config.ModelConfig:
    """The configuration, as Triton parses it: an unknown field or value is an error."""
    return text_format.Parse((repository / "digits" / "config.pbtxt").read_text(), triton_config.ModelConfig())


def test_the_repository_has_the_files_that_triton_loads(repository, model):
    files = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    assert files == {
        *("README.md", "export.json", "digits/config.pbtxt", "digits/labels.txt", "digits/12/model.onnx"),
    }
    assert digest(repository / "digits" / "12" / "model.onnx", "sha256") == model.sha256
    assert (repository / "digits" / "labels.txt").read_text().split() == [*map(str, range(10))]


def test_the_tensors_are_those_of_the_file(repository):
    config = read_config(repository)
    session = onnxruntime.InferenceSession(repository / "digits" / "12" / "model.onnx")
    for written, own in ((config.input, session.get_inputs()), (config.output, session.get_outputs())):
        found = {one.name: (triton_config.DataType.Name(one.data_type), [*one.dims]) for one in written}
        assert found == {one.name: (TYPES[one.type], one.shape[1:] or [1]) for one in own}
    # A number for each digit: what Triton shows as (n, 1) is (n,) in the file
    reshaped = {one.name: [*one.reshape.shape] for one in config.output if one.HasField("reshape")}
    assert reshaped == {"score": [], "accepted": []}
    assert {one.name for one in config.output if one.label_filename} == {"probabilities", "logits"}


def test_the_model_takes_any_number_of_digits_up_to_the_largest_batch(repository):
    config = read_config(repository)
    session = onnxruntime.InferenceSession(repository / "digits" / "12" / "model.onnx")
    for count in (1, 2, config.max_batch_size):
        (probabilities,) = session.run(["probabilities"], {"images": np.zeros((count, 28, 28), np.uint8)})
        assert probabilities.shape == (count, 10)


def test_it_says_how_triton_runs_the_model(repository, model):
    config = read_config(repository)
    assert (config.name, config.backend, config.max_batch_size) == ("digits", "onnxruntime", 256)
    assert [*config.version_policy.specific.versions] == [12]
    (group,) = config.instance_group
    assert (group.count, group.kind) == (3, triton_config.ModelInstanceGroup.KIND_CPU)
    assert config.HasField("dynamic_batching")
    assert {one.batch_size: [*one.inputs["images"].dims] for one in config.model_warmup} == {
        1: [28, 28],
        256: [28, 28],
    }
    assert config.parameters["sha256"].string_value == model.sha256
    assert config.parameters["intra_op_thread_count"].string_value == "1"


def test_the_readme_lists_the_tensors_and_its_code_runs(repository):
    text = (repository / "README.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w+) \| n, ([\d, ]+) \|", text, re.MULTILINE)
    assert rows == [
        ("images", "input", "UINT8", "28, 28"),
        ("probabilities", "output", "FP32", "10"),
        ("logits", "output", "FP32", "10"),
        ("score", "output", "FP32", "1"),
        ("accepted", "output", "BOOL", "1"),
    ]
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    compile(code, "README.md", "exec")
    assert "version 12" in text


def test_a_file_without_refusal_has_two_outputs(constant_model, tmp_path):
    path = constant_model(7, None)
    triton.write(tmp_path / "repository", ExportedModel(path, "1", digest(path, "sha256")), 1)
    assert [one.name for one in read_config(tmp_path / "repository").output] == ["probabilities", "logits"]


def fixed_batch(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1


def variable_side(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "side"


def other_type(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (fixed_batch, "any number of digits"),
        (variable_side, "has a variable dimension 3 of 3: expected only the first"),
        (other_type, "has the type INT64: expected one of UINT8, FLOAT, BOOL"),
    ],
)
def test_a_file_that_cannot_be_batched_is_refused(constant_model, change, message):
    path = constant_model(7)
    content = onnx.load(path)
    change(content)
    onnx.save(content, path)
    with pytest.raises(UserError, match=f"^images .*{message}"):
        tensors.read(path)


def test_what_is_no_onnx_file_is_refused(tmp_path):
    (tmp_path / "x.onnx").write_bytes(b"no model")
    with pytest.raises(UserError, match="can't be read as an ONNX model"):
        tensors.read(tmp_path / "x.onnx")


def test_the_description_says_what_is_exported(repository, model):
    content = json.loads((repository / "export.json").read_text())
    assert (content["format"], content["version"], content["sha256"]) == ("triton", "12", model.sha256)
    assert content["files"]["digits/12/model.onnx"] == model.sha256

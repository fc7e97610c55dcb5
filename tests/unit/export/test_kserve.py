"""InferenceServices for KServe; some ms each."""

import pytest
import yaml
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as triton_config

from digits.errors import UserError
from digits.export import kserve
from digits.export.triton import ExportedModel
from digits.files import digest


@pytest.fixture
def model(constant_model) -> ExportedModel:
    path = constant_model(7)
    return ExportedModel(path, "12", digest(path, "sha256"))


def test_the_manifest_names_the_runtime_the_protocol_and_the_address(model, tmp_path):
    kserve.write(tmp_path / "out", model, 1, "s3://bucket/digits")
    content = yaml.safe_load((tmp_path / "out" / "inference_service.yaml").read_text())
    assert (content["apiVersion"], content["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert content["metadata"]["labels"]["app.kubernetes.io/version"] == "12"
    found = content["spec"]["predictor"]["model"]
    assert found["modelFormat"] == {"name": "onnx"}
    assert (found["protocolVersion"], found["runtime"]) == ("v2", "kserve-tritonserver")
    assert found["storageUri"] == "s3://bucket/digits"


def test_the_folder_to_upload_is_a_model_repository(model, tmp_path):
    kserve.write(tmp_path / "out", model, 2, "s3://bucket/digits")
    models = tmp_path / "out" / "models"
    files = {path.relative_to(models).as_posix() for path in models.rglob("*") if path.is_file()}
    assert files == {"digits/config.pbtxt", "digits/labels.txt", "digits/12/model.onnx"}
    config = text_format.Parse((models / "digits" / "config.pbtxt").read_text(), triton_config.ModelConfig())
    assert config.instance_group[0].count == 2
    readme = (tmp_path / "out" / "README.md").read_text()
    assert "kubectl apply -f inference_service.yaml" in readme
    assert "`s3://bucket/digits`" in readme


@pytest.mark.parametrize("address", ["", "digits", "s3://", "ftp://host/x", "s3://a b", "/mnt/models"])
def test_an_address_that_kserve_cannot_load_is_refused_before_anything_is_written(model, tmp_path, address):
    with pytest.raises(UserError, match="is no address that KServe can load a model from"):
        kserve.write(tmp_path / "out", model, 1, address)
    assert not (tmp_path / "out").exists()

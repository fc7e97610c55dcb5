"""Nothing that a registry holds is loaded before it was checked: a table of altered versions, in a real registry."""

from pathlib import Path

import mlflow
import numpy as np
import pytest
import yaml

from digits.errors import UserError
from digits.files import digest
from digits.tracking import record, registry, tags, version_checks
from digits.tracking.registry import UnusableVersionError
from tests.tracking_store import registered_version


@pytest.fixture
def version(store, constant_model):
    return registered_version(constant_model(7), **{tags.SPLIT_RULE: "1"})


@pytest.fixture
def folder(version) -> Path:
    return Path(mlflow.artifacts.download_artifacts(artifact_uri=version.uri))


def test_the_registrys_file_is_the_exported_one_byte_for_byte(version, folder, workspace, mnist_digits):
    assert (folder / record.FILE).read_bytes() == (workspace / "always_7.onnx").read_bytes()
    assert digest(version_checks.checked_file(version), "sha256") == version.tags[tags.ONNX]
    probabilities = version_checks.load_classifier(version).predict(mnist_digits.images[:4]).probabilities
    assert probabilities.argmax(axis=1).tolist() == [7] * 4


def describe(folder: Path, **flavors: dict) -> None:
    """Change MLflow's description of the model: the settings of its flavors."""
    path = folder / record.DESCRIPTION
    content = yaml.safe_load(path.read_text())
    for name, settings in flavors.items():
        content["flavors"].setdefault(name, {}).update(settings)
    path.write_text(yaml.safe_dump(content))


@pytest.mark.parametrize(
    ("flavors", "words"),
    [
        ({"python_function": {"loader_module": "os"}}, "has settings that this project never writes: loader_module"),
        ({"python_function": {"code": "code"}}, "never writes: code"),
        ({"python_function": {"data": "other.onnx"}}, "never writes: data"),
        ({"onnx": {"data": "../other.onnx"}}, "never writes: data"),
        ({"onnx": {"code": "code"}}, "never writes: code"),
        ({"onnx": {"providers": ["TensorrtExecutionProvider"]}}, "never writes: providers"),
        ({"onnx": {"onnx_session_options": {"custom_ops": "x.so"}}}, "never writes: onnx_session_options"),
        ({"python_function": {"predict_fn": "predict_proba"}}, "never writes: predict_fn"),
        ({"python_function": {"config": {"x": 1}}}, "never writes: config"),
        ({"sklearn": {"pickled_model": "model.pkl"}}, "has the flavors onnx, python_function, sklearn, not"),
    ],
)
def test_a_description_that_names_anything_else_is_refused(version, folder, flavors, words):
    describe(folder, **flavors)
    with pytest.raises(UnusableVersionError, match="version 1 of the model digits can't be used: its MLmodel") as error:
        version_checks.checked_file(version)
    assert words in str(error.value)


@pytest.mark.parametrize("content", [b"", b"[", b"flavors: 3", b"flavors: {onnx: 1, python_function: 2}", b"\xff\xfe"])
def test_a_damaged_description_is_an_error_of_one_line(version, folder, content):
    (folder / record.DESCRIPTION).write_bytes(content)
    with pytest.raises(UnusableVersionError, match=r"its MLmodel can't be read: ") as error:
        version_checks.checked_file(version)
    assert "\n" not in str(error.value)


def test_an_altered_a_missing_and_a_huge_file_are_refused(version, folder, monkeypatch):
    path = folder / record.FILE
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UnusableVersionError, match=rf"was altered: its SHA-256 is {digest(path, 'sha256')}"):
        version_checks.checked_file(version)
    words = r"its files have [\d,]+ bytes, more than 10"
    with monkeypatch.context() as small, pytest.raises(UnusableVersionError, match=words):
        small.setattr(version_checks, "MAX_BYTES", 10)
        version_checks.checked_file(version)
    path.unlink()
    with pytest.raises(UnusableVersionError, match=r"model\.onnx of version 1 of digits is missing"):
        version_checks.checked_file(version)


def test_a_version_of_02_with_other_bytes_is_named_as_such(store, constant_model):
    version = registered_version(constant_model(7))  # no split rule
    path = Path(mlflow.artifacts.download_artifacts(artifact_uri=version.uri)) / record.FILE
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(UnusableVersionError, match=r"version 0\.2 or earlier of this project registered it"):
        version_checks.checked_file(version)


def test_a_foreign_model_is_refused_by_name(version):
    """A model that somebody else registered under the same name, and made champion."""

    class Foreign(mlflow.pyfunc.PythonModel):
        def predict(self, context, model_input: list[str]) -> list[str]:
            raise AssertionError("it was run")

    with mlflow.start_run() as run:
        mlflow.pyfunc.log_model(name="m", python_model=Foreign(), pip_requirements=[])
    mlflow.register_model(f"runs:/{run.info.run_id}/m", registry.NAME)
    registry.set_alias(registry.CHAMPION, registry.get_version("2"))
    champion = registry.resolve_alias(registry.CHAMPION_URI)
    with pytest.raises(UserError, match="version 2 of the model digits can't be used: it is no model of this project"):
        version_checks.load_classifier(champion)
    assert not version_checks.is_intact(champion)
    assert np.array([version_checks.is_intact(version)]).all()

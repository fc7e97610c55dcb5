"""A project in git with test digits, two linear models at two commits, and an experiment of DVC."""

from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest
import yaml

from digits import paths
from digits.comparison import names, result
from digits.comparison.models import Model
from digits.comparison.result import Result
from digits.data.dataset import Digits
from digits.files import write_json
from tests import linear_model
from tests.git import commit_all, git
from tests.raw import write_evaluable


@pytest.fixture(scope="session")
def project(tmp_path_factory, mnist_digits) -> Path:
    """HEAD~2 has no model, HEAD~1 one of 100 digits, HEAD one of 500; the experiment `wide` is HEAD~1."""
    images, labels = mnist_digits
    splits = {"train": Digits(images[::10], labels[::10]), "test": Digits(images[5::20], labels[5::20])}
    with chdir(tmp_path_factory.mktemp("project")):
        git("init", "--quiet")
        Path(".dvc").mkdir()
        Path(".dvc/config").touch()
        commit_all("empty")
        splits |= {"validation": splits["test"]}
        sources = {name: np.resize(["folder", *["mnist-5k"] * 3], len(of.labels)) for name, of in splits.items()}
        write_evaluable(splits, np.zeros((2, 28, 28), np.uint8), sources)
        paths.ONNX.parent.mkdir()
        for part, error in ((5, 0.2), (1, 0.1)):
            linear_model.train(Digits(*(one[::part] for one in splits["train"])), paths.ONNX)
            content = {
                "train": {"digits": 500 // part, "seed": 0},
                "serve": {"port": part},
                "presets": {"a": {"digits": part}},
            }
            paths.PARAMS.write_text(yaml.safe_dump(content))
            mean = {"mean": error, "mean_low": error - 0.02, "mean_high": error + 0.02}
            write_json(paths.EVALUATION, {"corruption_error": mean, "refused": {"two_digits": 0.5}})
            commit_all(f"{part} | of five")
        head = git("rev-parse", "HEAD")
        git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/wide", "HEAD~1")
        return Path.cwd()


@pytest.fixture
def in_project(project, monkeypatch) -> Path:
    """The same as working directory, with a tracking store that does not exist."""
    monkeypatch.chdir(project)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///no.db")
    return project


@pytest.fixture(scope="session")
def models(project) -> tuple[Model, Model]:
    with chdir(project):
        return names.find("HEAD~1"), names.find("HEAD")


@pytest.fixture(scope="session")
def compared(project, models) -> Result:
    with chdir(project):
        return result.compare(*models)

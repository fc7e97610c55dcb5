"""A project before and after training: a tracking store, parameters, and a few prepared digits."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from digits import params, paths
from digits.data import dataset, processed_tables
from digits.data.dataset import Digits
from digits.files import write_json
from digits.tracking import record, registry
from digits.tracking.registry import Version
from tests import scratch
from tests.linear_model import write_constant
from tests.raw import RULE, block
from tests.tracking_store import NOTHING, registered_version, registry_in


@pytest.fixture(scope="session")
def registered(tmp_path_factory, empty_database) -> Path:
    """A project with three versions in its registry, to copy: registering them takes a second."""

    def register(folder: Path) -> None:
        with registry_in(folder, empty_database):
            for label in (1, 2, 3):
                registered_version(write_constant(folder / f"always_{label}.onnx", label), learned=NOTHING)

    return scratch.build_once(tmp_path_factory, "registered", register)


@pytest.fixture
def versions(store, workspace, registered) -> list[Version]:
    """Three registered versions: they always predict 1, 2 and 3; they were trained on no picture of today's splits."""
    scratch.copy(registered, workspace)
    return [registry.get_version(number) for number in "123"]


@pytest.fixture
def project(store, mnist_digits) -> params.Params:
    """The parameters of a workspace with a store and 20 prepared digits a split."""
    images, labels = mnist_digits.images[::250], mnist_digits.labels[::250]
    loaded = params.load()
    processed_tables.write_processed([block(split, Digits(images, labels)) for split in dataset.SPLITS], RULE)
    store.connect()
    return loaded


def changed(project: params.Params, **train: object) -> params.Params:
    """The same parameters with other values in the section of `train`."""
    return project.model_copy(update={"train": project.train.model_copy(update=train)})


@pytest.fixture
def trained_project(project, constant_model) -> params.Params:
    """The same with what the stages before `register` write, for a model that always predicts 3."""
    reports = (paths.EVALUATION_REPORT, paths.DATA_CARD, paths.MODEL_CARD)
    for path in (paths.WEIGHTS, *record.RUN_FILES["figures"], *reports, paths.PROFILE):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    write_json(paths.VALIDATION, {"success": True, "sources": {"mnist-5k": {"test": 20}}, "expectations": {}})
    paths.VALIDATION_REPORT.write_text("report")
    for path in (paths.NETWORK, paths.ONNX):
        shutil.copy(constant_model(3), path)
    paths.HISTORY.parent.mkdir()
    paths.HISTORY.write_text("epoch,loss,val_loss\n1,0.5,0.5\n2,0.25,0.25\n")
    write_json(paths.TRAINING, {"max_logit_difference": 0.0})
    scores = {"accuracy": 0.1, "log_loss": 2.0}
    calibrated = {"ece": 0.01, "coverage": 0.95, "worst_slice": {"accuracy": 0.1}}
    by_source = {"sources": {"mnist-5k": {"pictures": 20, **scores}}}
    pd.DataFrame({"label": processed_tables.read_processed("test").labels, "predicted": 3}).to_csv(
        paths.PREDICTIONS, index=False
    )
    evaluation = {
        "validation": {**scores, **by_source},
        "test": {**scores, **calibrated, "classes": {"0": {"f1": 0.5}}, **by_source},
        "acceptance": {"certified_error": 0.02, "certified_at": 0.9, "certificate_digits": 168},
        "auroc": {"letters": 0.97, "worst": 0.97},
        "corruption_error": {"fog": 0.2, "mean": 0.2},
        "font_accuracy": 0.8,
    }
    write_json(paths.EVALUATION, evaluation)
    return project

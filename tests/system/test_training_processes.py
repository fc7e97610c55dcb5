"""Training in two processes, of which one is killed: a clear error, and after it the losses of one process, in one run.

The tests run in their order. They take a minute.
"""

import os
import re
import signal
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from tests.scratch import Project, copy
from tests.tracking_store import client_of, runs_of

EPOCHS = 8
TRAIN = (sys.executable, "-m", "pipeline.train")
# Of few and small steps the losses differ by the order of float sums only; many steps multiply such a difference.
SLOW = {"backend": "jax", "epochs": EPOCHS, "learning_rate": 0.002, "adam_learning_rate": 0.002}
TOLERANCE = 1e-5  # nats: they differ by 3e-7; norms over half a batch each would change the losses by 1e-3 and more
NETWORK = "models/network.onnx"
OUTPUTS = (NETWORK, "models/digits.weights.h5", "metrics/train.json", "reports/plots/history.csv")
END_SECONDS = 60  # from the kill to the end of the command; it takes one, and more on a busy machine


@pytest.fixture(scope="module")
def cached(tmp_path_factory) -> dict[str, str]:
    """The environment in which all commands have one cache of what JAX compiles."""
    folder = str(tmp_path_factory.mktemp("compiled"))
    return {"JAX_COMPILATION_CACHE_DIR": folder, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}


def project_with(template: Path, folder: Path, processes: int) -> Project:
    project = copy(template, folder / "digits")
    project.set_params(train={**SLOW, "processes": processes})
    for output in OUTPUTS:
        (project.root / output).unlink(missing_ok=True)
    return project


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, prepared_template, cached) -> Project:
    """The training in one process."""
    project = project_with(prepared_template, tmp_path_factory.mktemp("undisturbed"), 1)
    project.run(*TRAIN, env=cached)
    return project


@pytest.fixture(scope="module")
def killed(tmp_path_factory, prepared_template, cached) -> Project:
    """A training in two processes of which one was killed after an epoch; what it printed is in `printed`."""
    project = project_with(prepared_template, tmp_path_factory.mktemp("killed"), 2)
    with project.start(*TRAIN, env=cached) as command:
        printed = ""
        while f"epoch   1/{EPOCHS}" not in printed:
            line = command.stdout.readline()
            assert line, printed
            printed += line
        workers = workers_of(command.pid)
        os.kill(workers[-1].pid, signal.SIGKILL)
        rest, _ = command.communicate(timeout=END_SECONDS)
    assert command.returncode == 1
    assert not [worker for worker in workers if worker.is_running()]
    (project.root / "printed").write_text(printed + rest)
    return project


def workers_of(pid: int) -> list[psutil.Process]:
    found = [child for child in psutil.Process(pid).children() if "spawn_main" in " ".join(child.cmdline())]
    assert len(found) == 2
    return found


def history(project: Project) -> pd.DataFrame:
    return pd.read_csv(project.root / "reports" / "plots" / "history.csv", index_col="epoch")


def test_a_killed_process_ends_the_training_with_a_clear_error(killed):
    printed = (killed.root / "printed").read_text()
    last = printed.rstrip().splitlines()[-2:]
    assert last[0].startswith("error: training: process 1 of 2 (")
    assert "was killed by SIGKILL" in last[0]
    assert "the same command resumes after epoch" in last[1]
    assert printed.count(f"epoch   1/{EPOCHS}") == 1
    assert "with Keras on jax in 2 processes" in printed
    assert not re.search("Traceback|Gloo", printed)
    assert not [output for output in OUTPUTS if (killed.root / output).exists()]


def test_the_next_run_resumes_and_ends_with_the_losses_of_one_process(killed, undisturbed, cached):
    printed = killed.run(*TRAIN, env=cached)
    assert "restored from" in printed
    one, two = history(undisturbed), history(killed)
    assert list(one.columns) == list(two.columns)
    assert len(one) == len(two) == EPOCHS
    for name in ("loss", "val_loss"):
        np.testing.assert_allclose(two[name], one[name], rtol=0, atol=TOLERANCE)
    assert one["loss"].iloc[-1] < one["loss"].iloc[0]
    assert (undisturbed.root / NETWORK).read_bytes() != (killed.root / NETWORK).read_bytes()  # two were used


def test_one_process_writes_the_record(killed):
    runs = runs_of(client_of(f"sqlite:///{killed.root}/mlflow.db"))
    assert [run.info.status for run in runs] == ["FINISHED"]
    assert runs[0].data.params["train.processes"] == "2"

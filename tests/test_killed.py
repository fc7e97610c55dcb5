"""`kill -9` in the middle of any stage: the next `dvc repro` ends as if nothing had happened."""

import os
import signal

import pytest

from tests.recorded import client_of, runs_of

OUTPUTS = [
    ("ingest", "raw"),
    ("validate", "measurements.parquet"),
    ("validate", "validate.json"),
    ("preprocess", "processed"),
    ("train", "mlflow.db"),
    ("train", "digits.weights.h5"),
    ("train", "learning_curves.png"),
    ("evaluate", "evaluate.json"),
    ("evaluate", "mistakes.png"),
    ("register", "registered.json"),
]

UP_TO = {"register": ["evaluate"]}  # DVC always runs `register`: the record is not DVC's to know

# Kills its own process, as the out-of-memory killer would, when an output is written beside its place and not yet
# renamed. Python runs it at start-up, since its folder is on PYTHONPATH.
KILLER = """
import os, signal, sys

stage, output = os.environ["KILL"].split("@")


def die(event, arguments):
    if event == "os.rename" and f"pipeline.{stage}" in sys.orig_argv and str(arguments[0]).endswith(output):
        os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(die)
"""


@pytest.fixture(scope="module")
def untouched(tmp_path_factory, mnist_digits):
    """The lock of a scratch clone whose pipeline ran without a mishap."""
    from tests.scratch import Scratch

    project = Scratch(tmp_path_factory.mktemp("untouched") / "digits")
    project.bring_pictures(mnist_digits)
    project.run("dvc", "repro")
    return project.lock()


@pytest.fixture(scope="module")
def killer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("killer")
    (folder / "sitecustomize.py").write_text(KILLER)
    return folder


def go_on(scratch, stage: str) -> None:
    printed = scratch.run("dvc", "repro", stage)
    assert "Traceback" not in printed
    assert "Data and pipelines are up to date." in scratch.run("dvc", "status", *UP_TO.get(stage, [stage]))


@pytest.mark.parametrize(("stage", "output"), OUTPUTS)
def test_a_stage_killed_between_writing_and_renaming(scratch, killer, stage, output):
    kill = {"PYTHONPATH": str(killer), "KILL": f"{stage}@.partial-{output}"}
    scratch.run("dvc", "repro", "--force", "--single-item", stage, fails=True, env=kill)
    assert [path.name for path in scratch.root.rglob(f".partial-{output}")] == [f".partial-{output}"]
    go_on(scratch, stage)


@pytest.mark.parametrize("stage", list(dict(OUTPUTS)))
def test_everything_killed_as_soon_as_a_stage_runs(scratch, stage):
    command = ("dvc", "repro", "--force", "--single-item", stage)
    with scratch.start(*command, start_new_session=True) as process:
        for line in process.stdout:
            if f"-m pipeline.{stage}" in line:
                break
        if stage == "train":
            process.stdout.readline()  # it says that it is training: its run has begun
        os.killpg(process.pid, signal.SIGKILL)
    go_on(scratch, stage)


def test_a_training_killed_between_two_epochs_goes_on_from_there(scratch, untouched):
    command = ("dvc", "repro", "--force", "--single-item", "train")
    # What the kills before this left: DVC took their results from its cache, so no training has taken it up.
    (scratch.root / "models" / "unfinished.npz").unlink(missing_ok=True)
    with scratch.start(*command, start_new_session=True) as process:
        for line in process.stdout:
            if line.startswith("epoch   1/2"):
                break
        os.killpg(process.pid, signal.SIGKILL)
    assert (scratch.root / "models" / "unfinished.npz").exists()
    printed = [line.split() for line in scratch.run(*command).splitlines() if line.startswith("epoch")]
    assert [line[-3:] for line in printed] == [["taken", "from", "models/unfinished.npz"], ["0", "s", "left"]]
    assert not (scratch.root / "models" / "unfinished.npz").exists()
    assert scratch.lock() == untouched


def test_a_training_killed_when_it_had_learned_is_not_repeated(scratch, killer, untouched):
    command = ("dvc", "repro", "--force", "--single-item", "train")
    kill = {"PYTHONPATH": str(killer), "KILL": "train@.partial-learning_curves.png"}
    scratch.run(*command, fails=True, env=kill)
    printed = [line for line in scratch.run(*command).splitlines() if line.startswith("epoch")]
    assert [line.endswith("taken from models/unfinished.npz") for line in printed] == [True, True]
    assert not (scratch.root / "models" / "unfinished.npz").exists()
    assert scratch.lock() == untouched


def test_the_end_is_as_if_nothing_had_happened(scratch, untouched):
    assert scratch.lock() == untouched
    assert "Data and pipelines are up to date." in scratch.run("dvc", "status", "evaluate")


def test_what_was_left_beside_the_outputs_is_swept_when_the_stages_run(scratch, untouched):
    scratch.run("dvc", "repro", "--force")
    assert [path for path in scratch.root.rglob(".partial-*") if ".dvc" not in path.parts] == []
    assert scratch.lock() == untouched


def test_one_model_has_one_run_and_one_version_however_often_it_was_killed(scratch):
    client = client_of(f"sqlite:///{scratch.root}/mlflow.db")
    (run,) = runs_of(client)
    assert run.info.status == "FINISHED"
    assert len(client.search_model_versions("name = 'digits'")) == 1

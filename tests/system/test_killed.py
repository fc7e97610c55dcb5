"""`kill -9` in the middle of any stage: the next `dvc repro` gives the same results as without it."""

import os
import signal

import pytest

from tests.scratch import copy
from tests.tracking_store import client_of, runs_of

OUTPUTS = [
    ("ingest", "raw"),
    ("validate", "statistics.parquet"),
    ("preprocess", "processed"),
    ("preprocess", "page_cuts.parquet"),
    ("train", "mlflow.db"),
    ("evaluate", "evaluate.json"),
    ("register", "registered.json"),
]

UP_TO = {"register": ["evaluate"]}  # DVC always runs `register`: it cannot know what the tracking store holds

# Kills its own process, as the out-of-memory killer would, when an output is written at its temporary path and not yet
# renamed, the first or the nth time. Python runs it at start-up, since its folder is on PYTHONPATH.
KILLER = """
import os, signal, sys

stage, output, times = os.environ["KILL"].split("@")
renamed = 0


def die(event, arguments):
    global renamed
    if event == "os.rename" and f"pipeline.{stage}" in sys.orig_argv and str(arguments[0]).endswith(output):
        renamed += 1
        if renamed == int(times):
            os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(die)
"""


@pytest.fixture(scope="module")
def untouched(tmp_path_factory, prepared_template):
    """The lock of a project whose pipeline ran without being killed."""
    project = copy(prepared_template, tmp_path_factory.mktemp("untouched") / "digits")
    project.run("dvc", "repro")
    return project.lock()


@pytest.fixture(scope="module")
def killed_at(tmp_path_factory):
    """A function that gives the environment in which a stage is killed as it renames an output the nth time."""
    folder = tmp_path_factory.mktemp("killer")
    (folder / "sitecustomize.py").write_text(KILLER)

    def environment(stage: str, output: str, times: int = 1) -> dict[str, str]:
        return {"PYTHONPATH": str(folder), "KILL": f"{stage}@.partial-{output}@{times}"}

    return environment


def continue_from(prepared, stage: str) -> None:
    printed = prepared.run("dvc", "repro", stage)
    assert "Traceback" not in printed
    assert "Data and pipelines are up to date." in prepared.run("dvc", "status", *UP_TO.get(stage, [stage]))


@pytest.mark.parametrize(("stage", "output"), OUTPUTS)
def test_a_stage_killed_between_writing_and_renaming(prepared, killed_at, stage, output):
    prepared.run("dvc", "repro", "--force", "--single-item", stage, fails=True, env=killed_at(stage, output))
    assert [path.name for path in prepared.root.rglob(f".partial-{output}")] == [f".partial-{output}"]
    continue_from(prepared, stage)


@pytest.mark.parametrize("stage", list(dict(OUTPUTS)))
def test_all_processes_killed_when_a_stage_starts(prepared, stage):
    command = ("dvc", "repro", "--force", "--single-item", stage)
    with prepared.start(*command, start_new_session=True) as process:
        for line in process.stdout:
            if f"-m pipeline.{stage}" in line:
                break
        if stage == "train":
            process.stdout.readline()  # it prints that it is training: its run has begun
        os.killpg(process.pid, signal.SIGKILL)
    continue_from(prepared, stage)


def test_a_training_killed_between_two_epochs_resumes_there(prepared, killed_at, untouched):
    command = ("dvc", "repro", "--force", "--single-item", "train")
    # What the kills before this left: DVC took their results from its cache, so no training has resumed it.
    (prepared.root / "models" / "checkpoint.npz").unlink(missing_ok=True)
    prepared.run(*command, fails=True, env=killed_at("train", "checkpoint.npz", 2))
    assert (prepared.root / "models" / "checkpoint.npz").exists()
    printed = [line.split() for line in prepared.run(*command).splitlines() if line.startswith("epoch")]
    assert [line[-3:] for line in printed] == [["restored", "from", "models/checkpoint.npz"], ["0", "s", "left"]]
    assert not (prepared.root / "models" / "checkpoint.npz").exists()
    assert prepared.lock() == untouched


def test_a_training_killed_after_its_last_epoch_is_not_repeated(prepared, killed_at, untouched):
    command = ("dvc", "repro", "--force", "--single-item", "train")
    prepared.run(*command, fails=True, env=killed_at("train", "digits.weights.h5"))
    assert (prepared.root / "models" / ".partial-digits.weights.h5").exists()
    printed = [line for line in prepared.run(*command).splitlines() if line.startswith("epoch")]
    assert [line.endswith("restored from models/checkpoint.npz") for line in printed] == [True, True]
    assert not (prepared.root / "models" / "checkpoint.npz").exists()
    assert prepared.lock() == untouched


def test_the_results_are_those_without_a_kill(prepared, untouched):
    assert prepared.lock() == untouched
    assert "Data and pipelines are up to date." in prepared.run("dvc", "status", "evaluate")


def test_temporary_files_are_removed_when_the_stages_run(prepared, untouched):
    prepared.run("dvc", "repro", "--force")
    assert [path for path in prepared.root.rglob(".partial-*") if ".dvc" not in path.parts] == []
    assert prepared.lock() == untouched


def test_one_model_has_one_run_and_one_version_however_often_it_was_killed(prepared):
    client = client_of(f"sqlite:///{prepared.root}/mlflow.db")
    (run,) = runs_of(client)
    assert run.info.status == "FINISHED"
    assert len(client.search_model_versions("name = 'digits'")) == 1

"""`kill -9` in the middle of any stage: the next `dvc repro` gives the same results as without it."""

import os
import shutil
import signal

import pytest

from tests.tracking_store import client_of, runs_of

OUTPUTS = [
    ("ingest", "raw"),
    ("validate", "statistics.parquet"),
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
def untouched(trained_template):
    """The lock of a project whose pipeline ran without being killed."""
    return (trained_template / "dvc.lock").read_bytes()


@pytest.fixture(scope="module")
def project(trained):
    """The same project before its first run, but for DVC's cache: no tracking store."""
    (trained.root / "mlflow.db").unlink()
    shutil.rmtree(trained.root / "mlartifacts")
    return trained


@pytest.fixture(scope="module")
def killed_at(tmp_path_factory):
    """A function that gives the environment in which a stage is killed as it renames an output the nth time."""
    folder = tmp_path_factory.mktemp("killer")
    (folder / "sitecustomize.py").write_text(KILLER)

    def environment(stage: str, output: str, times: int = 1) -> dict[str, str]:
        return {"PYTHONPATH": str(folder), "KILL": f"{stage}@.partial-{output}@{times}"}

    return environment


def continue_from(project, stage: str) -> None:
    printed = project.run("dvc", "repro", stage)
    assert "Traceback" not in printed
    assert "Data and pipelines are up to date." in project.run("dvc", "status", *UP_TO.get(stage, [stage]))


@pytest.mark.parametrize(("stage", "output"), OUTPUTS)
def test_a_stage_killed_between_writing_and_renaming(project, killed_at, stage, output):
    project.run("dvc", "repro", "--force", "--single-item", stage, fails=True, env=killed_at(stage, output))
    assert [path.name for path in project.root.rglob(f".partial-{output}")] == [f".partial-{output}"]
    continue_from(project, stage)


@pytest.mark.parametrize("stage", list(dict(OUTPUTS)))
def test_all_processes_killed_when_a_stage_starts(project, stage):
    command = ("dvc", "repro", "--force", "--single-item", stage)
    with project.start(*command, start_new_session=True) as process:
        for line in process.stdout:
            if f"-m pipeline.{stage}" in line:
                break
        if stage == "train":
            process.stdout.readline()  # it prints that it is training: its run has begun
        os.killpg(process.pid, signal.SIGKILL)
    if stage == "train":  # it would train: the two tests after this one do
        continue_from(project, stage)
    else:
        project.run(*command)


def test_temporary_files_are_removed_when_the_stages_run(project, untouched):
    left = [path for path in project.root.rglob(".partial-*") if ".dvc" not in path.parts]
    assert {path.parent.name for path in left} <= {"models"}  # of `train`, which has not run
    assert project.lock() == untouched


def test_a_training_killed_between_two_epochs_resumes_there(project, killed_at, untouched):
    command = ("dvc", "repro", "--force", "--single-item", "train")
    # What the kills before this left: DVC took their results from its cache, so no training has resumed it.
    (project.root / "models" / "checkpoint.npz").unlink(missing_ok=True)
    project.run(*command, fails=True, env=killed_at("train", "checkpoint.npz", 2))
    assert (project.root / "models" / "checkpoint.npz").exists()
    printed = [line for line in project.run(*command).splitlines() if line.startswith("epoch")]
    assert [line.endswith("restored from models/checkpoint.npz") for line in printed] == [True, *[False] * 14]
    assert not (project.root / "models" / "checkpoint.npz").exists()
    assert project.lock() == untouched


def test_a_training_killed_after_its_last_epoch_is_not_repeated(project, killed_at, untouched):
    command = ("dvc", "repro", "--force", "--single-item", "train")
    project.run(*command, fails=True, env=killed_at("train", "digits.weights.h5"))
    assert (project.root / "models" / ".partial-digits.weights.h5").exists()
    printed = [line for line in project.run(*command).splitlines() if line.startswith("epoch")]
    assert [line.endswith("restored from models/checkpoint.npz") for line in printed] == [True] * 15
    assert not (project.root / "models" / "checkpoint.npz").exists()
    assert not list((project.root / "models").glob(".partial-*"))
    assert project.lock() == untouched


def test_the_results_are_those_without_a_kill(project, untouched):
    assert project.lock() == untouched
    assert "Data and pipelines are up to date." in project.run("dvc", "status", "evaluate")


def test_one_model_has_one_run_and_one_version_however_often_it_was_killed(project):
    client = client_of(f"sqlite:///{project.root}/mlflow.db")
    (run,) = runs_of(client)
    assert run.info.status == "FINISHED"
    assert len(client.search_model_versions("name = 'digits'")) == 1

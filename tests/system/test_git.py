"""The pipeline in a subfolder of a git repository, and in an unpacked archive, where there is none."""

import shutil

import pytest

from tests import scratch
from tests.tracking_store import client_of, runs_of


def only_run(project):
    (run,) = runs_of(client_of(f"sqlite:///{project.root}/mlflow.db"))
    return run


@pytest.fixture(scope="module")
def subfolder(tmp_path_factory, trained_template):
    """The trained project in ml/digits of a larger repository, registered from there; two commits."""
    root = tmp_path_factory.mktemp("monorepo")
    project = scratch.copy(trained_template, root / "ml" / "digits")
    for folder in (".git", "mlartifacts"):
        shutil.rmtree(project.root / folder)
    (project.root / "mlflow.db").unlink()
    project.set_params(register={"min_compared": 11})  # so that there is something to commit
    scratch.Project(root).git("init", "--quiet")
    scratch.Project(root).commit()
    project.run("dvc", "repro")
    project.commit()
    return project


def test_a_run_in_a_subfolder_is_named_by_its_own_parameters(subfolder):
    run = only_run(subfolder)
    assert run.info.run_name == "baseline"
    assert run.data.tags["git_commit"] == subfolder.git("rev-parse", "HEAD~1").strip()
    assert run.data.tags["git_dirty"] == "no"


def test_commands_on_revisions_work_in_a_subfolder(subfolder):
    assert "0 added, 0 removed, 0 relabelled" in subfolder.run("digits", "data", "diff", "HEAD~1", "HEAD")
    printed = subfolder.run("digits", "data", "diff", "HEAD", cwd=subfolder.root / "pipeline")
    assert printed.rstrip().endswith("open ../reports/data_diff.html to see the pictures")
    printed = subfolder.run("digits", "lineage")
    assert "with changes" not in printed
    assert "✗" not in printed


def test_in_an_archive_all_stages_run_and_say_that_there_is_no_git(tmp_path, prepared_template):
    archive = scratch.copy(prepared_template, tmp_path / "digits")
    shutil.rmtree(archive.root / ".git")
    archive.run("dvc", "config", "--local", "core.no_scm", "true")  # as `make repro` does
    archive.run("dvc", "repro")
    run = only_run(archive)
    assert [run.info.run_name, run.data.tags["git_commit"], run.data.tags["git_dirty"]] == ["no git"] * 3
    assert "is in no git repository" in archive.run("digits", "data", "diff", "HEAD", fails=True)
    assert "trained outside a git repository" in archive.run("digits", "lineage", fails=True)

"""Which of DVC's experiments a stage runs for, asked in a real stage of a small project."""

import os
import subprocess
import sys

import pytest

from tests.imports import ROOT

STAGE = """
stages:
  ask:
    cmd: {python} -c "from digits.vcs import experiments; print('for', experiments.running())"
    params: [seed]
    always_changed: true
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a command in a project whose one stage prints its experiment; returns what that is."""
    root = tmp_path_factory.mktemp("project")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "_DIGITS_"))}
    who = {f"GIT_{role}_{key}": "a@localhost" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    settings = {"PYTHONPATH": str(ROOT), "DVC_NO_ANALYTICS": "true", "DVC_SITE_CACHE_DIR": str(root.parent / "site")}

    def ask(*command: str, **environment: str) -> str:
        done = subprocess.run(
            command, cwd=root, env={**clean, **who, **settings, **environment}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return next((line for line in done.stdout.splitlines() if line.startswith("for ")), "")

    (root / "dvc.yaml").write_text(STAGE.format(python=sys.executable))
    (root / "params.yaml").write_text("seed: 0\n")
    ask("git", "init", "--quiet")
    ask(sys.executable, "-m", "dvc", "init", "--quiet")
    ask("git", "add", "--all")
    ask("git", "commit", "--quiet", "--message", "start")
    ask.head = subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=root, text=True).strip()
    return ask


@pytest.mark.slow
def test_an_experiment_left_over_in_the_environment_is_not_that_of_a_plain_repro(run):
    dvc, left_over = (sys.executable, "-m", "dvc"), {"DVC_EXP_NAME": "old", "DVC_EXP_BASELINE_REV": run.head}
    assert run(*dvc, "repro", **left_over, DVC_ROOT="/nowhere") == "for None"
    assert run(*dvc, "exp", "run", "-n", "real", "-S", "seed=1", **left_over) == f"for ('real', '{run.head}')"
    assert run(*dvc, "exp", "run", "--temp", "-n", "copy", "-S", "seed=2", **left_over) == f"for ('copy', '{run.head}')"
    assert run(*dvc, "repro", **left_over) == "for None"

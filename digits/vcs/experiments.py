"""DVC's experiments, and its commands, each run in a process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from digits.errors import UserError
from digits.vcs import git, revisions

EXPERIMENT = re.compile(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/(?P<name>[^/]+)")  # with the baseline's commit
BASELINE = "refs/exps/exec/EXEC_BASELINE"  # DVC's, in the repository that an experiment runs in


def run_dvc(*arguments: str) -> str:
    """What a `dvc` command printed. Raises UserError with its output where it failed."""
    # DVC runs the stages with the first `python` of PATH: this one, also where its environment is not activated.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="surrogateescape",
        env={**git.environment(), "PATH": path},
    )
    if done.returncode:
        raise UserError(f"`dvc {' '.join(arguments)}` failed:\n{done.stdout}".rstrip())
    return done.stdout


def running() -> tuple[str, str] | None:
    """The name and the baseline's commit of the experiment that DVC runs this stage for; None where there is none.

    DVC's variables may be left over in the environment of a plain `dvc repro`; only its reference ends with the run.
    """
    name, baseline = os.environ.get("DVC_EXP_NAME"), os.environ.get("DVC_EXP_BASELINE_REV")
    if name and baseline and revisions.reference(BASELINE) == baseline:
        return name, baseline
    return None


def commits() -> dict[str, list[str]]:
    """The commits of DVC's experiments, by name: several where experiments on different commits share one."""
    found: dict[str, list[str]] = {}
    for line in git.run("for-each-ref", "--format=%(objectname) %(refname)", "refs/exps").decode().splitlines():
        commit, reference = line.split(" ", 1)
        if match := EXPERIMENT.fullmatch(reference):
            found.setdefault(match["name"], []).append(commit)
    return found


def outdated_stages(stage: str) -> list[str]:
    """The stages up to this one whose outputs do not match params.yaml, the code and the data."""
    return sorted(json.loads(run_dvc("status", "--json", "--with-deps", stage).splitlines()[-1]))

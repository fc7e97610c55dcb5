"""DVC's commands, each run in a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

from digits.errors import UserError
from digits.vcs import git


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


def outdated_stages(stage: str) -> list[str]:
    """The stages up to this one whose outputs do not match params.yaml, the code and the data."""
    return sorted(json.loads(run_dvc("status", "--json", "--with-deps", stage).splitlines()[-1]))

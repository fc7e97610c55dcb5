"""DVC's experiments: queued, watched, stopped and taken over. Each `dvc` runs as a process, as a user would run it."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from digits import versions
from digits.errors import UserError

QUEUED, RUNNING, FAILED, DONE = "Queued", "Running", "Failed", "Success"  # DVC's words


def queue(name: str, changes: dict[str, object], stage: str) -> None:
    """Queue an experiment of this name, up to a stage, with changed parameters. Raises UserError."""
    settings = [word for key, value in changes.items() for word in ("-S", f"{key}={value}")]
    # Up to a stage DVC brings only what it knows the stage to need: of data/sources/folder, a link, it knows nothing.
    brought = sorted(str(path) for path in Path("data").glob("*.dvc"))
    dvc("exp", "run", "--queue", "--name", name, *settings, stage, *brought)


def start(workers: int) -> None:
    """Have this many processes work on the queue, and end when it is empty."""
    dvc("queue", "start", "-j", str(workers))


def statuses() -> dict[str, str]:
    """What became of each experiment that was queued, by its name: one of DVC's words."""
    from dvc.repo import Repo

    with Repo() as repo:
        return {entry["name"]: entry["status"] for entry in repo.experiments.celery_queue.status()}


def working() -> bool:
    """Whether any process works on the queue."""
    from dvc.repo import Repo

    with Repo() as repo:
        return bool(repo.experiments.celery_queue.worker_status())


def stop(names: Iterable[str]) -> None:
    """Interrupt those of the experiments that run, as Ctrl-C would, and take those off the queue that wait."""
    found = statuses()
    for name in names:
        if found.get(name) == RUNNING:
            dvc("queue", "kill", name, may_fail=True)  # it may just have ended
        elif found.get(name) == QUEUED:
            dvc("queue", "remove", name, may_fail=True)


def revision(name: str) -> str | None:
    """The commit that DVC keeps the experiment's result in, or None where it came to none."""
    return versions.reference(f"refs/exps/*/*/*/{name}") or versions.reference(f"refs/exps/*/*/{name}")


def apply(name: str) -> None:
    """Bring the experiment's parameters and results into the working tree."""
    dvc("exp", "apply", name)


def dvc(*arguments: str, may_fail: bool = False) -> str:
    """What a `dvc` command printed. Raises UserError with what it said where it failed."""
    # A file and not a pipe: the queue's workers keep it open, and the end of a pipe would come with theirs.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run([sys.executable, "-m", "dvc", *arguments], stdout=said, stderr=said)
        said.seek(0)
        words = said.read()
    if done.returncode and not may_fail:
        raise UserError(f"`dvc {' '.join(arguments)}` failed:\n{words}".rstrip())
    return words


def outdated(stage: str) -> list[str]:
    """The stages up to this one whose files are not what params.yaml, the code and the data make today."""
    return sorted(json.loads(dvc("status", "--json", stage).splitlines()[-1]))

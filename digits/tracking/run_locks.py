"""A lock file for each run that a process of this project writes to; the system releases it when the process ends."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock, Timeout

from digits.paths import LIVE_RUNS, project_root
from digits.tracking import runs, store


@contextmanager
def held() -> Iterator[str]:
    """Hold a new lock file while the block runs; yields its name, which the run has as the tag LOCK from the start."""
    name = uuid4().hex
    with FileLock(folder() / f"{name}.lock"):
        yield name


def folder() -> Path:
    """The folder of the project's lock files, created where it is missing."""
    found = project_root() / LIVE_RUNS
    found.mkdir(exist_ok=True)
    return found


def end_orphans() -> None:
    """Mark as KILLED the runs of this project whose process ended without saying so; remove the locks of ended runs."""
    for path in folder().glob("*.lock"):
        with suppress(Timeout), FileLock(path, blocking=False):
            found = runs.with_lock(path.stem)
            for run in found:
                if run.info.status == "RUNNING":
                    store.connect().set_terminated(run.info.run_id, "KILLED")
            if found:  # else the run is in another store
                path.unlink()

"""Which runs a training of this project writes to now: a lock file each, which the system releases with the process."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from filelock import FileLock, Timeout

from digits.paths import LIVE_RUNS, project_root
from digits.tracking import runs, store


class _Run(Protocol):
    run_id: str
    lost: bool  # the store failed, and may have the run as RUNNING


@contextmanager
def held(run: _Run) -> Iterator[None]:
    """Hold the lock of a run while the block runs. The file stays where the store was lost: see `end_orphans`."""
    path = project_root() / LIVE_RUNS / f"{run.run_id}.lock"
    path.parent.mkdir(exist_ok=True)
    with FileLock(path):
        try:
            yield
        finally:
            if not run.lost:
                path.unlink()


def end_orphans() -> None:
    """Mark as KILLED the runs of this project whose process ended without saying so."""
    for path in (project_root() / LIVE_RUNS).glob("*.lock"):
        with suppress(Timeout), FileLock(path, blocking=False):
            run = runs.get_run(path.stem)
            if run is None:  # deleted, or another store's
                continue
            if run.status == "RUNNING":
                store.connect().set_terminated(path.stem, "KILLED")
            path.unlink(missing_ok=True)

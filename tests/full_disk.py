"""The service with feedback and metrics on a full disk: it prints what the service answers, as JSON.

The disk is a small file system in a folder that only this process sees. COMMAND mounts it and runs this.
"""

import json
import sys
from pathlib import Path

import requests

from digits.serving import metrics
from tests.feedback import noise
from tests.serving import running, with_feedback, write_constant

MOUNT_AND_RUN = """
mkdir "$1/full" && mount -t tmpfs -o size=1m tmpfs "$1/full" && mkdir "$1/full/metrics" || exit 77
PROMETHEUS_MULTIPROC_DIR="$1/full/metrics" exec "$2" -m tests.full_disk "$1"
"""
CANNOT_MOUNT = 77
NEW_SERIES = 200  # they take more space of the metrics' files than any number of requests


def command(folder: Path) -> list[str]:
    """A command that runs this on a file system of its own in an empty folder; status 77 where it can't mount one."""
    return ["unshare", "-m", "sh", "-c", MOUNT_AND_RUN, "sh", str(folder), sys.executable]


def main(folder: Path) -> None:
    disk = folder / "full"
    feedback = disk / "feedback"
    with running(with_feedback(write_constant(folder / "served"), feedback)) as address:

        def post(route: str, seed: int) -> requests.Response:
            options = {"consent": "true"} if route == "feedback" else {}
            return requests.post(f"{address}/v1/{route}", params=options, files={"file": noise(seed)}, timeout=30)

        before = post("feedback", 1)
        fill(disk / "other")
        known = sorted(path.relative_to(feedback) for path in feedback.rglob("*"))
        for number in range(NEW_SERIES):
            metrics.REFUSALS.labels(f"series {number}").inc()
        full, prediction = post("feedback", 2), post("predict", 2)
        left = sorted(path.relative_to(feedback) for path in feedback.rglob("*"))
        (disk / "other").unlink()
        after = post("feedback", 2)
        shown = requests.get(f"{address}/metrics", timeout=30).text
    answers = {"before": before, "full": full, "predict": prediction, "after": after}
    found = {name: [answer.status_code, answer.json()] for name, answer in answers.items()}
    added = [str(path) for path in left if path not in known]
    print(json.dumps({**found, "added": added, "metrics": shown}))


def fill(path: Path) -> None:
    """Write until the disk of this file is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1024))
        except OSError:
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Measuring the drift of what is served, again and again, and the file that tells the server processes of it."""

import logging
import time
from pathlib import Path
from typing import Any

from digits.files import write_json
from digits.params import ServedDrift
from digits.serving import local_copy
from digits.serving.drift import measurement
from digits.serving.drift import reference as drift_reference
from digits.serving.drift.counts import HOUR, TrafficStore
from digits.serving.drift.measurement import Drift
from digits.serving.settings import Settings

NAME = "drift.json"
KEYS = (
    *("version", "sha256", "drifted", "drifted_since", "answered", "index", "bound"),
    *("refused_share", "reference_refused_share"),
)
MEASURE_SECONDS = 10  # between two measurements; of a hundred thousand pictures one takes milliseconds
log = logging.getLogger("digits.serving")


class Watcher:
    """Of the process that follows the registry."""

    def __init__(self, settings: Settings) -> None:
        self._folder, self._params = settings.folder, settings.limits.drift
        self._drifted: list[str] = []
        self._error = ""
        self._expired = 0.0

    def run(self) -> None:
        """Watch without an end."""
        while True:
            self.poll()
            time.sleep(MEASURE_SECONDS)

    def poll(self) -> None:
        """Measure, and write what was found; whatever goes wrong, this does not raise."""
        now = time.time()
        try:
            if now - self._expired > HOUR:
                TrafficStore(self._folder).expire(self._params.keep_days)
                self._expired = now
            since = measurement.window_start(self._params.window_hours, now)
            found = measure_folder(self._folder, self._params, since)
            if found is not None:
                write(self._folder, found)
                self._log(found)
            self._error = ""
        except Exception as error:  # of a database or a disk, or of a reference that somebody altered
            if str(error) != self._error:
                log.error("the drift of what is served can't be measured: %s", error)
            self._error = str(error)

    def _log(self, found: Drift) -> None:
        if found.drifted != self._drifted:
            if found.drifted:
                level, text = logging.WARNING, f"what is served has drifted: {', '.join(found.drifted)}"
            else:
                level, text = logging.INFO, "what is served has not drifted any more"
            log.log(level, text, extra={"version": found.version})
        self._drifted = found.drifted


def measure_folder(folder: Path, params: ServedDrift, since: float, is_usual_window: bool = True) -> Drift | None:
    """The drift of what the champion of a server's folder answered; None where the folder has no champion.

    In the usual window, what the server has found drifted stays so until it is measured again.
    """
    copy = local_copy.read(folder)
    if copy is None:
        return None
    version, sha256 = str(copy.description["version"]), str(copy.description["sha256"])
    before = read(folder, sha256) if is_usual_window else None
    counts, reference = TrafficStore(folder).read(sha256, since), drift_reference.read(folder, sha256)
    return measurement.measure(counts, (version, sha256), reference, params, since, before["drifted"] if before else ())


def write(folder: Path, found: Drift) -> None:
    """Write what the server processes and `digits drift` need of a measurement; they see when drift began."""
    before = read(folder, found.sha256)
    since = before["drifted_since"] if before and before["drifted"] else time.time()
    is_outcome_measured = any(one.name == drift_reference.OUTCOME and one.psi is not None for one in found.statistics)
    content = {
        "version": found.version,
        "sha256": found.sha256,
        "drifted": found.drifted,
        "drifted_since": since if found.drifted else None,
        "answered": found.answered,
        "index": {one.name: one.psi for one in found.statistics},
        "bound": {one.name: one.bound for one in found.statistics},
        "refused_share": measurement.refused_share(found.outcomes) if is_outcome_measured else None,
        "reference_refused_share": found.expected_refused_share,
    }
    if content != before:
        write_json(folder / NAME, content)


def read(folder: Path, sha256: str) -> dict[str, Any] | None:
    """What `write` wrote of the version with this ONNX file; None where there is nothing of it, or of another shape."""
    return drift_reference.read_file(folder / NAME, sha256, KEYS)


def describe_certificate(certificate: dict[str, Any], found: dict[str, Any] | None) -> dict[str, Any]:
    """The certificate of `GET /v1/model`: withdrawn while what is served drifts, else as the registry says."""
    if not found or not found["drifted"] or certificate["state"] != "valid":
        return certificate
    since = measurement.format_hour(found["drifted_since"])
    text = f"withdrawn: what is served has drifted: {', '.join(found['drifted'])} since {since}"
    return {**certificate, "state": text, "text": text}

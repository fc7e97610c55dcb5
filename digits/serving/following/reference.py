"""What drift is measured from comes next to the local copy of the champion, from its run."""

import logging
import time
from pathlib import Path

from digits.addresses import redact
from digits.serving.drift import reference
from digits.serving.following.fetching import ask, downloads_removed
from digits.tracking import served_reference, tags
from digits.tracking.registry import Version

RETRY_SECONDS = 60  # until what failed or was missing is asked for again
log = logging.getLogger("digits.serving")


class ReferenceFollower:
    """Writes the reference of the champion's drift; where that fails, the model answers all the same."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked: str | None = None  # the number of the version whose run was asked last
        self._retry_at = 0.0

    def fetch(self, champion: Version) -> None:
        """Have the champion's reference in the folder, all of it where its run has that. It does not raise."""
        sha256 = champion.tags[tags.ONNX]
        is_asked = self._asked == champion.number
        found = reference.read(self._folder, sha256) if is_asked else None
        if is_asked and ((found and not found["missing"]) or time.monotonic() < self._retry_at):
            return
        self._asked, self._retry_at = champion.number, time.monotonic() + RETRY_SECONDS
        try:
            with downloads_removed():
                profile = ask(served_reference.profile, champion)
                predictions = ask(served_reference.predictions, champion)
            built = reference.build(champion.number, sha256, profile, predictions)
            if built != found:
                reference.write(self._folder, built)
        except Exception as error:  # of the registry, a damaged file or the disk
            log.warning("drift can't be measured, its reference can't be read: %s", redact(str(error)))

"""Following the challenger that params.yaml names: its checked files come into the local copy, as the champion's."""

import logging
import time

from digits.addresses import redact
from digits.errors import UserError
from digits.prediction import shadow_log
from digits.serving import local_copy
from digits.serving.following.fetching import ask, fetch
from digits.serving.local_copy import CHALLENGER, LocalCopy
from digits.serving.settings import Settings
from digits.tracking import registry
from digits.tracking.registry import UnusableVersionError

IS_CHAMPION = "it is the champion: there is nothing to compare"
MISSING = "the registry has no such version"
UNUSABLE = "it does not pass the checks; see the server's log"
WAITING = "it is not fetched yet: the registry does not answer"
NOT_FETCHED = "it can't be fetched; see the server's log"
RETRY_SECONDS = 60  # until what failed is tried again
EXPIRE_SECONDS = 3600  # between two removals of old predictions
log = logging.getLogger("digits.serving")


class ChallengerFollower:
    """Fetches the challenger once, and again where its copy is removed. What fails is logged once."""

    def __init__(self, settings: Settings) -> None:
        number = settings.limits.challenger.version
        self._version = None if number is None else str(number)
        self._folder, self._keep_days = settings.folder, settings.limits.drift.keep_days
        self._fetched = False  # by this process: an older copy may be of another registry
        self._problem: str | None = None
        self._retry_at = self._expire_at = 0.0

    def poll(self, is_reachable: bool) -> dict[str, str | None] | None:
        """Bring its copy up to date, where the registry can be reached; returns its state, None where there is none.

        The state has the `version`, and an `error` where it does not answer. It does not raise.
        """
        self._expire()
        if self._version is None:
            return None
        try:
            problem = self._follow(is_reachable)
        except Exception as error:  # whatever a registry or a disk answers with
            problem = self._refuse(NOT_FETCHED, error)
        if problem == IS_CHAMPION and problem != self._problem:
            log.warning("the challenger, version %s: %s", self._version, problem, extra={"version": self._version})
        self._problem = problem
        return {"version": self._version, "error": problem}

    def _follow(self, is_reachable: bool) -> str | None:
        assert self._version is not None
        champion, copy = (local_copy.read(self._folder, name) for name in (local_copy.CHAMPION, CHALLENGER))
        if champion is not None and champion.description["version"] == self._version:
            return IS_CHAMPION
        if self._fetched and copy is not None and copy.is_intact():
            return _compared(champion, copy)
        if not is_reachable or time.monotonic() < self._retry_at:
            is_there = copy is not None and copy.description["version"] == self._version
            return self._problem or (None if is_there else WAITING)
        version = ask(registry.find_version, self._version)
        if version is None:
            local_copy.remove(self._folder, CHALLENGER)
            return self._refuse(MISSING, None)
        try:
            fetch(version, self._folder, CHALLENGER)
        except UnusableVersionError as error:
            local_copy.remove(self._folder, CHALLENGER)
            return self._refuse(UNUSABLE, error)
        self._fetched = True
        log.info("the challenger is version %s", self._version, extra={"version": self._version})
        return _compared(champion, local_copy.read(self._folder, CHALLENGER))

    def _refuse(self, problem: str, cause: Exception | None) -> str:
        """Try again later; log why, if that was not logged yet."""
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if problem != self._problem:
            reason = f"{problem.partition(';')[0]}: {redact(str(cause))}" if cause else problem
            log.error("the challenger, version %s: %s", self._version, reason, extra={"version": self._version})
        return problem

    def _expire(self) -> None:
        if time.monotonic() < self._expire_at:
            return
        self._expire_at = time.monotonic() + EXPIRE_SECONDS
        for file in shadow_log.files(self._folder.parent):  # of all services: another one may not run any more
            try:
                shadow_log.expire(file, self._keep_days)
            except (UserError, OSError) as error:
                log.error("old predictions of challengers can't be removed: %s", error)


def _compared(champion: LocalCopy | None, challenger: LocalCopy | None) -> str | None:
    """IS_CHAMPION where both copies have the same model; None where they can be compared."""
    models = [copy and copy.description["sha256"] for copy in (champion, challenger)]
    return IS_CHAMPION if models[0] is not None and models[0] == models[1] else None

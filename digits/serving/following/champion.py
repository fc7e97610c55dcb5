"""Following the alias `champion`: what the registry has comes, after all checks, into the local copy."""

import logging
import time
from typing import Any

from digits.addresses import redact
from digits.errors import UserError
from digits.serving import local_copy
from digits.serving.following.challenger import ChallengerFollower
from digits.serving.following.fetching import ask, fetch
from digits.serving.following.reference import ReferenceFollower
from digits.serving.settings import Settings
from digits.tracking import history, registry, store
from digits.tracking.registry import UnusableVersionError, Version

UNREACHABLE = "the registry does not answer; see the server's log"
NOT_COPIED = "the champion can't be copied to this machine; see the server's log"
NO_CHAMPION = "no version of the registry has the alias champion: `make repro` registers one"
UNUSABLE = "it does not pass the checks; see the server's log"
RETRY_SECONDS = 60  # until a refused version is checked again: its files may have been repaired
log = logging.getLogger("digits.serving")


class Follower:
    """Looks at the registry again and again. What fails is logged once, and leaves the champion's copy as it is."""

    def __init__(self, settings: Settings) -> None:
        self._folder, self._seconds = settings.folder, settings.limits.poll_seconds
        self._known: Version | None = None  # what the last look found
        self._noticed: str | None = None  # the champion's number, in the history
        self._unlogged: str | None = None  # the same, where the history could not be written
        self._refused: dict[str, str] | None = None
        self._retry_at = 0.0
        self._state: dict[str, Any] = {}
        self._challenger = ChallengerFollower(settings)
        self._challenger_state: dict[str, str | None] | None = None
        self._reference = ReferenceFollower(settings.folder)

    def run(self) -> None:
        """Follow without an end."""
        while True:
            self.poll()
            time.sleep(self._seconds)

    def poll(self) -> None:
        """Bring the local copy up to date with the registry; whatever goes wrong, this does not raise."""
        problem: Exception | None = None
        try:
            state = self._follow()
        except OSError as error:  # of this machine's disk: those of the registry are UserErrors
            state, problem = local_copy.registry_state(True, NOT_COPIED, self._refused), error
        except Exception as error:  # whatever a registry answers with
            state, problem = local_copy.registry_state(False, UNREACHABLE, self._refused), error
        self._write(state, problem)
        # Last: a new champion and the state of the registry don't wait for these
        if state["reachable"] and self._known is not None and not self._refused:
            self._reference.fetch(self._known)
        challenger = self._challenger.poll(state["reachable"])
        if challenger != self._challenger_state:
            self._challenger_state = challenger
            self._write(state, problem)

    def _write(self, state: dict[str, Any], problem: Exception | None) -> None:
        known = {} if self._challenger_state is None else {"challenger": self._challenger_state}
        try:
            local_copy.write_registry_state(self._folder, state | known)
        except OSError as error:
            state, problem = state | {"error": NOT_COPIED}, error
        if state != self._state:
            self._log(state, problem)
            self._state = state

    def _follow(self) -> dict[str, Any]:
        """Fetch the champion if it isn't the one of the last look; returns the state of the registry."""
        version = _champion()
        if version is None:
            self._known = self._refused = None
            self._notice(None)
            return local_copy.registry_state(True, NO_CHAMPION)
        if not self._is_done(version):
            try:
                fetch(version, self._folder, local_copy.CHAMPION)
                log.info("the champion is version %s", version.number, extra={"version": version.number})
                self._refused = None
            except UnusableVersionError as error:
                self._retry_at = time.monotonic() + RETRY_SECONDS
                if version != self._known:
                    log.error("version %s is refused: %s", version.number, error, extra={"version": version.number})
                self._refused = {"version": version.number, "reason": UNUSABLE}
            self._known = version
        self._notice(version.number)
        return local_copy.registry_state(True, refused=self._refused)

    def _notice(self, number: str | None) -> None:
        """Let the history have a change that was made on MLflow's page; where it can't, the model is fetched anyway."""
        if number == self._noticed:
            return
        try:
            ask(history.notice, number)
            self._noticed = number
        except UserError as error:
            if number != self._unlogged:
                log.warning("the champion's change is not in its history: %s", redact(str(error)))
            self._unlogged = number

    def _is_done(self, version: Version) -> bool:
        if version != self._known:
            return False
        if self._refused:
            return time.monotonic() < self._retry_at
        copy = local_copy.read(self._folder)  # somebody may have removed or damaged it
        return copy is not None and copy.is_intact()

    def _log(self, state: dict[str, Any], problem: Exception | None) -> None:
        if problem is not None:
            log.error("the registry can't be followed: %s", redact(str(problem)))
        elif state["error"]:
            log.warning(state["error"])
        elif self._state.get("error"):
            log.info("the registry is followed again")


def _champion() -> Version | None:
    """The champion; its other aliases, and when it got them, make no difference here."""
    path = store.database()
    if path is not None and not path.exists():  # else a connection would create an empty one
        raise UserError(f"{path} does not exist: put it back, or run `make repro`, which creates it")
    store.connect()
    found = ask(registry.champion)
    if found is not None and not found.number:
        raise UserError(f"the tracking store {store.redacted_uri()} answers with a version that has no number")
    return None if found is None else Version(found.number, (), found.run_id, found.tags)

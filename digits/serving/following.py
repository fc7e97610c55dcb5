"""Following the alias `champion`: what the registry has comes, after all checks, into the local copy."""

import logging
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from digits.addresses import redact
from digits.errors import UserError
from digits.serving import local_copy
from digits.serving.service import ServedModel
from digits.serving.settings import Settings
from digits.tracking import causes, certificate, history, registry, store, tags, version_checks
from digits.tracking.registry import UnusableVersionError, Version

UNREACHABLE = "the registry does not answer; see the server's log"
NOT_COPIED = "the champion can't be copied to this machine; see the server's log"
NO_CHAMPION = "no version of the registry has the alias champion: `make repro` registers one"
UNUSABLE = "it does not pass the checks; see the server's log"
RETRY_SECONDS = 60  # until a refused version is checked again: its files may have been repaired
FIGURES = (
    *("test_accuracy", "test_log_loss", "test_ece", "test_coverage", "test_error_when_accepted"),
    *("auroc_worst", "corruption_error_mean", "font_accuracy", "test_worst_slice_accuracy"),
)
LINEAGE = ("git_commit", tags.SOURCES, "train_md5", tags.VALIDATION_SPLIT, tags.TEST_SPLIT, tags.NETWORK, tags.PICTURES)
Result = TypeVar("Result")
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
        try:
            local_copy.write_registry_state(self._folder, state)
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
                self._fetch(version)
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
            _ask(history.notice, number)
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

    def _fetch(self, version: Version) -> None:
        with _downloads_removed():
            path = version_checks.checked_file(version)
            run = _ask(store.connect().get_run, version.run_id)
            try:
                description = describe(version, run.data.metrics)
                ServedModel(local_copy.LocalCopy(path, description))
            except UserError as error:
                raise UnusableVersionError(str(error)) from None
            except (KeyError, ValueError) as error:
                raise UnusableVersionError(f"its tags are damaged: {error!r}") from None
            local_copy.write(self._folder, path, description)
        log.info("the champion is version %s", version.number, extra={"version": version.number})

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
    found = _ask(registry.champion)
    if found is not None and not found.number:
        raise UserError(f"the tracking store {store.redacted_uri()} answers with a version that has no number")
    return None if found is None else Version(found.number, (), found.run_id, found.tags)


@contextmanager
def _downloads_removed() -> Iterator[None]:
    """Remove what MLflow downloads within the block: it makes a temporary folder for each download, and keeps it."""
    with tempfile.TemporaryDirectory(prefix="digits-download-") as folder:
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            yield
        finally:
            tempfile.tempdir = before


def _ask(function: Callable[..., Result], *arguments: Any) -> Result:
    """What a call to the registry returns. Raises UserError that names the cause where that fails."""
    try:
        return function(*arguments)
    except Exception as error:  # of MLflow, the database's driver or the network; or nonsense that can't be read
        raise UserError(causes.message(error, store.redacted_uri())) from None


def describe(version: Version, metrics: dict[str, float]) -> dict[str, Any]:
    """What `GET /v1/model` answers about a version, without the registry's state: nothing of this machine is in it."""
    return {
        "name": registry.NAME,
        "version": version.number,
        "sha256": version.tags[tags.ONNX],
        "figures": {name: metrics[name] for name in FIGURES if name in metrics},
        "certificate": certificate.described(version),
        "lineage": {"run_id": version.run_id, **{tag: version.tags[tag] for tag in LINEAGE if tag in version.tags}},
    }

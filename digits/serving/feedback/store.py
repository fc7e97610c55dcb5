"""The queue of feedback as the service uses it: in a thread, so that no other answer waits for the disk."""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from digits.data.picture_files import PictureError
from digits.errors import UserError
from digits.feedback.items import DROPPED, WAITING, Item, Report
from digits.feedback.queue import Queue, TooManyWaitingError
from digits.feedback.rates import Rates
from digits.serving import metrics
from digits.serving.batching import BoundedThread
from digits.serving.problems import ProblemError
from digits.serving.settings import Settings
from digits.serving.sizes import check_sides
from digits.sqlite_files import BusyError, FullError

MAX_CALLS = 64  # that wait for the thread: some milliseconds each
MEASURE_SECONDS = 0.5  # that the metrics wait for a locked queue
BUSY_RETRY_SECONDS = 10  # until a queue that a command has locked is asked again
QUEUE_FULL_SECONDS = 3600  # until a full queue is asked again: a person has to label first
Result = TypeVar("Result")
log = logging.getLogger("digits.serving")


class Kept(NamedTuple):
    """A picture that is kept; whether it was known before, and the last day until which it is kept.

    The day is None for a picture that a person has labelled: it stays until it is forgotten.
    """

    sha256: str
    duplicate: bool
    kept_until: str | None


class FeedbackStore:
    """Checks and keeps feedback. It raises a ProblemError for what is not taken, and counts it."""

    def __init__(self, settings: Settings) -> None:
        self._limits, self.enabled = settings.limits.feedback, settings.takes_feedback
        folder = settings.feedback or Path()
        self._queue, self._measured = Queue(folder), Queue(folder, MEASURE_SECONDS)
        self._rates = Rates(folder, self._limits.per_minute, self._limits.per_day)
        self._thread = BoundedThread("feedback", MAX_CALLS)

    @property
    def description(self) -> dict[str, Any]:
        """What `GET /v1/model` says of it."""
        keep_days = self._limits.keep_days if self.enabled else 0
        return {"enabled": self.enabled, "keep_days": keep_days, "max_side": self._limits.max_side}

    def check(self, client: str) -> None:
        """Raise the 429 of a client that was refused for a time which has not passed: without the disk, in no time."""
        self._refuse(self._rates.known_wait(client))

    async def admit(self, client: str, picture: bytes) -> None:
        """Count a picture that a client's address sends: 429 where there are too many, 422 for a wrong picture."""
        await self._run(self._admit, client, picture)

    async def add(self, picture: bytes, report: Report) -> Kept:
        """Keep a picture that was admitted: 503 where too many wait, 507 where the disk is full."""
        return await self._run(self._add, picture, report)

    def measure(self) -> None:
        """Set the metric of what waits: it takes a look at the disk, for MEASURE_SECONDS at most."""
        if self.enabled:
            try:
                metrics.FEEDBACK_WAITING.set(self._measured.counts()[WAITING])
            except (OSError, UserError) as error:  # the other metrics are worth as much
                log.error("what waits of feedback can't be counted: %s", error)

    def close(self) -> None:
        """End the thread; what waits is not begun."""
        self._thread.close()

    async def _run(self, function: Callable[..., Result], *arguments: Any) -> Result:
        with _problems():
            return await self._thread.run(function, *arguments)

    def _admit(self, client: str, picture: bytes) -> None:
        self._refuse(self._rates.admit(client))
        check_sides(picture, self._limits.max_side, "are kept; cut out the digit")

    def _refuse(self, seconds: float) -> None:
        if seconds:
            raise _counted(metrics.RATE_LIMITED, 429, "there is more feedback than is taken", math.ceil(seconds))

    def _add(self, picture: bytes, report: Report) -> Kept:
        item, is_new = self._queue.add(picture, report, self._limits.max_waiting)
        metrics.FEEDBACK.labels(metrics.NEW if is_new else metrics.DUPLICATE).inc()
        return Kept(item.sha256, not is_new, self._kept_until(item))

    def _kept_until(self, item: Item) -> str | None:
        if item.state not in (WAITING, DROPPED):
            return None
        return (datetime.fromisoformat(item.received) + timedelta(days=self._limits.keep_days)).date().isoformat()


@contextmanager
def _problems() -> Iterator[None]:
    """What the queue and the decoder raise, as a ProblemError."""
    try:
        yield
    except PictureError as error:
        raise ProblemError(422, str(error)) from None
    except TooManyWaitingError:
        found = "as many pictures wait for a label as are kept"
        raise _counted(metrics.QUEUE_FULL, 503, found, QUEUE_FULL_SECONDS) from None
    except FullError:
        log.error("feedback can't be kept: the disk is full")
        raise _counted(
            metrics.DISK_FULL, 507, "the server's disk is full, and nothing is kept of this feedback"
        ) from None
    except BusyError as error:
        log.error("feedback can't be kept: %s", error)
        raise _retry(503, "the queue of feedback is locked", BUSY_RETRY_SECONDS) from None
    except (OSError, UserError) as error:
        log.error("feedback can't be kept: %s", error)
        raise ProblemError(500, "the feedback can't be kept; see the server's log") from None


def _counted(result: str, status: int, found: str, retry_seconds: int | None = None) -> ProblemError:
    metrics.FEEDBACK.labels(result).inc()
    return ProblemError(status, found) if retry_seconds is None else _retry(status, found, retry_seconds)


def _retry(status: int, found: str, seconds: int) -> ProblemError:
    return ProblemError(status, f"{found}; ask again in {seconds:,} s", {"Retry-After": str(seconds)})

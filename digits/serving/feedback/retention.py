"""How long feedback is kept: what is too old and not labelled is removed, once an hour."""

import logging
import time

from digits.errors import UserError
from digits.feedback.queue import Queue
from digits.serving.settings import Settings

HOUR = 3600  # seconds
log = logging.getLogger("digits.serving")


def run(settings: Settings) -> None:
    """Remove what is too old now and once an hour, without an end; whatever goes wrong, this does not raise."""
    while True:
        expire(settings)
        time.sleep(HOUR)


def expire(settings: Settings) -> int:
    """Remove what is too old now; returns how many pictures. An error is logged."""
    if settings.feedback is None:
        return 0
    keep_days = settings.limits.feedback.keep_days
    try:
        removed = Queue(settings.feedback).expire(keep_days)
    except (OSError, UserError) as error:
        log.error("old feedback can't be removed: %s", error)
        return 0
    if removed:
        log.info("feedback is removed after %d days; pictures: %d", keep_days, removed)
    return removed

"""Logs as JSON, one object a line on standard error: no picture, no answer, no key in them."""

import itertools
import logging
import secrets
from datetime import UTC, datetime
from typing import Any

import orjson

_PREFIX, _numbers = secrets.token_hex(6), itertools.count(1)
FIELDS = ("request_id", "method", "path", "status", "milliseconds", "client", "version", "trace_id")

REPEAT_SECONDS = 600  # between two equal messages of a library


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, message, and those of FIELDS that it has."""

    def format(self, record: logging.LogRecord) -> str:
        content: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": _unicode(record.getMessage()),
        }
        content |= {name: record.__dict__[name] for name in FIELDS if name in record.__dict__}
        if record.exc_info:
            content["traceback"] = _unicode(self.formatException(record.exc_info))
        return orjson.dumps(content).decode()


class RateLimitFilter(logging.Filter):
    """Lets a message of a library pass once in REPEAT_SECONDS: a collector of traces can be gone for days."""

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[str, float] = {}  # when, by the message without its values

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is the first of its kind, or the first since long."""
        passes = record.created - self._passed.get(str(record.msg), 0) >= REPEAT_SECONDS
        if passes:
            recent = {key: at for key, at in self._passed.items() if record.created - at < REPEAT_SECONDS}
            self._passed = {**recent, str(record.msg): record.created}
        return passes


def new_request_id() -> str:
    """An id that no other request has: a random number for each would take longer than a route."""
    return f"{_PREFIX}-{next(_numbers):x}"


def leave_out_what_nobody_reads() -> None:
    """Let `logging` find out no calling line, thread and process for each record: "Optimization" in its HOWTO."""
    logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False
    logging._srcfile = None


def _unicode(text: str) -> str:
    """The text with escapes for what UTF-8 lacks, such as a byte of a file's name that is not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "filters": {"rate_limit": {"()": RateLimitFilter}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"},
        "exporter": {
            "class": "logging.StreamHandler",
            "formatter": "json",
            "filters": ["rate_limit"],
            "stream": "ext://sys.stderr",
        },
    },
    "loggers": {
        "uvicorn": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        "opentelemetry": {"level": "ERROR", "handlers": ["exporter"], "propagate": False},
        "digits.serving": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
    },
}

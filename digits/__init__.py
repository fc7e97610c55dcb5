"""Digits: the library that the stages, the command line and the tests share."""

import os
import sys
from types import TracebackType

# Turn off the usage statistics of all libraries, before any of them is imported.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
}.items():
    os.environ.setdefault(_name, _value)


def _print_exception(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Ctrl-C while the libraries are imported, before `digits.errors.run`, prints no traceback either."""
    if issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        _excepthook(kind, error, traceback)


_excepthook, sys.excepthook = sys.excepthook, _print_exception

"""Digits: the library that the stages, the command line and the tests share."""

import os

# Every library under this roof is told, before it is imported, to say nothing about whoever uses it.
for _switch, _off in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
}.items():
    os.environ.setdefault(_switch, _off)

"""Digits: the library that the stages, the command line and the tests share."""

import os

# Turn off the usage statistics of all libraries, before any of them is imported.
for _name, _value in {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "true",
    "DO_NOT_TRACK": "true",
}.items():
    os.environ.setdefault(_name, _value)

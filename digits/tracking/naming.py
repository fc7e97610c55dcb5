"""Names of runs: the parameters that differ from the baseline."""

import json
from typing import Any

from digits.addresses import redact

BASELINE = "baseline"  # no parameter differs
SHORT = {"learning_rate": "lr", "adam_learning_rate": "adam_lr", "batch_size": "batch"}
LONGEST = 120


def name(params: dict[str, Any], baseline: dict[str, Any]) -> str:
    """`lr=0.003 epochs=20`: the parameters, named as in params.yaml, whose values are not those of `baseline`."""
    missing = object()
    changed = [f"{_short(key)}={_value(params[key])}" for key in params if params[key] != baseline.get(key, missing)]
    text = redact(" ".join(changed) or BASELINE)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _short(key: str) -> str:
    section, _, rest = key.partition(".")
    return SHORT.get(rest, rest) if section == "train" else key


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"  # enough to distinguish two runs
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

"""What a run is called: by what makes it differ from the parameters that it started from."""

import json
from typing import Any

BASELINE = "baseline"  # nothing differs
SHORT = {"learning_rate": "lr", "adam_learning_rate": "adam_lr", "batch_size": "batch"}
LONGEST = 120


def name(params: dict[str, Any], baseline: dict[str, Any]) -> str:
    """`lr=0.003 epochs=20`: the parameters, named as in params.yaml, whose values are not those of `baseline`."""
    missing = object()
    changed = [f"{_short(key)}={_value(params[key])}" for key in params if params[key] != baseline.get(key, missing)]
    said = " ".join(changed) or BASELINE
    return said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"


def _short(key: str) -> str:
    section, _, rest = key.partition(".")
    return SHORT.get(rest, rest) if section == "train" else key


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"  # a search proposes many more digits than tell two runs apart
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))

"""The numbers of metrics/evaluate.json by flat names, as MLflow keeps metrics."""

import re
from collections.abc import Iterator
from typing import Any

GROUPS = ("classes", "slices", "sources")  # the metric of a member is named first: test_accuracy_mnist
NOT_ALLOWED = re.compile(r"[^\w.\- ]")  # in the name of a metric, by MLflow


def flatten(evaluation: dict[str, Any]) -> dict[str, float]:
    """Every number by the keys that lead to it: test_ece, auroc_letters, test_accuracy_mnist of a source."""
    return {_name(path): float(value) for path, value in _numbers(evaluation, ())}


def _numbers(nested: dict[str, Any], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from _numbers(value, (*above, key))
        elif isinstance(value, int | float):
            yield (*above, key), value


def _name(path: tuple[str, ...]) -> str:
    group = next((at for at, key in enumerate(path) if key in GROUPS), None)
    if group is not None:
        path = (*path[:group], path[-1], *path[group + 1 : -1])
    return NOT_ALLOWED.sub("_", "_".join(path))

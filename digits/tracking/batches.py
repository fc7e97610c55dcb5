"""Parameters, metrics and tags of a run, within MLflow's limits: so many a call, and so long."""

from collections.abc import Iterable, Iterator
from typing import Any

from digits.addresses import redact
from digits.errors import UserError

# MLflow's limits of one call, and of lengths in characters (mlflow/utils/validation.py)
MAX_PARAMS, MAX_METRICS = 100, 1000
LONGEST_PARAM, LONGEST_TAG, LONGEST_KEY = 6000, 8000, 250


def log(client, run_id: str, *, params: dict[str, Any] | None = None, metrics: Iterable[Any] = ()) -> None:
    """Log to a run: values as text, without the secrets of addresses, a long one cut with a mark.

    `metrics` are MLflow's. Raises UserError where a key is longer than MLflow allows.
    """
    from mlflow.entities import Param

    for some in _batches([Param(*one) for one in param_values(params or {}).items()], MAX_PARAMS):
        client.log_batch(run_id, params=some)
    for some in _batches(list(metrics), MAX_METRICS):
        client.log_batch(run_id, metrics=some)


def param_values(params: dict[str, Any]) -> dict[str, str]:
    """The parameters as MLflow takes them."""
    return {_checked(key): _cut(redact(str(value)), LONGEST_PARAM) for key, value in params.items()}


def tag_values(tags: dict[str, Any]) -> dict[str, str]:
    """The tags as MLflow takes them."""
    return {_checked(key): _cut(redact(str(value)), LONGEST_TAG) for key, value in tags.items()}


def _checked(key: str) -> str:
    if len(key) > LONGEST_KEY:
        raise UserError(f"the name {key[:60]}… has {len(key)} characters, more than MLflow's {LONGEST_KEY}: shorten it")
    return key


def _cut(text: str, longest: int) -> str:
    mark = f"… ({len(text):,} characters, cut)"
    return text if len(text) <= longest else text[: longest - len(mark)] + mark


def _batches(items: list[Any], most: int) -> Iterator[list[Any]]:
    return (items[start : start + most] for start in range(0, len(items), most))

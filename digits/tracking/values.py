"""Parameters and tags of a run within MLflow's limits of length; its client sends any number of them in batches."""

from typing import Any

from digits.addresses import redact
from digits.errors import UserError

# In characters (mlflow/utils/validation.py)
LONGEST_PARAM, LONGEST_TAG, LONGEST_KEY = 6000, 8000, 250
# Of a version: the column of MLflow's databases (mlflow/store/model_registry/dbmodels/models.py)
LONGEST_DESCRIPTION = 5000


def param_values(params: dict[str, Any]) -> dict[str, str]:
    """The parameters as text, without the secrets of addresses, a long one cut with a mark.

    Raises UserError where a key is longer than MLflow allows.
    """
    return {_checked(key): cut(redact(str(value)), LONGEST_PARAM) for key, value in params.items()}


def tag_values(tags: dict[str, Any]) -> dict[str, str]:
    """The same for tags."""
    return {_checked(key): cut(redact(str(value)), LONGEST_TAG) for key, value in tags.items()}


def description(text: str) -> str:
    """A description of a version, a long one cut with a mark."""
    return cut(text, LONGEST_DESCRIPTION)


def cut(text: str, longest: int) -> str:
    """A text of at most `longest` characters, a long one cut with a mark."""
    mark = f"… ({len(text):,} characters, cut)"
    return text if len(text) <= longest else text[: longest - len(mark)] + mark


def _checked(key: str) -> str:
    if len(key) > LONGEST_KEY:
        raise UserError(f"the name {key[:60]}… has {len(key)} characters, more than MLflow's {LONGEST_KEY}: shorten it")
    return key

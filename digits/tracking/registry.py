"""The registry: versions of the model `digits`, and which of them is champion."""

import logging
import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from digits.errors import UserError
from digits.tracking import runs, store

NAME = "digits"
CHAMPION, CHALLENGER = "champion", "challenger"


@dataclass(frozen=True)
class Version:
    """A registered version: its number, the aliases that point to it, the run that made it, and its tags."""

    number: str
    aliases: tuple[str, ...]
    run_id: str
    tags: dict[str, str]

    @property
    def uri(self) -> str:
        return f"models:/{NAME}/{self.number}"


def register(run_id: str, tags: dict[str, str]) -> Version:
    """Make a version of the run's model, or bring the tags of the one with the same weights up to date; return it.

    The version carries its tags from its first moment on, so that a process killed in between leaves nothing that
    a second call would not find.
    """
    client = store.connect()
    import mlflow
    from mlflow.exceptions import MlflowException

    known = find(tags[runs.WEIGHTS])
    if known is not None:
        for name in tags.keys() - {"git_commit"}:  # another test split gives another accuracy
            client.set_model_version_tag(NAME, known.number, name, tags[name])
        return version(known.number)
    try:
        client.create_registered_model(NAME, description="Reads one canonical 28 x 28 handwritten digit.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    (model,) = mlflow.search_logged_models(
        filter_string=f"source_run_id = '{run_id}'", max_results=1, output_format="list"
    )
    client.create_model_version(NAME, source=model.model_uri, run_id=run_id, tags=tags, model_id=model.model_id)
    return find(tags[runs.WEIGHTS])


def find(weights: str) -> Version | None:
    """The version whose model has these weights, or None."""
    client = store.connect()
    found = client.search_model_versions(f"name = '{NAME}' and tags.{runs.WEIGHTS} = '{weights}'", max_results=1)
    return version(found[0].version) if found else None


def version(number: str) -> Version:
    """The version with this number, its aliases included."""
    found = store.connect().get_model_version(NAME, number)
    return Version(str(found.version), tuple(found.aliases), found.run_id, dict(found.tags))


def champion() -> Version | None:
    """The version that the alias `champion` points to, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return version(store.connect().get_model_version_by_alias(NAME, CHAMPION).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def behind(uri: str) -> Version:
    """The version behind `models:/digits@ALIAS` or `models:/digits/NUMBER`. Raises UserError where there is none."""
    parsed = re.fullmatch(rf"models:/{NAME}(@(?P<alias>[^/@]+)|/(?P<number>\d+))", uri)
    if parsed is None:
        raise UserError(f"{uri} names no version: write models:/{NAME}@ALIAS or models:/{NAME}/NUMBER")
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        return version(parsed["number"] or client.get_model_version_by_alias(NAME, parsed["alias"]).version)
    except MlflowException as error:
        raise UserError(f"{uri} is not in the registry at {store.uri()}: {error.message}") from None


def point(alias: str, to: Version) -> None:
    """Let `alias` point to this version, and to no other."""
    store.connect().set_registered_model_alias(NAME, alias, to.number)


def drop(alias: str, of: Version) -> None:
    """Take `alias` from this version, if it has it."""
    if alias in of.aliases:
        store.connect().delete_registered_model_alias(NAME, alias)


class Model:
    """A registered model, loaded. Raises UserError where the registry has no such version."""

    def __init__(self, uri: str = f"models:/{NAME}@{CHAMPION}") -> None:
        store.connect()
        import mlflow
        from mlflow.exceptions import MlflowException

        logging.getLogger("mlflow").setLevel(logging.ERROR)
        try:
            self._model: Any = mlflow.pyfunc.load_model(uri)
        except MlflowException as error:
            raise UserError(
                f"{uri} is not in the registry at {store.uri()} ({error.message}); "
                "run `make repro`, or `make register` where the record is new"
            ) from None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Read (n, 28, 28) uint8 canonical digits; returns (n, 10) float32, rows that sum to 1."""
        return self._model.predict(images)["probabilities"]

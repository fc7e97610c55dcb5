"""The registry: versions of the model `digits`, and which of them is champion."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from digits.errors import UserError
from digits.tracking import runs, store

NAME = "digits"
CHAMPION, CHALLENGER = "champion", "challenger"
CLAIM = "digits.claim"  # the tag of a version that some process is about to make champion: its accuracy, and when
CLAIM_HOLDS = 300  # seconds: that of a process that was killed is no longer heeded after them


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
    made = client.create_model_version(NAME, source=model.model_uri, run_id=run_id, tags=tags, model_id=model.model_id)
    first = find(tags[runs.WEIGHTS])
    if first.number != str(made.version):  # somebody else registered the same weights at the same moment
        client.delete_model_version(NAME, str(made.version))
    return first


def find(weights: str) -> Version | None:
    """The first version whose model has these weights, or None."""
    client = store.connect()
    condition = f"name = '{NAME}' and tags.{runs.WEIGHTS} = '{weights}'"
    found = client.search_model_versions(condition, max_results=1, order_by=["version_number ASC"])
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


def is_champion(version: Version | None) -> bool:
    """Whether the alias `champion` points to this version, or, of None, to none."""
    now = champion()
    return (now and now.number) == (version and version.number)


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
        raise UserError(f"{uri} is not in the registry at {store.shown()}: {error.message}") from None


def point(alias: str, to: Version) -> None:
    """Let `alias` point to this version, and to no other."""
    store.connect().set_registered_model_alias(NAME, alias, to.number)


def drop(alias: str, of: Version) -> None:
    """Take `alias` from this version, if it has it."""
    if alias in of.aliases:
        store.connect().delete_registered_model_alias(NAME, alias)


@contextmanager
def claiming(version: Version, accuracy: float) -> Iterator[None]:
    """While the block runs, tell all others that this version, of this accuracy, may become champion.

    Of two processes that register at once, each claims before it asks who is champion and who else claims: so one at
    least sees the other, or finds it to be champion when it asks again.
    """
    client = store.connect()
    client.set_model_version_tag(NAME, version.number, CLAIM, f"{accuracy!r} {time.time():.0f}")
    try:
        yield
    finally:
        client.delete_model_version_tag(NAME, version.number, CLAIM)


def better_claim(version: Version, accuracy: float) -> Version | None:
    """Another version that is about to become champion and is better than this one, or as good and older; or None."""
    for found in store.connect().search_model_versions(f"name = '{NAME}' and tags.`{CLAIM}` != ''"):
        claimed, when = found.tags[CLAIM].split()
        earlier = int(found.version) < int(version.number)
        if time.time() - float(when) < CLAIM_HOLDS and (float(claimed), earlier) > (accuracy, False):
            return Version(str(found.version), (), found.run_id, dict(found.tags))
    return None


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
                f"{uri} is not in the registry at {store.shown()} ({error.message}); "
                "run `make repro`, or `make register` where the record is new"
            ) from None

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Read (n, 28, 28) uint8 canonical digits; returns (n, 10) float32, rows that sum to 1."""
        return self._model.predict(images)["probabilities"]

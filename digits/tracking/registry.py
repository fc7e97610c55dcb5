"""The model registry: versions of the model `digits`, their aliases and their files."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from digits.errors import UserError
from digits.tracking import store, tags

if TYPE_CHECKING:
    from digits.model.classifier import Classifier

NAME = "digits"
CHAMPION, CHALLENGER = "champion", "challenger"
CHAMPION_URI = f"models:/{NAME}@{CHAMPION}"
CLAIM = "digits.claim"  # the tag of a version that a process is about to make champion: its accuracy, and when
SUPERSEDED = "superseded_by"  # tag of a version whose run was deleted: the version that the model has now
CLAIM_LIFETIME = 300  # seconds: a claim that is older is ignored, since its process was killed


@dataclass(frozen=True)
class Version:
    """A registered version: its number, its aliases, its run, and its tags."""

    number: str
    aliases: tuple[str, ...]
    run_id: str
    tags: dict[str, str]

    @property
    def uri(self) -> str:
        return f"models:/{NAME}/{self.number}"


def register(run_id: str, model: Any, version_tags: dict[str, str]) -> Version:
    """Create a version of a run's model, or update the tags of the one with the same weights; return it.

    A new version has its tags from the start, so that a process killed in between leaves nothing that a second call
    would not find.
    """
    client = store.connect()
    from mlflow.exceptions import MlflowException

    known = find(version_tags[tags.WEIGHTS])
    if known is not None:
        for name in version_tags.keys() - {"git_commit"}:  # another test split gives another accuracy
            client.set_model_version_tag(NAME, known.number, name, version_tags[name])
        return get_version(known.number)
    try:
        client.create_registered_model(NAME, description="Classifies one canonical 28 x 28 handwritten digit.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    created = client.create_model_version(NAME, model.model_uri, run_id, tags=version_tags, model_id=model.model_id)
    first = find(version_tags[tags.WEIGHTS])
    if first is None or first.number == str(created.version):
        _take_over(str(created.version), version_tags[tags.WEIGHTS])
        return get_version(str(created.version))
    client.delete_model_version(NAME, str(created.version))  # another process registered the same weights just before
    return first


def _take_over(number: str, weights: str) -> None:
    """Give a version the aliases of the versions of the same model whose run or files were deleted for good."""
    client = store.connect()
    condition = f"name = '{NAME}' and tags.{tags.WEIGHTS} = '{weights}'"
    for old in map(str, [one.version for one in client.search_model_versions(condition)]):
        if old == number:
            continue
        for alias in get_version(old).aliases:
            client.set_registered_model_alias(NAME, alias, number)
        client.set_model_version_tag(NAME, old, SUPERSEDED, number)


def find(weights: str) -> Version | None:
    """The first version whose model has these weights, and whose run and model were not deleted, or None."""
    from digits.tracking import runs

    condition = f"name = '{NAME}' and tags.{tags.WEIGHTS} = '{weights}'"
    found = store.connect().search_model_versions(condition, order_by=["version_number ASC"])
    return next((get_version(one.version) for one in found if runs.has_model(one)), None)


def get_version(number: str) -> Version:
    """The version with this number, with its aliases."""
    found = store.connect().get_model_version(NAME, number)
    return Version(str(found.version), tuple(found.aliases), found.run_id, dict(found.tags))


def champion() -> Version | None:
    """The version that the alias `champion` points to, or None."""
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        return get_version(client.get_model_version_by_alias(NAME, CHAMPION).version)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def is_champion(version: Version | None) -> bool:
    """Whether the alias `champion` points to this version now; for None, whether it points to none."""
    now = champion()
    return (now and now.number) == (version and version.number)


def resolve_alias(uri: str) -> Version:
    """The version that `models:/digits@ALIAS` or `models:/digits/NUMBER` names. Raises UserError."""
    parsed = re.fullmatch(rf"models:/{NAME}(@(?P<alias>[^/@]+)|/(?P<number>\d+))", uri)
    if parsed is None:
        raise UserError(f"{uri} names no version: write models:/{NAME}@ALIAS or models:/{NAME}/NUMBER")
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        return get_version(parsed["number"] or client.get_model_version_by_alias(NAME, parsed["alias"]).version)
    except MlflowException as error:
        raise UserError(
            f"{uri} is not in the registry at {store.redacted_uri()} ({error.message}); "
            "run `make repro`, or `make register` where the store is new"
        ) from None


def set_alias(alias: str, version: Version) -> None:
    """Set `alias` to this version; no other version has it then."""
    store.connect().set_registered_model_alias(NAME, alias, version.number)


def delete_alias(alias: str, version: Version) -> None:
    """Remove `alias` from this version, if it has it."""
    if alias in version.aliases:
        store.connect().delete_registered_model_alias(NAME, alias)


@contextmanager
def claiming(version: Version, accuracy: float) -> Iterator[None]:
    """Tag the version, while the block runs, as one that may become champion with this accuracy.

    Of two processes that register at once, each sets its tag before it reads the champion and the other tags. So at
    least one of them sees the other's tag, or finds the other version as champion when it reads again.
    """
    client = store.connect()
    client.set_model_version_tag(NAME, version.number, CLAIM, f"{accuracy!r} {time.time():.0f}")
    try:
        yield
    finally:
        client.delete_model_version_tag(NAME, version.number, CLAIM)


def better_claim(version: Version, accuracy: float) -> Version | None:
    """Another version that is about to become champion and is better, or as good and older; or None."""
    for found in store.connect().search_model_versions(f"name = '{NAME}' and tags.`{CLAIM}` != ''"):
        claimed, when = found.tags[CLAIM].split()
        older = int(found.version) < int(version.number)
        if time.time() - float(when) < CLAIM_LIFETIME and (float(claimed), older) > (accuracy, False):
            return Version(str(found.version), (), found.run_id, dict(found.tags))
    return None


def load_classifier(version: Version) -> "Classifier":
    """The model of a version, loaded. Raises UserError where the store does not have its file."""
    from digits.model.classifier import Classifier
    from digits.tracking import model_files

    with store.wrap_store_errors():
        return Classifier(model_files.provide(version))

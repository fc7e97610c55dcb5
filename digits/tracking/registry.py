"""The model registry: versions of the model `digits`, their aliases and their files."""

import re
from dataclasses import dataclass

from digits.errors import UserError
from digits.tracking import causes, store, tags

NAME = "digits"
CHAMPION, CHALLENGER = "champion", "challenger"
CHAMPION_URI = f"models:/{NAME}@{CHAMPION}"
NOT_FOUND = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")  # the second where an alias points to nothing


class UnusableVersionError(UserError):
    """A version whose files are missing, altered, or none of this project's models."""


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


def number_of(version: Version | None) -> str | None:
    """A version's number; None for none."""
    return version.number if version else None


def provide_model() -> None:
    """Create the registered model, which holds the versions, where the registry has none."""
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(NAME, description="Classifies one canonical 28 x 28 handwritten digit.")
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def find_all(onnx_sha256: str) -> list[Version]:
    """The versions of this ONNX file, the oldest first."""
    condition = f"name = '{NAME}' and tags.{tags.ONNX} = '{onnx_sha256}'"
    found = store.connect().search_model_versions(condition, order_by=["version_number ASC"])
    return [version for one in found if (version := find_version(str(one.version))) is not None]


def find_version(number: str) -> Version | None:
    """The version with this number; None where there is none, or another process has just deleted its own."""
    return causes.found_or_none(lambda: get_version(number))


def get_version(number: str) -> Version:
    """The version with this number, with its aliases."""
    found = store.connect().get_model_version(NAME, number)
    return Version(str(found.version), tuple(found.aliases), found.run_id or "", dict(found.tags))


def champion() -> Version | None:
    """The version that the alias `champion` points to, or None."""
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        return get_version(client.get_model_version_by_alias(NAME, CHAMPION).version)
    except MlflowException as error:
        if error.error_code in NOT_FOUND:
            return None
        raise


def resolve_alias(uri: str) -> Version:
    """The version that `models:/digits@ALIAS` or `models:/digits/NUMBER` names. Raises UserError."""
    parsed = re.fullmatch(rf"models:/{NAME}(@(?P<alias>[^/@]+)|/(?P<number>\d+))", uri)
    if parsed is None:
        raise UserError(f"{uri} names no version: write models:/{NAME}@ALIAS or models:/{NAME}/NUMBER")
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        with store.wrap_store_errors(unless=NOT_FOUND):
            return get_version(parsed["number"] or client.get_model_version_by_alias(NAME, parsed["alias"]).version)
    except MlflowException as error:
        raise UserError(
            f"{uri} is not in the registry at {store.redacted_uri()} ({error.message}); "
            "run `make repro`, or `make register` where the store is new"
        ) from None


def find_named(name: str) -> Version:
    """The version with this alias or number. Raises UserError."""
    return resolve_alias(f"models:/{NAME}{'/' if name.isdecimal() else '@'}{name}")


def set_alias(alias: str, version: Version) -> None:
    """Set `alias` to this version; no other version has it then."""
    client = store.connect()
    from mlflow.exceptions import MlflowException

    try:
        client.set_registered_model_alias(NAME, alias, version.number)
    except MlflowException as error:
        if "registered_model_alias" not in str(error):
            raise
        # MLflow inserts a row where it has just found none: two processes that do so at once violate its key.
        client.set_registered_model_alias(NAME, alias, version.number)


def delete_alias(alias: str, version: Version) -> None:
    """Remove `alias` from this version, if it has it."""
    if alias in version.aliases:
        store.connect().delete_registered_model_alias(NAME, alias)

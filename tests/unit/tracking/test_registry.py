"""Versions, aliases and their files, in a real registry."""

import pytest

from digits.errors import UserError
from digits.tracking import registry, version_checks
from tests.tracking_store import registered_version


def test_a_model_is_registered_once(store, constant_model):
    first, again = (registered_version(constant_model(3)) for _ in range(2))
    assert (first.number, again.number) == ("1", "1")
    assert registry.champion() is None


def test_the_message_without_a_champion_suggests_make_repro_and_make_register(store):
    words = r"models:/digits@champion is not in the registry at sqlite.*`make repro`, or `make register` where the"
    with pytest.raises(UserError, match=words):
        registry.resolve_alias(registry.CHAMPION_URI)


@pytest.mark.parametrize("uri", ["digits", "models:/other@champion", "models:/digits", "models:/digits/latest"])
def test_an_address_of_no_version_is_refused(store, uri):
    with pytest.raises(UserError, match=r"names no version: write models:/digits@ALIAS or models:/digits/NUMBER"):
        registry.resolve_alias(uri)


def test_an_alias_is_set_and_deleted(store, constant_model):
    versions = [registered_version(constant_model(label)) for label in (1, 2)]
    for version in versions:
        registry.set_alias(registry.CHAMPION, version)
        assert registry.champion().number == version.number
    registry.delete_alias(registry.CHAMPION, registry.champion())
    assert registry.champion() is None


@pytest.mark.parametrize("lost", ["run", "file"])
def test_a_version_whose_run_or_file_is_gone_is_replaced_with_its_aliases(store, constant_model, lost):
    """Else the champion would be a version without a model, which the next `dvc repro` takes for registered."""
    first = registered_version(constant_model(3))
    registry.set_alias(registry.CHAMPION, first)
    if lost == "run":
        store.connect().delete_run(first.run_id)
    else:
        version_checks.checked_file(first).unlink()
    second = registered_version(constant_model(3))
    assert (second.number, second.aliases) == ("2", ("champion",))
    assert registered_version(constant_model(3)).number == "2"


def test_a_versions_tags_are_written_once(store, constant_model):
    assert registered_version(constant_model(3), accuracy="0.5").tags["accuracy"] == "0.5"
    assert registered_version(constant_model(3), accuracy="0.6").tags["accuracy"] == "0.5"


def test_an_error_of_the_store_is_not_taken_for_a_missing_champion(store, monkeypatch):
    """Else an outage would print that there is no champion, and the advice to train one."""
    from mlflow.exceptions import MlflowException

    def fail(*arguments):
        raise MlflowException("the database is locked")  # an internal error

    monkeypatch.setattr(type(store.connect()), "get_model_version_by_alias", fail)
    with pytest.raises(MlflowException, match="the database is locked"):
        registry.champion()
    with pytest.raises(UserError, match="is locked by another process"):
        registry.resolve_alias(registry.CHAMPION_URI)

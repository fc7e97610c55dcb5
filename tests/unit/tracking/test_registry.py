"""Versions, aliases and their files, in a real registry."""

import pytest

from digits.errors import UserError
from digits.tracking import registry
from tests.tracking_store import registered_version


def test_a_model_is_registered_once(store, constant_model):
    first, again = (registered_version("c" * 64, constant_model(3)) for _ in range(2))
    assert (first.number, again.number) == ("1", "1")
    assert registry.champion() is None


def test_the_message_without_a_champion_suggests_make_repro(store):
    with pytest.raises(UserError, match=r"models:/digits@champion is not in the registry at sqlite.*`make repro`"):
        registry.resolve_alias(registry.CHAMPION_URI)


@pytest.mark.parametrize("uri", ["digits", "models:/other@champion", "models:/digits", "models:/digits/latest"])
def test_an_address_of_no_version_is_refused(store, uri):
    with pytest.raises(UserError, match=r"names no version: write models:/digits@ALIAS or models:/digits/NUMBER"):
        registry.resolve_alias(uri)


def test_an_alias_is_set_and_deleted(store, constant_model):
    versions = [registered_version(str(label), constant_model(label)) for label in (1, 2)]
    for version in versions:
        registry.set_alias(registry.CHAMPION, version)
        assert registry.champion().number == version.number
    registry.delete_alias(registry.CHAMPION, registry.champion())
    assert registry.champion() is None


def test_the_champion_classifies_digits(store, constant_model, mnist_digits):
    registry.set_alias(registry.CHAMPION, registered_version("d", constant_model(7)))
    champion = registry.resolve_alias(registry.CHAMPION_URI)
    probabilities = registry.load_classifier(champion).predict(mnist_digits.images[:4]).probabilities
    assert probabilities.shape == (4, 10)
    assert probabilities.argmax(axis=1).tolist() == [7] * 4

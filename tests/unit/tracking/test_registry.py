"""Versions, aliases and the files behind them, in a real registry."""

import pytest

from digits.errors import UserError
from digits.tracking import registration, registry
from digits.tracking.tags import WEIGHTS
from tests.recorded import registered


def test_a_model_is_registered_once(store, constant_model):
    first, again = (registered("c" * 64, constant_model(3)) for _ in range(2))
    assert (first.number, again.number) == ("1", "1")
    assert registry.champion() is None


def test_no_champion_says_what_to_run(store):
    with pytest.raises(UserError, match=r"models:/digits@champion is not in the registry at sqlite.*`make repro`"):
        registry.resolve_alias(registry.CHAMPION_URI)


@pytest.mark.parametrize("uri", ["digits", "models:/other@champion", "models:/digits", "models:/digits/latest"])
def test_an_address_of_no_version_is_refused(store, uri):
    with pytest.raises(UserError, match=r"names no version: write models:/digits@ALIAS or models:/digits/NUMBER"):
        registry.resolve_alias(uri)


def test_an_alias_moves(store, constant_model):
    versions = [registered(str(label), constant_model(label)) for label in (1, 2)]
    for version in versions:
        registry.set_alias(registry.CHAMPION, version)
        assert registry.champion().number == version.number
    registry.delete_alias(registry.CHAMPION, registry.champion())
    assert registry.champion() is None


def test_the_champion_reads_digits(store, constant_model, mnist_digits):
    registry.set_alias(registry.CHAMPION, registered("d", constant_model(7)))
    champion = registry.resolve_alias(registry.CHAMPION_URI)
    probabilities = registry.load_classifier(champion).predict(mnist_digits.images[:4]).probabilities
    assert probabilities.shape == (4, 10)
    assert probabilities.argmax(axis=1).tolist() == [7] * 4


def test_what_is_registered_is_seen_without_mlflow(store, constant_model):
    content = {WEIGHTS: "e" * 64, "accuracy": "0.99", "min_accuracy": "0.985"}
    assert not registration.is_registered(content)  # there is no database yet, or nothing in it
    version = registered("e" * 64, constant_model(7), **content)
    assert not registration.is_registered(content)  # no champion
    registry.set_alias(registry.CHAMPION, version)
    assert registration.is_registered(content)
    assert not registration.is_registered({**content, "min_accuracy": "0.5"})
    store.connect().delete_run(version.run_id)
    assert not registration.is_registered(content)


def test_of_a_server_the_registry_is_asked_itself(store, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert not registration.is_registered({WEIGHTS: "e" * 64})

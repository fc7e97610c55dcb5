"""A version's certificate is issued with its registration, and withdrawn from the champion by what changes its data.

Each registration takes 3 s.
"""

import shutil

import pytest

from digits import paths
from digits.files import digest, read_json, write_json
from digits.tracking import certificate, registration, registry, store, tags
from digits.tracking.registry import Version
from tests.raw import write_processed_splits
from tests.scratch import NO_FLOORS

FIGURES = {"certified_error": "0.0089", "certified_at": "0.9", "certificate_digits": "168"}
DRIFTED = "withdrawn: what is served has drifted: "
CERTIFIED = (
    "at most 0.89% of accepted answers are wrong, at 90% confidence: for digits like the 168 validation digits, "
    "not for other pictures, such as photographs"
)


@pytest.mark.parametrize(
    ("version_tags", "words"),
    [
        ({}, "none: this version was registered before certificates"),
        ({**FIGURES, "certificate": "valid"}, CERTIFIED),
        ({**FIGURES, "certificate": "withdrawn: why; since when"}, "withdrawn: why; since when"),
        ({**FIGURES, "certificate": "valid", "served_drift.a-5001": "ink since X"}, f"{DRIFTED}ink since X"),
        ({**FIGURES, "certificate": "withdrawn: data", "served_drift.a-5001": "ink since X"}, "withdrawn: data"),
        (
            {**FIGURES, "certified_error": "1.0", "certificate": "valid"},
            "none: 168 validation digits are too few to certify any error",
        ),
    ],
)
def test_the_state_of_a_certificate_in_words(version_tags, words):
    assert certificate.state(Version("1", (), "", version_tags)) == words


@pytest.fixture
def register(trained_project):
    """A function that registers the model in models/, whatever its metrics; returns the decision's reason."""
    floors = trained_project.register_.model_copy(update={**NO_FLOORS, "min_compared": 2})
    params = trained_project.model_copy(update={"register_": floors})

    def call() -> str:
        reason = registration.register(params, tags.of_model()).reason
        assert registration.is_registered(tags.of_model(), floors)
        return reason

    call.is_registered = lambda: registration.is_registered(tags.of_model(), floors)
    return call


def change_data(*sources: str, drift: tuple[str, ...] = ()) -> None:
    """Another validation split, the sources of today's pictures, and what `validate` says about their drift."""
    write_processed_splits(sources[-1], validation=[1] * 20)
    expectations = {f"drift of {name}": {"success": name not in drift} for name in ("ink", "stroke", "width")}
    write_json(paths.VALIDATION, {"sources": {name: {} for name in sources}, "expectations": expectations})


def test_a_certificate_comes_with_the_version(register):
    register()
    version = registry.champion()
    assert version.tags.items() >= {"certified_error": "0.02", "certificate": "valid"}.items()
    assert version.tags["certified_on"] == digest(paths.PROCESSED / "validation.parquet", "md5")
    assert certificate.state(version).startswith("at most 2.00% of accepted answers are wrong, at 90% confidence")


@pytest.mark.parametrize(
    ("sources", "drift", "why"),
    [
        (("mnist-5k", "folder"), (), "it was not certified on pictures of folder"),
        (("mnist-5k",), ("ink", "width"), "drift of ink, drift of width from data/reference.json"),
        (("folder",), ("ink",), "it was not certified on pictures of folder; drift of ink from data/reference.json"),
    ],
)
def test_the_champions_certificate_is_withdrawn_while_other_data_come_in(register, constant_model, sources, drift, why):
    register()
    change_data(*sources, drift=drift)
    assert not register.is_registered()
    shutil.copy(constant_model(5), paths.ONNX)  # a worse one
    withdrawn = f"withdrawn: {why}; since metrics/validate.json of MD5 {digest(paths.VALIDATION, 'md5')}"
    assert register().endswith(f"the certificate of the champion, version 1, is {withdrawn}")
    assert registry.champion().number == "1"
    assert certificate.state(registry.champion()) == withdrawn
    assert registry.get_version("2").tags["certificate"] == "valid"  # on the validation digits of today
    write_json(paths.VALIDATION, {**read_json(paths.VALIDATION), "more": 1})
    assert register().endswith(withdrawn)  # since the first data that it does not hold for
    change_data("mnist-5k")
    assert register().endswith("the certificate of the champion, version 1, is valid again")


def test_a_champion_whose_data_are_back_is_valid_again(register, constant_model):
    register()
    files = (paths.PROCESSED / "validation.parquet", paths.VALIDATION, paths.ONNX)
    before = {path: path.read_bytes() for path in files}
    change_data("folder")
    shutil.copy(constant_model(5), paths.ONNX)
    assert "is withdrawn" in register()
    for path, content in before.items():
        path.write_bytes(content)
    assert not register.is_registered()  # though this model was registered from these files
    assert register().endswith("its certificate is valid again")
    assert registry.champion().tags["certificate"] == "valid"


def test_a_champion_that_was_trained_on_the_drifted_data_keeps_its_certificate(register, constant_model):
    change_data("mnist-5k", drift=("ink",))
    register()
    shutil.copy(constant_model(5), paths.ONNX)
    assert "certificate" not in register()
    assert registry.champion().tags["certificate"] == "valid"


def test_where_a_person_chooses_another_champion_its_certificate_is_checked(register, constant_model):
    register()
    first = registry.champion()
    change_data("mnist-5k", "folder")
    shutil.copy(constant_model(1), paths.ONNX)  # the better one
    assert "version 2 is champion" in register()
    registry.set_alias(registry.CHAMPION, first)
    assert not register.is_registered()
    assert "the certificate of the champion, version 1, is withdrawn: it was not certified on pictures of" in register()


def test_what_is_served_and_the_data_each_withdraw_and_it_is_valid_where_neither_does(register):
    register()

    def decide_by_data(state: str) -> None:
        store.connect().set_model_version_tag(registry.NAME, "1", certificate.STATE, state)

    def follow(server: str, *drifted: str, judged: tuple[str, ...] = ("label", "ink"), since: str = "noon") -> str:
        return certificate.follow_served(registry.champion(), server, drifted, judged, since)

    decide_by_data("withdrawn: other data")
    assert follow("a", "ink") == ""  # it is withdrawn already
    assert certificate.state(registry.champion()) == "withdrawn: other data"
    assert certificate.issue(registry.champion()) == ""  # it is not valid again
    assert register().endswith("version 1 is the champion already")  # which looks at the data alone
    assert certificate.state(registry.champion()) == f"{DRIFTED}ink since noon"
    decide_by_data("withdrawn: other data")
    change_data("mnist-5k")
    assert certificate.check(registry.champion()).endswith(f"version 1, is {DRIFTED}ink since noon")
    assert follow("a", "ink", since="one") == follow("a", judged=("label",)) == ""  # not measured again
    assert follow("b", "label", since="two").endswith(f"is {DRIFTED}ink since noon; label since two")
    assert follow("a").endswith(f"is {DRIFTED}label since two")
    assert follow("b") == "the certificate of the champion, version 1, is valid again"
    assert certificate.state(registry.champion()).startswith("at most 2.00%")

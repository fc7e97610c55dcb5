"""What is stated about a source: each source of the project has it, and a wrong file is named with its key. 0.1 s."""

import pytest

from digits import paths
from digits.data import source_descriptions, sources
from digits.errors import UserError

TEXTS = {name: f"the {name}" for name in source_descriptions.SourceDescription._fields}


def write(**texts: object) -> None:
    import yaml

    path = paths.SOURCES / "mine" / "source.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(texts))


def test_each_source_of_the_project_is_described(workspace):
    found = source_descriptions.read(sources.SOURCES)
    assert list(found) == sorted(sources.SOURCES)
    assert "CC BY-SA 3.0" in found["mnist"].licence
    assert found["folder"].licence.startswith("not stated")


def test_a_source_of_ones_own_is_described_by_its_file(workspace):
    write(**TEXTS)
    assert source_descriptions.read(["mine", "mine"]) == {"mine": source_descriptions.SourceDescription(**TEXTS)}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ({key: TEXTS[key] for key in ("title", "link")}, "has title, link|has link, title"),
        ({**TEXTS, "license": "MIT"}, "license.*; expected title, description, publisher, licence, citation, link: "),
        ({**TEXTS, "citation": 1998}, "citation = 1998 is no text: write one, in quotation marks where it is a number"),
        ({**TEXTS, "licence": " "}, "licence = ' ' is no text"),
        ({}, "has no keys; expected title"),
    ],
)
def test_a_wrong_key_or_value_is_named(workspace, texts, words):
    write(**texts)
    with pytest.raises(UserError, match=rf"^data/sources/mine/source\.yaml:? .*({words})"):
        source_descriptions.read(["mine"])


def test_of_a_source_without_a_file_nothing_is_stated(workspace):
    (found,) = source_descriptions.read(["mine"]).values()
    assert (found.title, found.licence) == ("mine", "not stated")
    assert found.description.endswith("source.yaml is an example of what to write in data/sources/mine/source.yaml.")


def test_a_broken_file_is_named(workspace):
    write(**TEXTS)
    (paths.SOURCES / "mine" / "source.yaml").write_text("title: [")
    with pytest.raises(UserError, match=r"(?s)^data/sources/mine/source\.yaml can't be read as YAML: .*is an example"):
        source_descriptions.read(["mine"])

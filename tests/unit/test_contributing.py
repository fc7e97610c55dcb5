"""The paths, targets and names in CONTRIBUTING.md and SECURITY.md exist."""

import importlib
import re

import pytest

from tests.imports import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
# Names in the text, and the module that has each
NAMES = {
    "PICTURE_EXPECTATIONS": "digits.validation.suite",
    "PIXEL_COLUMNS": "digits.data.statistics",
    "CORRUPTIONS": "digits.evaluation.corruptions",
    "PROBLEMS": "digits.serving.api",
    "Floor": "digits.tracking.gates",
    "Ingest": "digits.params",
    "Register": "digits.params",
    "Request": "digits.serving.api",
    "Response": "digits.serving.api",
    "SourcePicture": "digits.data.sources",
    "FAULTS": "tests.unit.validation.test_run",
    "divided_source": "digits.data.sources",
    "rate": "digits.evaluation.summary",
    "source": "digits.data.sources",
    "with_interval": "digits.evaluation.summary",
}


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "SECURITY.md"])
def test_every_path_exists(page):
    named = re.findall(r"`([\w.-]+/[\w./-]*)`", (ROOT / page).read_text())
    assert len(named) > 2
    assert [path for path in named if "NAME" not in path and not (ROOT / path).exists()] == []


def test_every_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", CONTRIBUTING)) <= targets


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_code_is_there(name):
    assert re.search(rf"`@?{name}\b", CONTRIBUTING)
    assert hasattr(importlib.import_module(NAMES[name]), name)


def test_a_release_sets_the_version_where_it_stands():
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert f"version: {version}\n" in (ROOT / "CITATION.cff").read_text()

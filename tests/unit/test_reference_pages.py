"""The reference of the expectations and of the environment variables has the names that the code has, and no others."""

import re
from fnmatch import fnmatchcase

import digits
from digits.data.picture_files import SUFFIXES
from digits.validation.suite import DRIFT_EXPECTATIONS, PICTURE_EXPECTATIONS
from tests.imports import ROOT

REFERENCE = ROOT / "docs" / "reference"


def first_cells(page: str) -> list[str]:
    """The names in code style in the first column of all tables of a page."""
    lines = (REFERENCE / page).read_text().splitlines()
    cells = [line.split("|")[1] for line in lines if line.startswith("| `")]
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_the_expectations_are_those_of_the_suite():
    page = (REFERENCE / "expectations.md").read_text()
    known = [expectation.name for expectation in PICTURE_EXPECTATIONS]
    collections = {"scans-binary", "canvas", "tablet-chars74k", "photos", "form-cells-framed", "crops28", "printed"}
    assert [name for name in first_cells("expectations.md") if name not in collections] == known
    assert f"{len(DRIFT_EXPECTATIONS)} in all" in page


def test_every_pattern_of_the_environment_is_on_the_page():
    page = (REFERENCE / "environment-variables.md").read_text()
    named = re.findall(r"`([A-Z_0-9*]+)`", page)
    for name in (*digits.INSTEAD, *digits.PINNED, *digits.OF_A_STAGE):
        assert name in named, name
    for pattern in digits.CLEARED:
        assert pattern.startswith("_") or pattern in named, pattern


def test_what_the_page_says_is_cleared_is_cleared_and_what_it_says_is_kept_is_not():
    page = (REFERENCE / "environment-variables.md").read_text()
    sections = {part.partition("\n")[0]: part for part in page.split("\n## ")[1:]}
    for title, cleared in (("Cleared", True), ("Kept", False)):
        for row in re.findall(r"^\| (.+?) \|", sections[title], re.MULTILINE)[1:]:
            for name in re.findall(r"`([A-Z][A-Z_0-9]+)`", row):
                kept = any(fnmatchcase(name, pattern) for pattern in digits.KEPT) or name in digits.OF_A_STAGE
                known = any(fnmatchcase(name, pattern) for pattern in digits.CLEARED)
                assert (known and not kept) == cleared, name


def test_the_suffixes_are_those_that_are_read():
    page = (REFERENCE / "picture-formats.md").read_text().split("A folder is searched")[0]
    assert set(re.findall(r"`\.(\w+)`", page)) == {suffix for each in SUFFIXES.values() for suffix in each}

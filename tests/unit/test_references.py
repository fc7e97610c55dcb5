"""The pages in references/ agree with the code and the data; CITATION.cff is complete."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.imports import ROOT

REFERENCES = ROOT / "references"
# A citation such as Guo et al. 2017, Mu and Gilmer (2019) or Newcombe's (1998), with its line breaks removed
CITATION = re.compile(r"(?<!\w)([A-Z][\w-]+)(?:'s)?(?: et al\.| (?:and|&) [A-Z][\w-]+)? \(?((?:19|20)\d\d)\b")
PAPERS = re.split(r"^- ", (REFERENCES / "papers.md").read_text(), flags=re.MULTILINE)[1:]
CODE = [path for folder in ("digits", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]


def title(paper: str) -> str:
    return re.match(r"\*\*(.+?)\.\*\*", paper)[1]


def paths_in(text: str) -> list[str]:
    """What a page names in backticks and is the path of a file or a folder."""
    return re.findall(r"`([\w.-]+/[\w./-]*)`", text)


def citations(path: Path) -> set[tuple[str, str]]:
    return set(CITATION.findall(re.sub(r"\n\s*#? ?", " ", path.read_text())))


def test_every_citation_in_the_code_has_an_entry_that_names_the_file():
    found = [(path.relative_to(ROOT).as_posix(), *citation) for path in CODE for citation in citations(path)]
    assert len(found) > 10
    for place, name, year in found:
        entries = [one for one in PAPERS if name in title(one) and year in title(one) and f"`{place}`" in one]
        assert entries, (place, name, year)


@pytest.mark.parametrize("paper", PAPERS, ids=title)
def test_every_file_that_a_paper_names_cites_it(paper):
    names = {*re.findall(r"[A-Z][\w-]+", title(paper)), *re.findall(r"github\.com/[\w-]+/([\w-]+)", paper)}
    places = paths_in(paper)
    assert places
    for place in places:
        files = [ROOT / place] if (ROOT / place).is_file() else [*(ROOT / place).rglob("*.md")]
        assert any(name in file.read_text() for file in files for name in names), place


@pytest.mark.parametrize("source", [path.parent.name for path in ROOT.glob("data/sources/*/source.yaml")])
def test_every_source_and_its_licence_are_on_the_page_of_licences(source):
    (row,) = [line for line in (REFERENCES / "data-licences.md").read_text().splitlines() if f"`{source}`" in line]
    stated = yaml.safe_load((ROOT / "data" / "sources" / source / "source.yaml").read_text())["licence"]
    assert re.split("[,;]", stated)[0] in row


class TestCitation:
    """CITATION.cff has the keys of the Citation File Format 1.2.0, and the version of the project."""

    CONTENT = yaml.safe_load((ROOT / "CITATION.cff").read_text())

    def test_its_keys_are_those_of_the_format(self):
        required = {"cff-version", "message", "title", "authors"}
        known = required | {
            "abstract",
            "date-released",
            "doi",
            "keywords",
            "license",
            "references",
            "type",
            "url",
            "version",
        }
        assert required <= self.CONTENT.keys() <= known | {"repository-code"}
        assert self.CONTENT["cff-version"] == "1.2.0"
        assert self.CONTENT["type"] == "software"

    def test_its_version_and_licence_are_those_of_the_project(self):
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        assert self.CONTENT["version"] == project["version"]
        assert (ROOT / "LICENSE").read_text().startswith(f"{self.CONTENT['license']} License")

    def test_each_reference_has_a_type_a_title_and_authors(self):
        for one in self.CONTENT["references"]:
            assert {"type", "title", "authors"} <= one.keys()
            assert all({"family-names", "given-names"} <= author.keys() for author in one["authors"])

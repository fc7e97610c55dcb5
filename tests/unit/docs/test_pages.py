"""The pages of the documentation: what they link to and name exists, and no picture is left over."""

import re
from pathlib import Path

import pytest

from docs._extensions.markdown import anchor
from tests.imports import ROOT

DOCS = ROOT / "docs"
PAGES = [path for path in DOCS.rglob("*.md") if not {"_build", "python"} & set(path.relative_to(DOCS).parts)]
FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2`*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Files and folders of the project, but for data/, models/ and the like, where a stage or the user writes
PATH = re.compile(r"`((?:benchmarks|deploy|digits|docs|notebooks|pipeline|references|tests)/(?:[\w./-]*(?:/|\.\w+))?)`")


def words(path: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", words(path), re.MULTILINE)
    return {anchor(re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading)) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_each_link_to_the_project_leads_somewhere(page):
    for link in LINK.findall(words(page)):
        file, _, place = link.partition("#")
        if not re.match(r"[a-z]+:", link):
            target = (page.parent / file).resolve() if file else page
            assert target.is_file() or "reference/python/" in target.as_posix(), f"{link} is no file"
            if place and target.suffix == ".md" and "<!-- generated:" not in target.read_text(encoding="utf-8"):
                assert place in anchors(target), f"{link}: the page has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(DOCS).as_posix())
def test_each_path_that_is_named_exists(page):
    assert [path for path in PATH.findall(words(page)) if not (ROOT / path).exists()] == []


def test_each_picture_is_shown():
    shown = {
        (page.parent / link).resolve() for page in [*PAGES, ROOT / "README.md"] for link in LINK.findall(words(page))
    }
    assert set(DOCS.glob("images/*")) <= shown
    assert list(DOCS.glob("*.png")) == []

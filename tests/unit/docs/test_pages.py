"""The pages in docs/, references/ and the root: what they link to and name exists, and no picture is left over."""

import re
from pathlib import Path

import pytest

from docs._extensions.markdown import anchor
from tests.imports import ROOT

DOCS = ROOT / "docs"
PAGES = [
    *(path for path in DOCS.rglob("*.md") if not {"_build", "python"} & set(path.relative_to(DOCS).parts)),
    *ROOT.glob("references/*.md"),
    *(path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"),  # earlier versions had other pages
]
FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2`*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
# Without data/, models/ and the like, where a stage or the user writes
FOLDERS = ("benchmarks", "deploy", "digits", "docs", "notebooks", "pipeline", "references", "tests")
PATH = re.compile(rf"`(?!docs/_build)((?:{'|'.join(FOLDERS)})/(?:[\w./-]*(?:/|\.\w+))?)`")
SUFFIXES = {".html", ".ipynb", ".md", ".py", ".toml", ".yaml", ".yml"}
FILES = [
    *(path for path in ROOT.iterdir() if path.suffix in SUFFIXES or path.name in ("Dockerfile", "Makefile")),
    *(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*") if path.suffix in SUFFIXES),
]
NAMED = re.compile(r"(?<![\w./-])docs/(?:[\w/-]+\.md|images/[\w-]+\.png)")


def words(path: Path) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", words(path), re.MULTILINE)
    return {anchor(re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading)) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_link_to_the_project_leads_somewhere(page):
    for link in LINK.findall(words(page)):
        file, _, place = link.partition("#")
        if not re.match(r"[a-z]+:", link):
            target = (page.parent / file).resolve() if file else page
            assert target.is_file() or "reference/python/" in target.as_posix(), f"{link} is no file"
            if place and target.suffix == ".md" and "<!-- generated:" not in target.read_text(encoding="utf-8"):
                assert place in anchors(target), f"{link}: the page has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_path_that_is_named_exists(page):
    assert [path for path in PATH.findall(words(page)) if not (ROOT / path).exists()] == []


def test_each_picture_is_shown():
    shown = {(page.parent / link).resolve() for page in PAGES for link in LINK.findall(words(page))}
    assert set(DOCS.glob("images/*")) <= shown
    assert list(DOCS.glob("*.png")) == []


def test_each_page_and_picture_that_the_project_names_exists():
    old = {ROOT / "CHANGELOG.md", *DOCS.glob("_build/**/*"), *DOCS.glob("reference/python/*")}
    named = {(name, path) for path in FILES if path not in old for name in NAMED.findall(path.read_text("utf-8"))}
    assert len(named) > 10
    assert sorted(f"{path.relative_to(ROOT)}: {name}" for name, path in named if not (ROOT / name).exists()) == []

"""The site of the documentation: built without a warning, it loads nothing from elsewhere, and no link is broken."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.imports import ROOT

LOADED = {("script", "src"), ("img", "src"), ("source", "srcset"), ("iframe", "src")}
RELATIONS = {"stylesheet", "icon", "preload", "manifest"}  # of a <link> that a browser loads; others are for machines


class Page(HTMLParser):
    """What a page loads and links to, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.loaded, self.links, self.anchors = set(), set(), {""}
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors.add(given.get("id") or "")
        self.loaded |= {given[name] for name in given if (tag, name) in LOADED}
        if tag == "link" and set((given.get("rel") or "").split()) & RELATIONS:
            self.loaded.add(given["href"])
        if tag == "a" and given.get("href"):
            self.links.add(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-q",
        "-W",
        "--keep-going",
        "-d",
        folder / "doctrees",
        "docs",
        folder / "html",
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_the_site_is_read_without_a_network(site, pages):
    assert len(pages) > 20
    assert {address for page in pages.values() for address in page.loaded if urlsplit(address).netloc} == set()
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:url\(|@import)\s*['\"]?(?:https?:)?//[^)]*", styles) == []


def test_no_link_is_broken(pages):
    for path, page in pages.items():
        for address in page.links | page.loaded:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            assert target.is_file(), f"{path.name}: {address}"
            if target in pages:
                assert unquote(parts.fragment) in pages[target].anchors, f"{path.name}: {address}"

"""Self-contained pages, with all text escaped."""

import re
from base64 import b64decode
from pathlib import Path

import pytest

from digits.visualization import pages

TEMPLATES = Path(pages.__file__).parent / "templates"


def content_of(verdict: str) -> dict:
    """The content of a report on no pictures."""
    return {
        "verdict": verdict,
        "colour": "good",
        "summary": "0 of 0",
        "pictures": 0,
        "splits": {},
        "sources": {},
        "results": [],
        "failures": [],
        "quarantined": [],
        "quarantined_count": 0,
        "quarantine_file": "quarantine.csv",
        "labels": {},
        "largest": 1,
        "plot": b"",
        "drift": {},
        "drift_bound": 0.25,
        "reference_file": "reference.json",
        "reference_pictures": 0,
    }


def test_every_text_is_escaped(tmp_path):
    pages.write(tmp_path / "a.html", "validation.html", **content_of('<script>alert(1)</script> & "more"'))
    page = (tmp_path / "a.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;more&#34;" in page


def test_the_same_content_gives_the_same_bytes_and_nothing_else_is_left(tmp_path):
    for name in ("a.html", "b.html"):
        pages.write(tmp_path / "new" / name, "validation.html", **content_of("good"))
    assert (tmp_path / "new" / "a.html").read_bytes() == (tmp_path / "new" / "b.html").read_bytes()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["a.html", "b.html"]


def test_what_is_missing_is_an_error_and_leaves_the_old_page(tmp_path):
    pages.write(tmp_path / "a.html", "validation.html", **content_of("good"))
    before = (tmp_path / "a.html").read_bytes()
    content = content_of("bad")
    del content["summary"]
    with pytest.raises(Exception, match="'summary' is undefined"):
        pages.write(tmp_path / "a.html", "validation.html", **content)
    assert (tmp_path / "a.html").read_bytes() == before


def test_a_picture_is_embedded():
    address = pages.embedded(b"\x89PNG bytes")
    assert address.startswith("data:image/png;base64,")
    assert b64decode(address.partition(",")[2]) == b"\x89PNG bytes"


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_template_names_an_address_or_a_script(path):
    text = path.read_text().replace("<script>{{ script }}</script>", "")  # Vega's, of the page of DVC's plots
    assert not re.search(r"https?:|//\w|<script|@import|url\(|\bsafe\b", text)
    assert re.findall(r'src="(?!\{\{ \w+(?:\.\w+)? \| embedded(?:\("jpeg"\))? \}\}")', text) == []

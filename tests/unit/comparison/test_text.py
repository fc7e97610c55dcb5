"""The comparison as Markdown and as a page."""

import re

import pytest

from digits.comparison import page, text
from digits.comparison.rows import BETTER, NONE, WORSE, Row


def test_the_document_and_the_page_have_every_part(models, compared, tmp_path):
    asked, found = ("HEAD~1", "<b>wide|</b>"), compared
    document = text.document(asked, models, found)
    assert re.findall("^##? (.*)", document, re.MULTILINE) == [
        r"HEAD\~1 → \<b\>wide\|\</b\>",
        "Measured on the same digits",
        "Recorded by `evaluate`",
        "Read by one alone",
        "Slices",
        "Parameters",
    ]
    for table in re.findall(r"(?:^\|.*\n?)+", document, re.MULTILINE):
        assert len({len(line) for line in table.splitlines()}) == 1  # aligned
    assert re.search(r"\| accuracy +\| better +\| \d\d\.\d\d% \(.* to .*\) +\| \+\d+\.\d\d points \(\+", document)
    assert re.search(r"\| mean corruption error +\| better +\| 20\.00% \(18\.00 to 22\.00\)", document)
    assert re.search(r"\| refused: two digits +\| – +\| 50\.00% +\| 50\.00% +\|", document)
    assert re.search(r"\| `train\.digits` +\| `100` +\| `500` +\|", document)
    assert "\n\nDifferent: 1; equal: 1.\n\n" in document
    for path in (tmp_path / "a.html", tmp_path / "b.html"):
        page.write(path, asked, models, found)
    written = (tmp_path / "a.html").read_text()
    assert written == (tmp_path / "b.html").read_text()
    alone = [*map(len, found.read_by_one)]
    assert written.count("<figure>") == sum(min(count, page.MAX_PICTURES) for count in alone)
    assert f"B alone: {'the first 50 of ' if alone[1] > 50 else ''}{alone[1]}, by confidence" in written
    assert ">Different: 1; equal: 1.<" in written
    assert "<b>wide" not in written
    assert "number None" not in written
    assert written.count('class="plot"') == 2


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        ((BETTER, BETTER), "B is better in a, b."),
        ((WORSE, BETTER), "B is better in b; B is worse in a."),
        ((NONE, NONE), "No difference is shown in a, b."),
        ((NONE, WORSE), "B is worse in b; no difference is shown in a."),
    ],
)
def test_the_verdicts_make_a_sentence(verdicts, sentence):
    assert (
        text.verdict([Row(name, True, None, None, None, one) for name, one in zip("ab", verdicts, strict=True)])
        == sentence
    )


def test_a_table_stays_a_table_whatever_its_cells_have():
    lines = text.table(("a", "b"), [("x|y", "two\nlines *")]).splitlines()
    assert len(lines) == 3
    assert lines[2].split(" | ") == [r"| x\|y", r"two\\nlines \* |"]

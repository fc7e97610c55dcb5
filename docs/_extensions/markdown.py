"""What the generators of the reference share: the project's root, tables, and comments as Markdown."""

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from unicodedata import category

from digits.visualization.markdown import code

__all__ = ["ROOT", "anchor", "code", "codes", "linked", "outside_code", "prose", "table"]
ROOT = Path(__file__).parents[2]
SPANS = re.compile(r"(`+[^`]+`+)")  # code, which is left as it is
MARKUP = re.compile(r"[*_\[\]<>$]")
PAGE = re.compile(r"\bdocs/([\w/-]+\.md(?:#[\w-]+)?)")


def prose(text: str) -> str:
    """A comment or description with `code` in it, as Markdown for a page in docs/reference/."""
    text = " ".join(text.split()).replace("|", r"\|")
    return outside_code(text, lambda part: linked(MARKUP.sub(r"\\\g<0>", part), "../"))


def outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with its parts that are no `code` changed."""
    return "".join(part if part[:1] == "`" else change(part) for part in SPANS.split(text))


def linked(text: str, docs: str) -> str:
    """The text with a link for each page of the documentation that it names; `docs` is the way to their folder."""
    return PAGE.sub(rf"[docs/\1]({docs}\1)", text)


def anchor(heading: str) -> str:
    """The anchor of a heading as GitHub has it: of letters, decimal digits, _ and -, so that ⁸ is left out."""
    letters = heading.strip().lower()
    kept = (one for one in letters if one in "_- " or category(one)[0] in "LM" or one.isdecimal())
    return "".join(kept).replace(" ", "-")


def codes(texts: Iterable[object]) -> str:
    """Several values, each as code."""
    return ", ".join(code(str(text)) for text in texts)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells, which are Markdown, as a table, which a phone shows row by row; nothing without rows."""
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    head = ["{.by-row}", f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join([*head, *lines]) + "\n" if lines else ""

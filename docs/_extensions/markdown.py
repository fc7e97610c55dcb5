"""What the generators of the reference share: the project's root, tables, and comments as Markdown."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from unicodedata import category

from digits.visualization.markdown import code

__all__ = ["ROOT", "anchor", "code", "codes", "prose", "table"]
ROOT = Path(__file__).parents[2]
SPANS = re.compile(r"(`+[^`]+`+)")  # code, which is left as it is
MARKUP = re.compile(r"[\\*_\[\]<>|$]")


def prose(text: str) -> str:
    """A comment, description or help text with `code` in it, as Markdown that shows each other character."""
    parts = SPANS.split(" ".join(text.split()))
    return "".join(part.replace("|", r"\|") if part[:1] == "`" else MARKUP.sub(r"\\\g<0>", part) for part in parts)


def anchor(heading: str) -> str:
    """The anchor of a heading as GitHub has it: of letters, decimal digits, _ and -, so that ⁸ is left out."""
    letters = heading.strip().lower()
    kept = (one for one in letters if one in "_- " or category(one)[0] in "LM" or one.isdecimal())
    return "".join(kept).replace(" ", "-")


def codes(texts: Iterable[object]) -> str:
    """Several values, each as code."""
    return ", ".join(code(str(text)) for text in texts)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of cells, which are Markdown, as a table; nothing without rows."""
    lines = [f"| {' | '.join(cells)} |" for cells in rows]
    return "\n".join([f"| {' | '.join(headings)} |", "|---" * len(headings) + "|", *lines]) + "\n" if lines else ""

"""Markdown files from templates: every text is escaped, so that a file's name is no markup and ends no table row."""

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from digits.errors import printable
from digits.files import atomic_write
from digits.visualization import formats

# A backslash before each makes it plain text (CommonMark 0.31, 2.4)
MARKUP = re.compile(r"[\\`*_\[\]<>|~&$]")
BLOCK_START = re.compile(r"^( *\d{0,9})([-+#.)])(?=[\s#-]|$)")  # the marker of a heading, list or line across the page
# GitHub notifies who is mentioned, also after a backslash, but not after a zero-width space (github/markup#1168)
MENTION = re.compile(r"(?<![\w/])@(?=\w)")


def write(path: Path, template: str, **content: Any) -> None:
    """Render the template with the content, every text escaped, and write the Markdown to `path`."""
    with atomic_write(path) as temporary:
        temporary.write_text(render(template, **content), encoding="utf-8")


def render(template: str, **content: Any) -> str:
    """The template as Markdown, with the content, every text escaped."""
    # What is no Markup yet gets Markdown's escapes from `finalize`, and then none of HTML.
    loader = PackageLoader(__package__)
    environment = Environment(loader=loader, undefined=StrictUndefined, autoescape=True, finalize=escaped)
    environment.trim_blocks = environment.lstrip_blocks = environment.keep_trailing_newline = True
    environment.filters |= {"code": code, **formats.FILTERS}
    return environment.get_template(template).render(**content)


def escaped(value: Any) -> Any:
    """A text as Markdown that shows it, in one line; anything else, and what is Markdown already, as it is."""
    if isinstance(value, str) and not isinstance(value, Markup):
        text = BLOCK_START.sub(r"\1\\\2", MARKUP.sub(r"\\\g<0>", printable(value)))
        return Markup(MENTION.sub("@\u200b", text))
    return value


def code(text: str) -> Markup:
    """A text as a code span, in which only a table's separator needs a backslash (GitHub Flavored Markdown, 4.10)."""
    text = printable(text).replace("|", "\\|")
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if "`" in text else ""  # between the fence and a backtick of the text
    return Markup(f"{fence}{space}{text}{space}{fence}")

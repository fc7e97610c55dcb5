"""The help texts of the commands, plain text with `code`, as reStructuredText, which sphinx-click reads."""

import re

import click
from sphinx.application import Sphinx

DIRECTIVE = re.compile(r"\s*(\.\. |:default: |:options: |$)")
SPANS = re.compile(r"(`[^`]+`)")
MARKUP = re.compile(r"[\\*_|]")


def setup(app: Sphinx) -> dict[str, bool]:
    """Let each text that sphinx-click has made be escaped."""
    for part in ("description", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", escape_lines)
    return {"parallel_read_safe": True}


def escape_lines(app: Sphinx | None, context: click.Context | None, lines: list[str]) -> None:
    """Escape the lines in their place; a block that is not wrapped, `Examples:` with commands, gets them as code."""
    changed: list[str] = []
    for line in lines:
        text = line.removeprefix("| ")
        if text == line:
            changed.append(line if DIRECTIVE.match(line) else escaped(line))
        elif text.startswith("  "):
            changed.append(f"  {text}")
        else:
            changed += [f"{escaped(text)}:", ""]
    lines[:] = changed


def escaped(text: str) -> str:
    """The text as reStructuredText that shows it, what is in backticks as code."""
    parts = SPANS.split(text)
    return "".join(f"`{part}`" if part[:1] == "`" else MARKUP.sub(r"\\\g<0>", part) for part in parts)

"""Every message of an error that a user can fix is on its page, and every message on the page is in the code."""

import ast
import re
from itertools import pairwise

import pytest
from markdown_it import MarkdownIt

from tests import messages
from tests.imports import ROOT

PAGE = ROOT / "docs" / "reference" / "errors.md"
MESSAGES = messages.find_all()
WITH_WORDS = [message for message in MESSAGES if not messages.is_opaque(message.pattern)]
NEARLY = 0.8  # of the longest text that fits an entry: two messages may differ in a word that changes


def entries(text: str) -> list[tuple[int, str]]:
    """The messages of a page, with their lines: the code at the beginning of each item of a list."""
    found = []
    for before, token in pairwise(MarkdownIt("commonmark").parse(text)):
        if token.type == "inline" and before.type == "paragraph_open" and before.level and token.map:
            for child in token.children or []:
                if child.type == "code_inline":
                    found.append((token.map[0] + 1, child.content))
                elif child.type != "softbreak" and child.content.strip(" ,"):
                    break
    return found


ENTRIES = entries(PAGE.read_text())


def matching(entry: str) -> list[messages.Message]:
    """The messages that an entry is of: those whose constant text is the longest."""
    fitting = [message for message in WITH_WORDS if re.fullmatch(message.pattern, entry)]
    longest = max((len(message.constant) for message in fitting), default=0)
    return [message for message in fitting if len(message.constant) >= NEARLY * longest]


def test_every_message_on_the_page_is_in_the_code():
    assert len(ENTRIES) > 250
    assert [f"{PAGE}:{line}: {entry}" for line, entry in ENTRIES if not matching(entry)] == []


def test_every_message_is_on_the_page():
    known = {message for _, entry in ENTRIES for message in matching(entry)}
    assert [f"{message.place}: {message.constant}" for message in WITH_WORDS if message not in known] == []


def test_a_message_that_has_no_words_of_its_own_is_made_by_a_function_that_is_known():
    opaque = {message.place.partition(":")[0] for message in MESSAGES if messages.is_opaque(message.pattern)}
    assert opaque == set(messages.MADE_BY)
    for path, *functions in messages.MADE_BY.values():
        defined = {
            one.name for one in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(one, ast.FunctionDef)
        }
        assert set(functions) <= defined


@pytest.mark.parametrize(
    ("code", "entry"),
    [
        ('UserError("no model")', "no model"),
        ('UserError(f"{path} has {n:,} rows; " "add some")', "a.csv has 3 rows; add some"),
        ('errors.UserError("a\\n" + "\\n".join(found))', "a LIST"),
        ('UserError(redact(f"{one}: no {two}"))', "x: no y"),
    ],
)
def test_the_pattern_of_a_message_is_what_is_constant_in_it(code, entry):
    ((_, pattern),) = messages.of_tree(ast.parse(f"raise {code}"), {"UserError"}, set())
    assert re.fullmatch(pattern, entry)
    assert not re.fullmatch(pattern, "another message")

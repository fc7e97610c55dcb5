"""Markdown shows each text as it is: no name is markup, breaks a line or ends a table's row. 0.1 s."""

import pytest

from digits.visualization import markdown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", r"a\|b"),
        ("<img src=x>", r"\<img src=x\>"),
        ("no_leak *now* `x` [y](z) $1 & ~~2~~", r"no\_leak \*now\* \`x\` \[y\](z) \$1 \& \~\~2\~\~"),
        ("two\nlines", r"two\\nlines"),
        ("plain text, 3.5 %", "plain text, 3.5 %"),
        ("# a", r"\# a"),
        ("- a #1", r"\- a #1"),
        ("12. a", r"12\. a"),
        ("---", r"\---"),
        ("-0.85 points", "-0.85 points"),
        ("@ada and (@ada)", "@\u200bada and (@\u200bada)"),
        ("models:/digits@champion", "models:/digits@champion"),
        ("https://host/@ada", "https://host/@ada"),
        (7, 7),
    ],
)
def test_a_text_is_escaped(text, expected):
    assert markdown.escaped(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("train.val_loss", "`train.val_loss`"), ("a|b", r"`a\|b`"), ("a `b``", "``` a `b`` ```"), ("a\nb", r"`a\nb`")],
)
def test_a_code_span_shows_the_text(text, expected):
    assert markdown.code(text) == expected
    assert markdown.escaped(markdown.code(text)) == expected

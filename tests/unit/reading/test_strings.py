"""A line's digits as a string, and what stands in words, by hand. In hundredths of a second."""

import pytest

from digits.reading.page import Digit
from digits.reading.strings import BARE, IN_WORD, line_string, row_string, without_bare_strokes, without_words

LOOKS_LIKE_NO_DIGIT, IMPROBABLE = "looks like no digit (score 2.1)", "probability 0.41, below 0.9"


def row(signs: str, gap: int = 12, height: int = 40) -> list[Digit]:
    """Digits 20 pixels wide; "?" is improbable, "x" no digit, and a space is as wide as a digit and its gaps."""
    reasons = {"?": IMPROBABLE, "x": LOOKS_LIKE_NO_DIGIT}
    return [
        Digit((left, 0, left + 20, height), int(sign) if sign.isdigit() else 8, 0.9, sign.isdigit(), reason, 0, place)
        for place, sign in enumerate(signs)
        if sign != " "
        for left, reason in [(place * (20 + gap), reasons.get(sign))]
    ]


def accepted(digits: list[Digit]) -> str:
    return "".join(str(digit.label) if digit.accepted else "-" for digit in digits)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("341578", "341578"),
        ("3415 78", "3415 78"),
        ("123 45 6", "123 45 6"),
        ("34?5", "34?5"),
        ("x34x 5", "34 5"),
        ("xx", ""),
        ("", ""),
    ],
)
def test_a_line_has_spaces_and_question_marks_but_nothing_that_is_no_digit(signs, expected):
    assert line_string(row(signs), 40) == expected


def test_a_space_is_wide_for_the_height_of_the_line_and_among_its_gaps():
    digits = row("12", gap=30)
    assert (line_string(digits, 50), line_string(digits, 60)) == ("1 2", "12")
    assert line_string(row("1234", gap=30), 40) == "1234"
    assert line_string(row("1234 5", gap=30), 40) == "1234 5"


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ("x0xx8", "-----"),  # a word
        ("x 20 xx1", "-20---"),  # a number between words
        ("12x4", "12-4"),  # a number with a blot
        ("0x", "0-"),  # one sign is no word
        ("x0x?x", "-----"),
        ("", ""),
    ],
)
def test_in_a_word_no_digit_is_accepted(signs, expected):
    found = without_words(row(signs), 40)
    assert accepted(found) == expected
    wanted = {"x": LOOKS_LIKE_NO_DIGIT, "?": IMPROBABLE}
    for digit, sign in zip(found, signs.replace(" ", ""), strict=True):
        assert digit.accepted or digit.reason == wanted.get(sign, IN_WORD)


def test_bare_strokes_need_another_digit_of_their_size_on_the_page():
    strokes, digits = row("11"), row("3117")
    assert [accepted(one) for one in without_bare_strokes([digits, strokes])] == ["3117", "11"]
    for height in (20, 80):
        found = without_bare_strokes([row("3117", height=height), strokes])
        assert [accepted(one) for one in found] == ["3117", "--"]
        assert [digit.reason for digit in found[1]] == [BARE] * 2


def test_strokes_alone_are_accepted_where_they_are_few():
    assert [accepted(one) for one in without_bare_strokes([row("1"), row("11")])] == ["1", "11"]
    assert [accepted(one) for one in without_bare_strokes([row("11"), row("11")])] == ["--", "--"]


def test_a_row_of_a_grid_has_a_point_for_an_empty_cell():
    assert row_string(row("3 ?x"), 5) == "3.??."


def test_in_a_line_of_text_only_what_has_digits_alone_is_read():
    """Signs 20 pixels wide and 30 tall: "No" with a 0, "3415" and two more words of a letter and a look-alike."""
    text = [(0, False), (22, True), (62, True), (84, True), (106, True), (128, True)]
    text += [(170, False), (192, True), (240, False), (262, False)]
    reason = "looks like no digit: outlier score 3.0 is above 0.0"
    row = [Digit((x, 0, x + 20, 30), 3, 0.99, good, None if good else reason, None, None) for x, good in text]
    assert [digit.accepted for digit in without_words(row, 30)] == [False] * 2 + [True] * 4 + [False] * 4

"""The list of label issues: what people may write into it, and what of it stays in the next list."""

import hashlib

import pytest

from digits.errors import UserError
from digits.labels import issues
from digits.labels.issues import Issue

HASHES = [hashlib.sha256(bytes([n])).hexdigest() for n in range(4)]


def issue(number: int, given: str = "3", decision: str = "", **changes: str) -> Issue:
    return Issue(HASHES[number], f"{number}.png", "train", given, "5", "0.0100", "0.9800", decision)._replace(**changes)


def test_what_is_written_is_read(tmp_path):
    given = [issue(0), issue(1, decision="keep"), issue(2, decision="drop", why="a, “b”"), issue(3, decision="7")]
    issues.write(given, tmp_path / "labels.csv")
    assert issues.read(tmp_path / "labels.csv") == given


def test_capitals_and_spaces_do_not_matter(tmp_path):
    issues.write([issue(0, decision=" Keep ")], tmp_path / "labels.csv")
    assert [one.right_label for one in issues.read(tmp_path / "labels.csv")] == ["3"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (
            [issue(0), issue(1, decision="10")],
            "row 3: decision is '10'; expected a digit, 0 to 9, keep, drop or",
        ),
        ([issue(0, decision="yes")], "row 2: decision is 'yes'; expected a digit"),
        ([issue(0, given="")], "row 2: given is ''; expected a digit, 0 to 9"),
        ([issue(0, sha256="abc")], "row 2: sha256 is 'abc'; expected 64 hexadecimal digits"),
        (
            [issue(0, decision="5"), issue(1), issue(0, decision="8")],
            "row 4 is of the same picture as an earlier row, 0.png, with another label or decision",
        ),
    ],
)
def test_a_fault_is_named_with_its_row(tmp_path, rows, words):
    path = tmp_path / "labels.csv"
    issues.write(rows, path)
    with pytest.raises(UserError) as error:
        issues.read(path)
    assert str(error.value).startswith(f"{path}: {words}")


def test_of_one_picture_with_two_labels_the_decided_row_counts(tmp_path):
    decided, other = issue(0, decision="5"), issue(0, given="8")
    for rows in ([decided, other], [other, decided]):
        issues.write(rows, tmp_path / "labels.csv")
        assert issues.read(tmp_path / "labels.csv") == [decided]


def test_without_a_list_the_command_that_writes_it_is_named(tmp_path):
    with pytest.raises(UserError, match=r"labels.csv does not exist: `digits labels find` writes it"):
        issues.read(tmp_path / "labels.csv")


def test_decisions_stay_in_the_next_list():
    decided = [issue(0, decision="5", why="seen"), issue(1, decision="keep"), issue(2), issue(3, decision="drop")]
    found = [issue(1, probability_given="0.0200"), issue(0), issue(2)]
    assert issues.carry_over(found, decided) == [
        issue(1, probability_given="0.0200", decision="keep"),
        issue(0, decision="5", why="seen"),
        issue(2),
        issue(3, decision="drop"),
    ]


def test_keep_means_the_label_that_was_given_then():
    (after,) = issues.carry_over([issue(0, given="8")], [issue(0, given="3", decision="keep")])
    assert (after.given, after.decision) == ("8", "3")

"""reports/labels.csv: the label issues, a row each, with the decisions that people write into it."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from digits import paths
from digits.data import csv_files
from digits.data.corrections import DROP
from digits.data.dataset import LABELS
from digits.errors import UserError, printable
from digits.files import atomic_write

KEEP = "keep"  # the given label is right
DECISIONS = ("", KEEP, DROP, *map(str, LABELS))


class Issue(NamedTuple):
    """A digit whose label is probably wrong, and what a person decided: one of DECISIONS, "" while undecided, and why.

    Labels and probabilities, 0 to 1, are text, as in the file.
    """

    sha256: str
    path: str
    split: str
    given: str
    suggested: str
    probability_given: str
    probability_suggested: str
    decision: str = ""
    why: str = ""

    @property
    def right_label(self) -> str:
        """The label that the decision means, or DROP; "" while undecided."""
        return self.given if self.decision == KEEP else self.decision


def read(path: Path = paths.LABEL_ISSUES) -> list[Issue]:
    """The rows of the file. Raises UserError naming the row of what is wrong, or where there is no such file."""
    if not path.exists():
        raise UserError(f"{path} does not exist: `digits labels find` writes it")
    issues: dict[str, Issue] = {}
    for row in csv_files.read(path, Issue._fields):
        row.sha256()
        row.label("given")
        decision = row.fields["decision"].lower()
        if decision not in DECISIONS:
            raise row.error("decision", f"a digit, 0 to 9, {KEEP}, {DROP} or nothing")
        issue = Issue(**{name: row.fields[name] for name in Issue._fields})._replace(decision=decision)
        other = issues.get(issue.sha256, issue)
        if decision and other.decision and (other.given, other.right_label) != (issue.given, issue.right_label):
            raise UserError(
                f"{path}: row {row.number} is of the same picture as an earlier row, {printable(other.path)}, with "
                "another label or decision: decide in one of them only"
            )
        if decision or issue.sha256 not in issues:
            issues[issue.sha256] = issue
    return list(issues.values())


def carry_over(found: Iterable[Issue], decided: Iterable[Issue]) -> list[Issue]:
    """The issues `found`, with the decisions about the same pictures; other decided rows follow after them."""
    before = {one.sha256: one for one in decided if one.decision}
    issues = [_decided(issue, before.pop(issue.sha256, None)) for issue in found]
    return issues + list(before.values())


def _decided(issue: Issue, known: Issue | None) -> Issue:
    """The issue with a decision about the same picture, which may have had another label then."""
    if not known:
        return issue
    same = known.given == issue.given
    return issue._replace(decision=known.decision if same else known.right_label, why=known.why)


def write(issues: Iterable[Issue], path: Path = paths.LABEL_ISSUES) -> None:
    """Write the file, in the order given."""
    with atomic_write(path) as temporary:
        temporary.write_text(csv_files.text(Issue._fields, [*issues]), encoding="utf-8")

"""People's decisions on label issues, as corrections that ingest applies."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from digits.data.corrections import Correction
from digits.labels.issues import Issue

EFFECTS = ("new", "changed", "unchanged", "withdrawn", "kept", "undecided")
NEW, CHANGED, UNCHANGED, WITHDRAWN, KEPT, UNDECIDED = EFFECTS


class Merged(NamedTuple):
    """The corrections by SHA-256, how many rows had each effect, and a line for each earlier one that changed."""

    corrections: dict[str, Correction]
    counts: Counter[str]
    changes: list[str]


def merge(issues: Iterable[Issue], earlier: Mapping[str, Correction], who: str, when: str) -> Merged:
    """The earlier corrections with the decisions on the issues: of one picture the decision wins.

    A picture that was corrected before has `old` as its source gives it, also where the list of issues was made of
    the corrected data. A decision for that label withdraws the correction.
    """
    merged = Merged(dict(earlier), Counter(), [])
    for issue in issues:
        merged.counts[_apply(issue, merged, who, when)] += 1
    return merged


def _apply(issue: Issue, merged: Merged, who: str, when: str) -> str:
    """Merge one decision in place; returns its effect."""
    if not issue.decision:
        return UNDECIDED
    before = merged.corrections.get(issue.sha256)
    old = before.old if before and issue.given == before.new else issue.given
    if issue.right_label == old:
        if not before:
            return KEPT
        del merged.corrections[issue.sha256]
        merged.changes.append(f"{issue.path}: the correction from {before.old} to {before.new} is withdrawn")
        return WITHDRAWN
    correction = Correction(issue.sha256, old, issue.right_label, who, when, issue.why)
    if before and before[:3] == correction[:3]:
        return UNCHANGED
    merged.corrections[issue.sha256] = correction
    if not before:
        return NEW
    merged.changes.append(
        f"{issue.path}: corrected from {old} to {correction.new}, before from {before.old} to {before.new}"
    )
    return CHANGED

"""Decisions on label issues become corrections; a later decision on the same picture wins."""

import pytest

from digits.data.corrections import Correction
from digits.labels import decisions
from tests.unit.labels.test_issues import HASHES, issue


def correction(old: str, new: str, who: str = "Ada", when: str = "2026-11-29", why: str = "") -> Correction:
    return Correction(HASHES[0], old, new, who, when, why)


EARLIER = correction("3", "5", who="Bob", when="2026-11-01")


@pytest.mark.parametrize(
    ("earlier", "given", "decision", "expected", "effect"),
    [
        (None, "3", "5", correction("3", "5"), "new"),
        (None, "3", "drop", correction("3", "drop"), "new"),
        (None, "3", "keep", None, "kept"),
        (None, "3", "3", None, "kept"),
        (None, "3", "", None, "undecided"),
        (EARLIER, "3", "", EARLIER, "undecided"),
        (EARLIER, "3", "5", EARLIER, "unchanged"),
        (EARLIER, "3", "8", correction("3", "8"), "changed"),
        (EARLIER, "3", "keep", None, "withdrawn"),
        # the list was made after the correction was applied
        (EARLIER, "5", "keep", EARLIER, "unchanged"),
        (EARLIER, "5", "8", correction("3", "8"), "changed"),
        (EARLIER, "5", "drop", correction("3", "drop"), "changed"),
        (EARLIER, "5", "3", None, "withdrawn"),
        # the source gives another label than when it was corrected
        (EARLIER, "7", "1", correction("7", "1"), "changed"),
    ],
)
def test_a_decision_and_an_earlier_correction(earlier, given, decision, expected, effect):
    before = {HASHES[0]: earlier} if earlier else {}
    found = decisions.merge([issue(0, given=given, decision=decision)], before, "Ada", "2026-11-29")
    assert found.corrections == ({HASHES[0]: expected} if expected else {})
    assert found.counts == {effect: 1}
    assert len(found.changes) == (effect in ("changed", "withdrawn"))


def test_other_corrections_stay_and_a_change_is_reported():
    other = Correction(HASHES[1], "0", "6", "Bob", "2026-11-01", "")
    found = decisions.merge(
        [issue(0, decision="8", why="a loop")], {HASHES[1]: other, HASHES[0]: EARLIER}, "Ada", "now"
    )
    assert list(found.corrections.values()) == [other, correction("3", "8", when="now", why="a loop")]
    assert found.changes == ["0.png: corrected from 3 to 8, before from 3 to 5"]

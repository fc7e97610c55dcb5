"""What changed between two versions, on tables worked out by hand."""

import pandas as pd
import pytest

from digits import diff
from digits.drift import NUMBERS


def version(*pictures: tuple[str, int]) -> pd.DataFrame:
    """A table of (picture, label) rows that are alike in all that is measured."""
    rows = [
        {"split": "train", "row": row, "path": f"{label}/{row}.png", "label": label, "picture": picture}
        for row, (picture, label) in enumerate(pictures)
    ]
    return pd.DataFrame(rows).assign(**dict.fromkeys(NUMBERS, 1.0), format="PNG", mode="L")


SAME = [("a", 1), ("b", 2), ("c", 2)]


@pytest.mark.parametrize(
    ("before", "after", "added", "removed", "relabelled"),
    [
        ([], [], 0, 0, 0),
        ([], [("x", 3)], 1, 0, 0),
        ([("x", 3)], [], 0, 1, 0),
        ([("x", 3)], [("x", 4)], 0, 0, 1),
        ([("x", 3)], [("x", 3)] * 3, 2, 0, 0),  # copies
        ([("x", 3)] * 3, [("x", 3)], 0, 2, 0),
        ([("x", 3)] * 3, [("x", 4)], 0, 2, 1),  # copies and another label
        ([("x", 3)], [("x", 4)] * 3, 2, 0, 1),
        ([("x", 3), ("x", 4)], [("x", 4), ("x", 5)], 0, 0, 1),
        ([("x", 3), ("x", 3)], [("x", 3), ("x", 4)], 0, 0, 1),  # the second copy
        ([("x", 3)], [("x", 3), ("x", 4)], 1, 0, 0),
    ],
)
def test_every_change_is_counted_once(before, after, added, removed, relabelled):
    ours, theirs = version(*SAME, *before), version(*SAME, *after)
    found = diff.compare(ours, theirs)
    assert (len(found.added), len(found.removed), len(found.relabelled)) == (added, removed, relabelled)
    assert len(ours) + added - removed == len(theirs)
    assert found.unchanged + found.moved + added + relabelled == len(theirs)
    assert found.counts["change"].sum() == len(theirs) - len(ours)


def test_a_relabelled_picture_says_what_it_was():
    (row,) = diff.compare(version(*SAME, ("x", 3)), version(*SAME, ("x", 4))).relabelled.to_dict("records")
    assert (row["picture"], row["label"], row["label_before"], row["path"]) == ("x", 4, 3, "4/3.png")


def test_a_picture_dealt_to_another_split_is_neither_added_nor_removed():
    after = version(*SAME)
    after.loc[1, "split"] = "test"
    found = diff.compare(version(*SAME), after)
    assert (len(found.added), len(found.removed), found.moved, found.unchanged) == (0, 0, 1, 2)

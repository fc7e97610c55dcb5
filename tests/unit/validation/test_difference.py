"""The difference between two versions, on tables made by hand."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from digits import paths
from digits.data import dataset
from digits.errors import UserError
from digits.validation import difference
from digits.validation.drift import NUMERIC_COLUMNS, PROFILE_COLUMNS
from digits.vcs import revisions
from tests.git import commit_all, git
from tests.raw import RULE


def version(*pictures: tuple[str, int]) -> pd.DataFrame:
    """A table of (picture, label) rows with equal statistics."""
    rows = [
        {"split": "train", "row": row, "path": f"{label}/{row}.png", "label": label, "picture": picture}
        for row, (picture, label) in enumerate(pictures)
    ]
    return pd.DataFrame(rows).assign(**dict.fromkeys(NUMERIC_COLUMNS, 1.0), format="PNG", mode="L")


SAME = [("a", 1), ("b", 2), ("c", 2)]


@pytest.mark.parametrize("older", ["before", "after"])
def test_a_statistic_that_one_version_lacks_is_left_out(older):
    tables = {"before": version(*SAME), "after": version(*SAME)}
    del tables[older]["ink"]
    found = difference.compare(**tables)
    assert set(found.drift) == {*PROFILE_COLUMNS} - {"ink"}
    assert str(found) == str(difference.compare(version(*SAME), version(*SAME)))


@pytest.mark.parametrize(
    ("before", "after", "added", "removed", "relabelled"),
    [
        ([], [], 0, 0, 0),
        ([], [("x", 3)], 1, 0, 0),
        ([("x", 3)], [], 0, 1, 0),
        ([("x", 3)], [("x", 4)], 0, 0, 1),
        ([("x", 3)], [("x", 3)] * 3, 2, 0, 0),  # duplicates
        ([("x", 3)] * 3, [("x", 3)], 0, 2, 0),
        ([("x", 3)] * 3, [("x", 4)], 0, 2, 1),  # duplicates and another label
        ([("x", 3)], [("x", 4)] * 3, 2, 0, 1),
        ([("x", 3), ("x", 4)], [("x", 4), ("x", 5)], 0, 0, 1),
        ([("x", 3), ("x", 3)], [("x", 3), ("x", 4)], 0, 0, 1),  # the second duplicate
        ([("x", 3)], [("x", 3), ("x", 4)], 1, 0, 0),
    ],
)
def test_every_change_is_counted_once(before, after, added, removed, relabelled):
    ours, theirs = version(*SAME, *before), version(*SAME, *after)
    found = difference.compare(ours, theirs)
    assert (len(found.added), len(found.removed), len(found.relabelled)) == (added, removed, relabelled)
    assert len(ours) + added - removed == len(theirs)
    assert found.unchanged + found.reassigned + added + relabelled == len(theirs)
    assert found.counts["change"].sum() == len(theirs) - len(ours)


def test_the_changes_are_counted_by_split_and_label():
    before, after = version(*SAME, ("x", 3), ("y", 5)), version(*SAME, ("x", 4), ("z", 4), ("w", 0))
    after.loc[4, "split"] = "test"  # z
    counts = difference.count_by_split_and_label(difference.compare(before, after))
    assert counts == [("test", 4, 1, 0, 0), ("train", 0, 1, 0, 0), ("train", 4, 0, 0, 1), ("train", 5, 0, 1, 0)]
    assert difference.count_by_split_and_label(difference.compare(before, before)) == []


def test_a_relabelled_picture_has_its_former_label():
    (row,) = difference.compare(version(*SAME, ("x", 3)), version(*SAME, ("x", 4))).relabelled.to_dict("records")
    assert (row["picture"], row["label"], row["label_before"], row["path"]) == ("x", 4, 3, "4/3.png")


def test_a_picture_in_another_split_is_neither_added_nor_removed():
    after = version(*SAME)
    after.loc[1, "split"] = "test"
    found = difference.compare(version(*SAME), after)
    assert (len(found.added), len(found.removed), found.reassigned, found.unchanged) == (0, 0, 1, 2)


RULE_1 = "rule 1, seed 0, test_fraction 0.2, validation_fraction 0.1, near_duplicate_distance 0.06"
BY_POSITION = (
    "the position of a file (version 0.2), "
    "ingest.test_fraction 0.2, ingest.seed 3, preprocess.validation_fraction 0.1, preprocess.seed 0"
)


def statistics_of(pictures: pd.DataFrame, rule: dict) -> None:
    """What validate writes of these pictures."""
    full = pictures.reindex(columns=[*dict.fromkeys([*difference.COLUMNS, *pictures])])
    paths.STATISTICS.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pandas(full, preserve_index=False)
    pq.write_table(table.cast(dataset.encode_rule(table.schema, rule)) if rule else table, paths.STATISTICS)


@pytest.mark.parametrize(
    ("before", "lock", "expected"),
    [
        (RULE, None, ""),
        ({**RULE, "seed": 3}, None, f"before {RULE_1.replace('seed 0', 'seed 3')}; after {RULE_1}"),
        (
            {**RULE, "seed": 20261129},  # of more digits than a rounded number shows
            None,
            f"before {RULE_1.replace('seed 0', 'seed 20261129')}; after {RULE_1}",
        ),
        ({**RULE, "test_fraction": 0.25}, None, f"before {RULE_1.replace('n 0.2', 'n 0.25')}; after {RULE_1}"),
        ({**RULE, "rule": 2}, None, f"before {RULE_1.replace('rule 1', 'rule 2')}; after {RULE_1}"),
        ({}, None, f"before unknown; after {RULE_1}"),
        (
            {},
            {
                "ingest": {"params": {"params.yaml": {"ingest": {"source": "x", "test_fraction": 0.2, "seed": 3}}}},
                "preprocess": {"params": {"params.yaml": {"preprocess": {"validation_fraction": 0.1, "seed": 0}}}},
            },
            f"before {BY_POSITION}; after {RULE_1}",
        ),
    ],
)
def test_a_change_of_what_assigns_the_splits_is_said_once(tmp_path, monkeypatch, before, lock, expected):
    monkeypatch.chdir(tmp_path)
    statistics_of(version(*SAME), before)
    if lock:
        paths.DVC_LOCK.write_text(yaml.safe_dump({"stages": lock}, sort_keys=False))
    one = difference.read_version(None)
    paths.DVC_LOCK.unlink(missing_ok=True)
    statistics_of(version(*SAME), RULE)
    said = difference.format_split_change(one, difference.read_version(None))
    assert said == (f"what assigns the splits: {expected}" if expected else "")
    found = difference.compare(one.table, one.table)
    difference.write_page(Path("page.html"), found, ("a", "b"), (None, None), 0.25, said)
    assert Path("page.html").read_text().count("what assigns the splits: ") == bool(expected)


def test_two_unknown_rules_are_said_too():
    unknown = difference.Version(version(*SAME), difference.UNKNOWN)
    assert difference.format_split_change(unknown, unknown).endswith("before unknown; after unknown")


def test_a_revision_of_version_0_1_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path(".dvc").mkdir()
    paths.DVC_LOCK.write_text(f"stages: {{validate: {{outs: [{{path: {difference.STATISTICS_0_1}, md5: abc}}]}}}}")
    git("init")
    commit_all("0.1")
    head = revisions.head()
    with pytest.raises(UserError, match=rf"^{head[:12]} is a revision of version 0\.1, which kept data/measurements"):
        difference.read_version(head)
    with pytest.raises(UserError, match=rf"^{paths.STATISTICS} is not in the working tree"):
        difference.read_version(None)

"""Wrong labels, on tables made by hand and on real digits."""

import numpy as np
import pandas as pd

from digits.validation import label_conflicts
from digits.validation.label_conflicts import class_mismatch, other_label
from tests.unit.validation.conftest import MAX_RATIO, table


def test_other_label_names_both_pictures_in_any_split():
    rows = [{"picture": "a", "label": 4}, {"label": 5}, {"picture": "a", "label": 9, "split": "test"}]
    found = other_label(table(*rows)).dropna().to_dict()
    assert found == {0: "also labelled 9: picture 2", 2: "also labelled 4: picture 0"}


def test_other_label_of_three():
    rows = [{"picture": "a", "label": label} for label in (7, 1, 1, 4)]
    assert other_label(table(*rows)).dropna().to_dict() == {
        0: "also labelled 1: picture 1",
        1: "also labelled 4: picture 3",
        2: "also labelled 4: picture 3",
        3: "also labelled 1: picture 1",
    }


def test_class_mismatch_finds_a_third_of_the_wrong_labels_and_nothing_else(real):
    random = np.random.default_rng(0)
    rows = random.choice(5000, 100, replace=False)
    mislabelled = real.copy()
    mislabelled.loc[rows, "label"] = (real["label"][rows] + random.integers(1, 10, 100)) % 10
    found = class_mismatch(mislabelled, MAX_RATIO).dropna()
    wrong = found.index.isin(rows)
    assert wrong.sum() >= 30
    assert (~wrong).sum() <= 1
    right = [f"looks like a {real['label'][row]}: " in message for row, message in found.items()]
    assert np.mean(right) > 0.9


def test_a_batch_of_any_size_has_the_same_ratios(real):
    """To the last bit: else a row's message would depend on the shard that it is in."""
    labels = np.array([3, 5, 8])
    known = real[real["label"].isin(labels)].groupby("label").head(100)
    thumbnails = known.groupby("label")["thumbnail"]
    classes = [label_conflicts.fit_classes({0: thumbnails.get_group(label)})[0] for label in labels]
    whole, _ = label_conflicts._compare(known, labels, classes)
    for size in (1, 7, 100):
        starts = range(0, len(known), size)
        parts = [label_conflicts._compare(known[start : start + size], labels, classes)[0] for start in starts]
        assert np.array_equal(np.concatenate(parts), whole)


def test_a_scarce_class_is_left_out_and_the_others_are_compared(real):
    scarce = real[(real["label"] != 7) | (real.groupby("label").cumcount() < 40)].reset_index(drop=True)
    wrong = np.flatnonzero(scarce["label"] < 5)[::50]
    scarce.loc[wrong, "label"] = (scarce.loc[wrong, "label"] + 1) % 5
    found = class_mismatch(scarce, MAX_RATIO)
    assert found[wrong].notna().sum() > 15
    assert found[scarce["label"] == 7].isna().all()


def test_classes_with_too_few_pictures_have_no_mismatch(real):
    few = real.groupby("label").head(40).reset_index(drop=True)
    few.loc[0, "label"] = 1  # a 0
    assert class_mismatch(few, MAX_RATIO).isna().all()


def test_a_label_that_is_no_digit_is_left_out(real):
    strange = real.copy()
    strange.loc[[3, 700], "label"] = [11, -1]
    assert class_mismatch(strange, MAX_RATIO).isna().all()


def test_the_order_of_the_rows_does_not_matter(real):
    found = class_mismatch(real, 1.8).dropna()
    shuffled = class_mismatch(real.sample(frac=1, random_state=0), 1.8).dropna()
    assert len(found) > 2
    assert shuffled.sort_index().to_dict() == found.to_dict()


def test_a_class_of_one_picture_and_its_copies_is_left_out(real):
    """All copies are in one half, so that there is nothing to fit the other half's class to."""
    copies = pd.concat([real[real["label"] != 3], *[real[real["label"] == 3].head(1)] * 100], ignore_index=True)
    assert class_mismatch(copies, MAX_RATIO).isna().all()

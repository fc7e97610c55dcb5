"""Duplicate pictures in a split, and pictures that leak from the test split into the training split.

Each function takes the statistics, one row a picture, with a `name`, and returns a column: None for a picture without
a finding, else a message that names the other picture.
"""

import pandas as pd

from digits.data.near_duplicates import find_near_duplicates


def duplicate_of(table: pd.DataFrame) -> pd.Series:
    """Duplicates within a split: of equal pictures, all but the first."""
    groups = table.groupby(["split", "picture"], sort=False)  # a missing picture is in no group
    duplicate = groups.cumcount().gt(0) & table["picture"].notna()
    return ("duplicate of " + groups["name"].transform("first")).astype(object).where(duplicate, None)


def also_in_test(table: pd.DataFrame) -> pd.Series:
    """Training pictures that are also in the test split, which would be scored on what the model was trained on."""
    test = table[(table["split"] == "test") & table["picture"].notna()].drop_duplicates("picture")
    return _training_messages(table, "also ", test.set_index("picture")["name"])


def near_duplicate_of(table: pd.DataFrame, max_distance: float) -> pd.Series:
    """Training pictures that are nearly the same as a test picture: see `find_near_duplicates` for the distance."""
    distinct = table[table["thumbnail"].notna()].drop_duplicates(["split", "picture"])
    if distinct["split"].nunique() < 2:
        return pd.Series(None, index=table.index, dtype=object)
    test = (distinct["split"] == "test").to_numpy()
    match = find_near_duplicates(distinct["thumbnail"], distinct["picture"].to_numpy(), test, max_distance)
    names = pd.Series(distinct["name"].to_numpy()[match[match >= 0]], index=distinct["picture"][match >= 0])
    return _training_messages(table, "nearly the same as ", names)


def _training_messages(table: pd.DataFrame, words: str, names: pd.Series) -> pd.Series:
    """`words` and the test picture's name, from `names` by picture, for each training picture that has one."""
    other = table["picture"].map(names).astype(object)
    return (words + other).where(other.notna() & (table["split"] != "test"), None)

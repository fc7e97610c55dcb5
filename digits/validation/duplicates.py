"""Duplicate pictures in a split, and pictures that leak from one split into another.

Each function takes the statistics, one row a picture, with a `name`, and returns a column: None for a picture without
a finding, else a message that names the other picture. Of two splits the finding is that of the earlier one, of train
before validation before test: the later one measures what was learned from the earlier one. Which pictures have a
finding does not depend on the order of the rows.
"""

import numpy as np
import pandas as pd

from digits.data.dataset import SPLITS
from digits.data.near_duplicates import THUMBNAIL_PIXELS, group


def duplicate_of(table: pd.DataFrame) -> pd.Series:
    """Duplicates within a split: of equal pictures, all but the first."""
    groups = table.groupby(["split", "picture"], sort=False)  # a missing picture is in no group
    duplicate = groups.cumcount().gt(0) & table["picture"].notna()
    return ("duplicate of " + groups["name"].transform("first")).astype(object).where(duplicate, None)


def also_in_split(table: pd.DataFrame) -> pd.Series:
    """Pictures that are also in a later split, which would be scored on what the model was trained or chosen on."""
    return _leaks(table, table["picture"], "also ")


def near_duplicate_of(table: pd.DataFrame, max_distance: float) -> pd.Series:
    """Pictures in a group of near duplicates that reaches a later split: `near_duplicates.group`, as ingest does it."""
    groups = pd.Series(np.nan, index=table.index)
    known = table["thumbnail"].notna()
    if known.any():
        thumbnails = np.frombuffer(b"".join(table.loc[known, "thumbnail"]), np.uint8).reshape(-1, THUMBNAIL_PIXELS)
        groups[known] = group(thumbnails, max_distance)
    return near_leaks(table, groups, also_in_split(table))


def near_leaks(table: pd.DataFrame, groups: pd.Series, equal: pd.Series) -> pd.Series:
    """The column of `near_duplicate_of`, by the groups; `equal` is `also_in_split`."""
    return _leaks(table, groups, "nearly the same as ").where(equal.isna(), None)  # no near duplicates, but the same


def _leaks(table: pd.DataFrame, groups: pd.Series, words: str) -> pd.Series:
    """`words` and the name of the first picture of the latest split in the group, for each row of an earlier split."""
    rank = table["split"].map({split: rank for rank, split in enumerate(SPLITS)}).astype(int)
    latest = rank.groupby(groups).transform("max")  # nothing where the group is missing
    names = table["name"][rank == latest].groupby(groups[rank == latest]).first()
    return (words + groups.map(names).astype(object)).where(latest > rank, None)

"""Contradictions between a picture and its file, or the other pictures: a table column for each kind."""

import pandas as pd

from digits.data.picture_files import SUFFIXES
from digits.validation import label_corrections
from digits.validation.duplicates import also_in_split, duplicate_of, near_duplicate_of
from digits.validation.label_conflicts import class_mismatch, other_label
from digits.validation.label_corrections import LabelCorrections

FORMATS = {suffix: name for name, suffixes in SUFFIXES.items() for suffix in suffixes}


def add_findings(
    table: pd.DataFrame,
    max_minority: float,
    max_distance: float,
    max_ratio: float,
    corrections: LabelCorrections = label_corrections.NONE,
) -> pd.DataFrame:
    """The statistics, one row a picture, with a column for each kind of finding: None, or a message.

    `split_label` and `corrected_share` are facts; the second is the largest of all labels, also of one that no picture
    has any more. `max_minority` is the largest share of odd ink, `max_distance` that of near duplicates, `max_ratio`
    that of a class mismatch. The cost is linear in the rows, apart from sorting.
    """
    dark_share = float(table["dark_ink"].mean()) if table["dark_ink"].notna().any() else 0.0
    return table.assign(
        **find_in_rows(table, dark_share, max_minority, corrections),
        corrected_share=corrected_share(corrections),
        duplicate_of=duplicate_of(table),
        also_in_split=also_in_split(table),
        other_label=other_label(table),
        near_duplicate_of=near_duplicate_of(table, max_distance),
        class_mismatch=class_mismatch(table, max_ratio),
    )


def find_in_rows(
    table: pd.DataFrame, dark_share: float, max_minority: float, corrections: LabelCorrections
) -> dict[str, pd.Series]:
    """The columns that do not depend on other rows, of a table or of a part of it; `dark_share` is of the whole one."""
    return {
        "split_label": table["split"].astype(str) + " " + table["label"].astype(str),
        "misnamed": _misnamed(table),
        "odd_ink": _odd_ink(table, dark_share, max_minority),
        "correction_conflict": label_corrections.conflict(table, corrections),
    }


def corrected_share(corrections: LabelCorrections) -> float:
    """The largest share of a label's pictures that was corrected or dropped."""
    return max(corrections.share_by_label.values())


def _misnamed(table: pd.DataFrame) -> pd.Series:
    suffix = table["path"].str.rsplit(".", n=1).str[-1].str.lower()
    expected = suffix.map(FORMATS)
    wrong = expected.notna() & table["format"].notna() & (expected != table["format"])
    return ("named ." + suffix + ", but contains " + table["format"]).astype(object).where(wrong, None)


def _odd_ink(table: pd.DataFrame, share: float, max_minority: float) -> pd.Series:
    """Pictures whose ink is dark, or light, where few others' is; more than `max_minority` are a collection of both."""
    dark = table["dark_ink"]
    odd = {1.0: 0 < share <= max_minority, 0.0: 0 < 1 - share <= max_minority}
    words = dark.map(
        {1.0: "dark on light, most pictures light on dark", 0.0: "light on dark, most pictures dark on light"}
    )
    return words.astype(object).where(dark.map(odd).fillna(False).astype(bool), None)

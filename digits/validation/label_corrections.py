"""What ingest did with corrections of labels: conflicts with the source, and the corrected share of a class."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from digits.data.corrections import CONFLICT, CORRECTED, DROPPED, EFFECT_COLUMNS, EFFECTS
from digits.data.dataset import LABELS
from digits.errors import printable
from digits.paths import CORRECTION_EFFECTS


class LabelCorrections(NamedTuple):
    """The rows of ingest's list, all as text, and the share that was corrected or dropped, 0 to 1, of each label's.

    A label's pictures, 0 to 9, are those that the sources give it.
    """

    rows: pd.DataFrame
    share_by_label: dict[int, float]


NONE = LabelCorrections(pd.DataFrame(columns=EFFECT_COLUMNS, dtype=str), dict.fromkeys(LABELS, 0.0))


def read(labels: Mapping[int, int], path: Path = CORRECTION_EFFECTS) -> LabelCorrections:
    """What ingest did with the corrections; NONE where it found none.

    `labels` has the number of raw pictures of each label, also of those that will be quarantined: the list has them.
    """
    if not path.exists():
        return NONE
    rows = pd.read_csv(path, dtype=str, keep_default_na=False)
    return LabelCorrections(rows, _share_by_label(labels, rows))


def conflict(table: pd.DataFrame, corrections: LabelCorrections) -> pd.Series:
    """A column of the statistics: None, or that the picture's correction is for another label than its source gives."""
    rows = corrections.rows
    found = rows[rows["effect"] == CONFLICT].set_index("path")
    messages = "corrected from " + found["old"] + " to " + found["new"] + ", but the source says " + found["label"]
    column = table["path"].map(printable).map(messages.to_dict()).astype(object)
    return column.where(column.notna(), None)


def _share_by_label(labels: Mapping[int, int], rows: pd.DataFrame) -> dict[int, float]:
    applied = rows[rows["effect"].isin([CORRECTED, DROPPED])]
    left, came = applied["old"].value_counts(), applied["new"].value_counts()
    shares = {}
    for label in LABELS:
        gone = int(left.get(str(label), 0))
        given = labels.get(label, 0) - int(came.get(str(label), 0)) + gone
        shares[label] = gone / given if given else 0.0
    return shares


def counts(corrections: LabelCorrections) -> dict[str, Any]:
    """How many corrections had each effect, and the `share_by_label` of the labels that had some."""
    by_effect = corrections.rows["effect"].value_counts()
    effects = {one.replace(" ", "_"): int(by_effect.get(one, 0)) for one in EFFECTS}
    shares = {str(label): round(share, 4) for label, share in corrections.share_by_label.items() if share}
    return {**effects, "share_by_label": shares}

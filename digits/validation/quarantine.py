"""The quarantine of pictures that fail a critical expectation."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from digits.params import Validate
from digits.validation import label_corrections
from digits.validation.label_corrections import LabelCorrections
from digits.validation.run import NOTHING, ValidationRun, validate


def quarantine(
    run: ValidationRun,
    reference: dict[str, Any],
    params: Validate,
    split_rule: Mapping[str, Any] = NOTHING,
    corrections: LabelCorrections = label_corrections.NONE,
) -> tuple[ValidationRun, pd.DataFrame]:
    """Quarantine bad rows until none is left; returns the run on the other rows, and the bad rows with `reasons`.

    This is repeated, since the rest can have new bad rows: without the first of two duplicates, or with other shares.
    Where more than `validate.max_quarantined` of the rows are bad, none is quarantined.
    """
    first, quarantined = run, run.bad_rows().head(0)
    while len(bad := run.bad_rows()):
        quarantined = pd.concat([quarantined, bad])
        if len(quarantined) > params.max_quarantined * len(first.table):
            print(
                f"{len(quarantined):,} of {len(first.table):,} pictures are bad, more than validate.max_quarantined = "
                f"{params.max_quarantined:.1%}: none is quarantined"
            )
            return first, quarantined.head(0)
        rest = run.table.drop(index=bad.index).reset_index(drop=True)
        run = validate(rest, reference, params.expectations, split_rule, corrections)
    return run, quarantined

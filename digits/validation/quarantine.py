"""The quarantine of pictures that fail a critical expectation."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from digits.data.statistics import ROW_COLUMNS
from digits.params import Validate
from digits.validation.label_corrections import LabelCorrections
from digits.validation.run import ValidationRun, validate

NO_ROWS = pd.DataFrame(columns=[*ROW_COLUMNS, "name", "reasons"])


def quarantine(
    run: ValidationRun,
    reference: dict[str, Any],
    params: Validate,
    split_rule: Mapping[str, Any],
    corrections: LabelCorrections,
) -> tuple[ValidationRun, pd.DataFrame]:
    """Quarantine bad rows until none is left; returns the run on the other rows, and the bad rows with `reasons`.

    This is repeated, since the rest can have new bad rows: without the first of two duplicates, or with other shares.
    Where more than `validate.max_quarantined` of the rows are bad, none is quarantined.
    """
    first, found, total = run, [NO_ROWS], 0
    limit = params.max_quarantined * len(first.table)
    while (bad := run.count_bad()) and (total := total + bad) <= limit:
        found.append(run.bad_rows())
        rest = run.table.passing([*run.conditions.values()])
        if run is not first:  # it is read again where a later round is above the limit
            run.table.release()
        run = validate(rest, reference, params.expectations, split_rule, corrections)
    if not bad:
        if run is not first:
            first.table.release()
        return run, pd.concat(found)
    print(
        f"{total:,} of {len(first.table):,} pictures are bad, more than validate.max_quarantined = "
        f"{params.max_quarantined:.1%}: none is quarantined"
    )
    if run is not first:
        run.table.release()
    return first, NO_ROWS

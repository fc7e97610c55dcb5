"""Validate: measure every picture, and hold measurements, labels, splits and drift against the expectations.

Reads   data/raw/, data/reference.json (a profile of what the champion learned from)
Writes  data/measurements.parquet, data/quarantine.csv (pictures set aside, with their reasons), data/profile.json (of
        what there is to learn from), metrics/validate.json, reports/validation.html; and Great Expectations' Data
        Docs beside it in reports/data_docs/ (no stage output: they carry dates)
"""

from pathlib import Path

import pandas as pd
from tqdm import tqdm

from digits import dataset, drift, expectations, parallel, relations, report
from digits.dataset import Piece
from digits.errors import UserError, printable, run
from digits.expectations import ROW, Outcome
from digits.files import replacing, write_json
from digits.measurements import MEASURED, measure
from digits.params import Validate, load

TABLE = Path("data/measurements.parquet")
QUARANTINE = Path("data/quarantine.csv")
PROFILE = Path("data/profile.json")
VERDICT = Path("metrics/validate.json")
PAGE = Path("reports/validation.html")
DOCS = Path("reports/data_docs")
NAMED = 10  # pictures named on the screen, for each expectation


def measured(piece: Piece) -> pd.DataFrame:
    """The rows of the table that a piece of the raw data makes: where each picture stands, and what is measured."""
    examples = dataset.read_piece(piece)
    rows = pd.RangeIndex(piece.first_row, piece.first_row + piece.rows)
    place = {
        "split": piece.split,
        "row": rows,
        "path": [example.path for example in examples],
        "label": [example.label for example in examples],
    }
    return pd.DataFrame(place)[ROW].join(measure([example.data for example in examples]))


def measurements() -> pd.DataFrame:
    """One row a picture, train before test, and a `name` to call it by."""
    pieces = dataset.pieces()
    total = sum(piece.rows for piece in pieces)
    parts = []
    with tqdm(desc="measure", total=total, unit=" pictures", disable=None) as progress:
        for part in parallel.each(measured, pieces, dataset.work(pieces)):
            parts.append(part)
            progress.update(len(part))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*ROW, *MEASURED])
    path = table["path"].map(printable)
    return table.assign(name=table["split"].astype(str) + " row " + table["row"].astype(str) + ", " + path)


class Checked:
    """A table, related and held against the expectations."""

    def __init__(self, table: pd.DataFrame, params: Validate, reference: dict) -> None:
        bounds = params.expectations
        self.table = relations.relate(table, near=bounds.no_near_leak.min, unlike=bounds.looks_like_label.max)
        self.moved = drift.distance(self.table[self.table["split"] == "train"], reference)
        self.outcomes = expectations.check(self.table, self.moved, bounds, DOCS)

    @property
    def success(self) -> bool:
        return not any(outcome.critical and not outcome.success for outcome in self.outcomes)


def bad_rows(checked: Checked) -> pd.DataFrame:
    """The rows that a critical expectation refuses, with their `reasons`."""
    reasons = expectations.bad_rows(checked.outcomes)
    return checked.table.iloc[list(reasons)].assign(reasons=["; ".join(why) for why in reasons.values()])


def quarantine(checked: Checked, params: Validate, reference: dict) -> tuple[Checked, pd.DataFrame]:
    """Set bad rows aside until none is left; returns what holds of the rest, and the rows set aside.

    Once more, since without its first copy the second may be the bad one. Where they are too many, none is set aside.
    """
    first, aside = checked, bad_rows(checked).head(0)
    while len(new := bad_rows(checked)):
        aside = pd.concat([aside, new])
        if len(aside) > params.max_quarantined * len(first.table):
            print(
                f"{len(aside):,} of {len(first.table):,} pictures are bad, more than validate.max_quarantined = "
                f"{params.max_quarantined:.1%}: none is set aside"
            )
            return first, aside.head(0)
        rest = checked.table.drop(index=new.index).reset_index(drop=True)
        checked = Checked(rest, params, reference)
    return checked, aside


def verdict(checked: Checked, quarantined: pd.DataFrame) -> dict:
    """What metrics/validate.json holds."""
    return {
        "success": checked.success,
        "pictures": len(checked.table),
        "quarantined": len(quarantined),
        "expectations": {
            one.name: {
                "success": one.success,
                "severity": one.severity,
                "observed": one.observed,
                "unexpected": len(one.rows),
            }
            for one in checked.outcomes
        },
    }


def told(outcome: Outcome, table: pd.DataFrame) -> str:
    """A missed expectation in words, with the first pictures that do not hold."""
    lines = [
        f"{outcome.severity}: {outcome.name} ({outcome.about}): expected {outcome.expected}, found {outcome.observed}"
    ]
    for row, what in zip(outcome.rows[:NAMED], outcome.found, strict=False):
        lines.append(f"    {table['name'].iloc[row]}, label {table['label'].iloc[row]}: {what}")
    if len(outcome.rows) > NAMED:
        lines.append(f"    and {len(outcome.rows) - NAMED:,} more")
    return "\n".join(lines)


def main() -> None:
    params, reference = load().validate_, drift.reference()
    table = measurements()
    with replacing(TABLE) as beside:
        table.drop(columns=["thumbnail", "name"]).to_parquet(beside, index=False)
    checked = Checked(table, params, reference)
    quarantined = bad_rows(checked).head(0)
    if params.on_bad_rows == "quarantine":
        checked, quarantined = quarantine(checked, params, reference)
    with replacing(QUARANTINE) as beside:
        listed = quarantined[[*ROW, "reasons"]].assign(path=quarantined["path"].map(printable))
        listed.to_csv(beside, index=False)
    write_json(PROFILE, drift.profile(checked.table[checked.table["split"] == "train"]))
    write_json(VERDICT, verdict(checked, quarantined))
    report.write(PAGE, checked.table, checked.outcomes, quarantined, checked.moved, reference, params.expectations)

    for row in quarantined.head(NAMED).itertuples():
        print(f"set aside: {row.name}, label {row.label}: {row.reasons}")
    for outcome in checked.outcomes:
        if not outcome.success:
            print(told(outcome, checked.table))
    print(f"{report.summary(checked.outcomes, len(checked.table), len(quarantined))}; open {PAGE} to see them")
    if not checked.success:
        raise UserError(
            "the data do not meet a critical expectation (above): mend or remove these pictures at their source, set "
            "them aside with validate.on_bad_rows: quarantine, or change a bound under validate.expectations in "
            "params.yaml"
        )


if __name__ == "__main__":
    run(main)

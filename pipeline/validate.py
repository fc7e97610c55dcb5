"""Validate: measure every picture, and hold measurements and labels against the expectations.

Reads   data/raw/
Writes  data/measurements.parquet, metrics/validate.json, and Great Expectations' Data Docs beside them in
        reports/data_docs/ (no stage output: they carry dates)
"""

from pathlib import Path

import pandas as pd
from tqdm import tqdm

from digits import dataset, expectations, parallel
from digits.dataset import Example
from digits.errors import UserError, run
from digits.expectations import Outcome
from digits.files import replacing, write_json
from digits.measurements import MEASURED, measure
from digits.params import load

TABLE = Path("data/measurements.parquet")
REPORT = Path("metrics/validate.json")
DOCS = Path("reports/data_docs")


def row(place: tuple[int, Example]) -> dict:
    """One picture's row of the table: where it stands, its label, and all that `measure` finds."""
    number, example = place
    named = {"split": example.split, "row": number, "path": example.path, "label": example.label}
    return {**named, **measure(example.data)}


def measurements() -> pd.DataFrame:
    """One row a picture, and for each in how many splits the same picture stands."""
    rows: list[dict] = []
    for split in dataset.raw_splits():
        count = dataset.count(dataset.RAW / f"{split}.parquet")
        measured = parallel.each(row, enumerate(dataset.read_raw(split)), count)
        rows += tqdm(measured, desc=f"measure {split}", total=count, unit=" pictures", disable=None)
    table = pd.DataFrame(rows, columns=[*expectations.ROW, *MEASURED])
    table["splits_with_picture"] = table.groupby("picture")["split"].transform("nunique")
    return table


def report(table: pd.DataFrame, outcomes: list[Outcome]) -> dict:
    """What metrics/validate.json holds."""
    return {
        "success": not any(outcome.critical and not outcome.success for outcome in outcomes),
        "pictures": len(table),
        "expectations": {
            outcome.name: {
                "success": outcome.success,
                "severity": "critical" if outcome.critical else "warning",
                "observed": outcome.observed,
                "unexpected": outcome.unexpected,
            }
            for outcome in outcomes
        },
    }


def main() -> None:
    params = load().validate_
    table = measurements()
    with replacing(TABLE) as beside:
        table.to_parquet(beside, index=False)
    outcomes = expectations.check(table, params, DOCS)
    verdict = report(table, outcomes)
    write_json(REPORT, verdict)

    missed = [outcome for outcome in outcomes if not outcome.success]
    for outcome in missed:
        print(f"not met: {outcome}")
    held = f"{len(outcomes) - len(missed)} of {len(outcomes)} expectations hold for {len(table):,} pictures"
    print(f"{held}; open {DOCS}/index.html to see them")
    if not verdict["success"]:
        raise UserError(
            "the data do not meet a critical expectation (above); mend or remove these pictures at their source, "
            "or change a bound under `validate` in params.yaml"
        )


if __name__ == "__main__":
    run(main)

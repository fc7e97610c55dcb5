"""The validation report: one page with the verdict, every expectation, and the pictures that do not hold."""

from pathlib import Path
from typing import Any

import pandas as pd

from digits import dataset, figures, pages, pictures
from digits.dataset import LABELS
from digits.drift import NUMBERS
from digits.expectations import PICTURES, Outcome
from digits.params import Expectations

SHOWN = 12  # pictures of each expectation that is missed
SIDE = 96  # pixels: of a picture on the page


def write(
    path: Path,
    table: pd.DataFrame,
    outcomes: list[Outcome],
    quarantined: pd.DataFrame,
    moved: dict[str, float],
    reference: dict[str, Any],
    bounds: Expectations,
) -> None:
    """Write the page. `table` holds the rows that the verdict is on, `quarantined` those set aside, with `reasons`."""
    missed = [outcome for outcome in outcomes if not outcome.success]
    critical = sum(outcome.critical for outcome in missed)
    aside = quarantined.head(SHOWN)
    rows = pd.concat([*(table.iloc[outcome.rows[:SHOWN]] for outcome in missed), aside])
    raw = {
        (split, row): example
        for split, of in rows.groupby("split")
        for row, example in dataset.pick(dataset.RAW / f"{split}.parquet", split, set(of["row"])).items()
    }
    by_label = pd.crosstab(table["label"], table["split"]).reindex(sorted({*LABELS, *table["label"]}), fill_value=0)
    pages.write(
        path,
        "validation.html",
        verdict="The data do not hold" if critical else "The data hold, with warnings" if missed else "The data hold",
        colour="bad" if critical else "warn" if missed else "good",
        summary=summary(outcomes, len(table), len(quarantined)),
        pictures=len(table),
        splits=table["split"].value_counts(sort=False).to_dict(),
        outcomes=outcomes,
        missed=[
            {
                "outcome": outcome,
                "pictures": [
                    _shown(table.iloc[row], found, raw)
                    for row, found in zip(outcome.rows[:SHOWN], outcome.found, strict=False)
                ],
            }
            for outcome in missed
        ],
        quarantined=[_shown(row, row["reasons"], raw) for _, row in aside.iterrows()],
        quarantined_count=len(quarantined),
        labels=by_label.to_dict("index"),
        largest=max(1, by_label.sum(axis=1).max()),
        plot=figures.distributions(
            {name: table[name].to_numpy(float) for name in NUMBERS}, table["label"].to_numpy(), _limits(bounds)
        ),
        drift=moved,
        drift_bound=bounds.drift.max,
        reference_pictures=reference["pictures"],
    )


def summary(outcomes: list[Outcome], rows: int, quarantined: int = 0) -> str:
    """The verdict in one line."""
    missed = [outcome for outcome in outcomes if not outcome.success]
    critical = sum(outcome.critical for outcome in missed)
    words = f"{len(outcomes) - len(missed)} of {len(outcomes)} expectations hold for {rows:,} pictures"
    if missed:
        words += f"; missed: {critical} critical, {len(missed) - critical} warnings"
    return words + (f"; {quarantined:,} pictures set aside" if quarantined else "")


def _shown(row: pd.Series, text: str, raw: dict) -> dict[str, Any]:
    example = raw[row["split"], row["row"]]
    title = f"{row['split']} row {row['row']}, label {row['label']}"
    return {"png": pictures.thumbnail(example.data, SIDE), "title": title, "path": row["path"], "text": text}


def _limits(bounds: Expectations) -> dict[str, tuple[float | None, float | None]]:
    limits = {one.column: bounds.limits(one.name) for one in PICTURES if one.column in NUMBERS}
    return {column: (limit.get("min"), limit.get("max")) for column, limit in limits.items()}

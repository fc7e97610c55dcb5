"""The results of a validation run: for metrics/validate.json, as text, and as a page with the pictures that fail."""

from pathlib import Path
from typing import Any

import pandas as pd

from digits import paths
from digits.data import dataset, pictures
from digits.data.dataset import LABELS, Example
from digits.params import Expectations
from digits.validation import drift, label_corrections
from digits.validation.drift import NUMERIC_COLUMNS
from digits.validation.label_corrections import LabelCorrections
from digits.validation.run import ExpectationResult, ValidationRun
from digits.validation.suite import PICTURE_EXPECTATIONS
from digits.visualization import figures, pages

MAX_PRINTED_PICTURES = 10  # of each failed expectation
MAX_PAGE_PICTURES = 12  # likewise
PICTURE_SIZE = 96  # pixels: of a picture on the page


def metrics(run: ValidationRun, quarantined: pd.DataFrame, corrections: LabelCorrections) -> dict[str, Any]:
    """The content of metrics/validate.json."""
    return {
        "success": run.success,
        "pictures": len(run.table),
        "quarantined": len(quarantined),
        "corrections": label_corrections.counts(corrections),
        "sources": count_by_source(run.table),
        "expectations": {
            result.name: {
                **{name: getattr(result, name) for name in ("success", "severity", "observed")},
                "unexpected": len(result.rows),
            }
            for result in run.results
        },
    }


def count_by_source(table: pd.DataFrame) -> dict[str, dict[str, int]]:
    """The pictures of each source in each split that has some."""
    return pd.crosstab(table["source"], table["split"]).to_dict("index")


def count_by_label(table: pd.DataFrame) -> dict[int, dict[str, int]]:
    """The pictures of each label, also of a digit without any, in each split that has some."""
    counts = pd.crosstab(table["label"], table["split"])
    return counts.reindex(sorted({*LABELS, *table["label"]}), fill_value=0).to_dict("index")


def verdict(run: ValidationRun) -> str:
    """What the results amount to, after the word "validation"."""
    return "failed" if not run.success else "passed, with warnings" if run.failures else "passed"


def summary(run: ValidationRun, quarantined: int = 0) -> str:
    """The results in one line."""
    failures, total = run.failures, len(run.results)
    critical = sum(result.critical for result in failures)
    line = f"{total - len(failures)} of {total} expectations pass for {len(run.table):,} pictures"
    if failures:
        line += f"; failed: {critical} critical, {len(failures) - critical} warnings"
    return line + (f"; {quarantined:,} pictures quarantined" if quarantined else "")


def format_result(result: ExpectationResult, table: pd.DataFrame) -> str:
    """A failed expectation as text, with the first pictures that fail."""
    lines = [
        f"{result.severity}: {result.name} ({result.description}): expected {result.expected}, found {result.observed}"
    ]
    for row, finding in zip(result.rows[:MAX_PRINTED_PICTURES], result.findings, strict=False):
        lines.append(f"    {table['name'].iloc[row]}, label {table['label'].iloc[row]}: {finding}")
    if len(result.rows) > MAX_PRINTED_PICTURES:
        lines.append(f"    and {len(result.rows) - MAX_PRINTED_PICTURES:,} more")
    return "\n".join(lines)


def print_results(run: ValidationRun, quarantined: pd.DataFrame) -> None:
    """Print the first quarantined pictures, the failed expectations and the summary."""
    for row in quarantined.head(MAX_PRINTED_PICTURES).itertuples():
        print(f"quarantined: {row.name}, label {row.label}: {row.reasons}")
    for result in run.failures:
        print(format_result(result, run.table))
    print(f"{summary(run, len(quarantined))}; details in {paths.VALIDATION_REPORT}")


def write(
    path: Path, run: ValidationRun, quarantined: pd.DataFrame, reference: dict[str, Any], bounds: Expectations
) -> None:
    """Write the page. `quarantined` are rows with their `reasons`, which are not in the run's table."""
    table, failures, listed = run.table, run.failures, quarantined.head(MAX_PAGE_PICTURES)
    rows = pd.concat([*(table.iloc[result.rows[:MAX_PAGE_PICTURES]] for result in failures), listed])
    raw = {
        (split, row): example
        for split, of in rows.groupby("split")
        for row, example in dataset.read_rows(paths.RAW / f"{split}.parquet", str(split), set(of["row"])).items()
    }
    by_label = count_by_label(table)
    pages.write(
        path,
        "validation.html",
        verdict=f"Validation {verdict(run)}",
        colour="bad" if not run.success else "warn" if failures else "good",
        summary=summary(run, len(quarantined)),
        pictures=len(table),
        splits=table["split"].value_counts(sort=False).to_dict(),
        results=run.results,
        failures=[
            {
                "result": result,
                "pictures": [
                    _page_picture(table.iloc[row], finding, raw)
                    for row, finding in zip(result.rows[:MAX_PAGE_PICTURES], result.findings, strict=False)
                ],
            }
            for result in failures
        ],
        quarantined=[_page_picture(row, row["reasons"], raw) for _, row in listed.iterrows()],
        quarantined_count=len(quarantined),
        quarantine_file=paths.QUARANTINE,
        sources=count_by_source(table),
        labels=by_label,
        largest=max(1, *(sum(of.values()) for of in by_label.values())),
        plot=figures.distributions(
            {name: table[name].to_numpy(float) for name in NUMERIC_COLUMNS}, table["label"].to_numpy(), _limits(bounds)
        ),
        drift=run.drift,
        drift_bounds={
            name: bounds.drift.max + by_chance
            for name, by_chance in drift.chances(table[table["split"] != "test"], reference).items()
        },
        reference_file=paths.REFERENCE_PROFILE,
        reference_pictures=reference["pictures"],
    )


def _page_picture(row: pd.Series, text: str, raw: dict[tuple[Any, int], Example]) -> dict[str, Any]:
    return {
        "png": pictures.thumbnail(raw[row["split"], row["row"]].data, PICTURE_SIZE),
        "title": f"{row['split']} row {row['row']}, label {row['label']}",
        "path": row["path"],
        "text": text,
    }


def _limits(bounds: Expectations) -> dict[str, tuple[float | None, float | None]]:
    limits = {one.column: bounds.limits(one.name) for one in PICTURE_EXPECTATIONS if one.column in NUMERIC_COLUMNS}
    return {str(column): (limit.get("min"), limit.get("max")) for column, limit in limits.items()}

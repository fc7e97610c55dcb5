"""The results of a validation run: for metrics/validate.json, as text, and as a page with the pictures that fail."""

from pathlib import Path
from typing import Any, cast

import pandas as pd

from digits import paths
from digits.data import pictures, raw_tables
from digits.data.dataset import LABELS, SPLITS
from digits.data.raw_tables import Example
from digits.params import Expectations
from digits.validation import label_corrections
from digits.validation.distributions import label_histograms
from digits.validation.drift import NUMERIC_COLUMNS
from digits.validation.label_corrections import LabelCorrections
from digits.validation.run import ExpectationResult, ValidationRun
from digits.validation.suite import PICTURE_EXPECTATIONS
from digits.validation.table import Table
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
                "success": result.success,
                "severity": result.severity,
                "observed": result.observed,
                "unexpected": result.unexpected,
            }
            for result in run.results
        },
    }


def count_by_source(table: Table) -> dict[str, dict[str, int]]:
    """The pictures of each source in each split that has some."""
    return cast(dict[str, dict[str, int]], table.count_by("source", "split").unstack(fill_value=0).to_dict("index"))


def count_by_label(table: Table) -> dict[int, dict[str, int]]:
    """The pictures of each label, also of a digit without any, in each split that has some."""
    counts = table.count_by("label", "split").unstack(fill_value=0)
    every_digit = counts.reindex(sorted({*LABELS, *counts.index}), fill_value=0)
    return cast(dict[int, dict[str, int]], every_digit.to_dict("index"))


def verdict(run: ValidationRun) -> str:
    """What the results amount to, after the word "validation"."""
    return "failed" if not run.success else "passed, with warnings" if run.failures else "passed"


def summary(run: ValidationRun, quarantined: int = 0) -> str:
    """The results in one line."""
    failures, total = run.failures, len(run.results)
    critical = sum(result.critical for result in failures)
    line = f"{total - len(failures)} of {total} expectations pass for {len(run.table):,} pictures"
    if failures:
        warnings = len(failures) - critical
        line += f"; failed: {critical} critical, {warnings} {'warning' if warnings == 1 else 'warnings'}"
    return line + (f"; {quarantined:,} pictures quarantined" if quarantined else "")


def format_result(result: ExpectationResult) -> str:
    """A failed expectation as text, with the first pictures that fail."""
    lines = [
        f"{result.severity}: {result.name} ({result.description}): expected {result.expected}, found {result.observed}"
    ]
    for row in result.failing.head(MAX_PRINTED_PICTURES).itertuples():
        lines.append(f"    {row.name}, label {row.label}: {row.finding}")
    if result.unexpected > MAX_PRINTED_PICTURES:
        lines.append(f"    and {result.unexpected - MAX_PRINTED_PICTURES:,} more")
    return "\n".join(lines)


def print_results(run: ValidationRun, quarantined: pd.DataFrame) -> None:
    """Print the first quarantined pictures, the failed expectations and the summary."""
    for row in quarantined.head(MAX_PRINTED_PICTURES).itertuples():
        print(f"quarantined: {row.name}, label {row.label}: {row.reasons}")
    for result in run.failures:
        print(format_result(result))
    print(f"{summary(run, len(quarantined))}; details in {paths.VALIDATION_REPORT}")


def write(
    path: Path, run: ValidationRun, quarantined: pd.DataFrame, reference: dict[str, Any], bounds: Expectations
) -> None:
    """Write the page. `quarantined` are rows with their `reasons`, which are not in the run's table."""
    table, failures, listed = run.table, run.failures, quarantined.head(MAX_PAGE_PICTURES)
    rows = pd.concat([*(result.failing.head(MAX_PAGE_PICTURES) for result in failures), listed])
    raw = {
        (split, row): example
        for split, of in rows.groupby("split")
        for row, example in raw_tables.read_rows(paths.RAW / f"{split}.parquet", str(split), set(of["row"])).items()
    }
    by_label, splits = count_by_label(table), table.count_by("split")
    pages.write(
        path,
        "validation.html",
        verdict=f"Validation {verdict(run)}",
        colour="bad" if not run.success else "warn" if failures else "good",
        summary=summary(run, len(quarantined)),
        pictures=len(table),
        splits={split: splits[split] for split in SPLITS if split in splits},
        results=run.results,
        failures=[
            {
                "result": result,
                "pictures": [
                    _page_picture(row, row["finding"], raw)
                    for _, row in result.failing.head(MAX_PAGE_PICTURES).iterrows()
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
        plot=figures.distributions(label_histograms(table, NUMERIC_COLUMNS), _limits(bounds)),
        drift=run.drift,
        drift_bounds={name: bounds.drift.max + by_chance for name, by_chance in run.chances.items()},
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

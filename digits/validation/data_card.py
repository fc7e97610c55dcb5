"""The data card, data/README.md: what the data are, after Pushkarna et al. 2022, "Data Cards" (arXiv 2204.01075)."""

from collections.abc import Mapping
from math import inf
from typing import Any

import pandas as pd

from digits import paths
from digits.data.dataset import SPLITS
from digits.data.source_descriptions import SourceDescription
from digits.validation import label_corrections, report
from digits.validation.distributions import quantiles
from digits.validation.label_corrections import LabelCorrections
from digits.validation.run import DRIFT_OF, ValidationRun
from digits.validation.table import Table
from digits.visualization import markdown

LABEL_CHECKS = ("one_label", "class_typical", "no_duplicates", "no_leak", "no_near_leak")
MAX_DRIFTS = 5  # the highest indices that are listed
STATISTIC_NAMES = {  # on the card, by the statistics' columns
    "width": "width, pixels",
    "height": "height, pixels",
    "contrast": "contrast, pixel values of 255",
    "extent": "longest side of the digit, of the picture's",
    "stroke": "width of the strokes, of the canonical digit's side",
    "sharpness": "sharpness",
}


def write(
    run: ValidationRun,
    quarantined: pd.DataFrame,
    corrections: LabelCorrections,
    split_rule: Mapping[str, Any],
    sources: Mapping[str, SourceDescription],
) -> None:
    """Write the card of the pictures in the run's table. `quarantined` are rows with their `reasons`."""
    table = run.table
    drift = {one.name.removeprefix(DRIFT_OF): one for one in run.results if one.name.startswith(DRIFT_OF)}
    highest = sorted(drift, key=lambda name: -run.drift.get(name, inf))[:MAX_DRIFTS]
    markdown.write(
        paths.DATA_CARD,
        "data_card.md",
        sources=sources,
        verdict=report.verdict(run),
        summary=report.summary(run, len(quarantined)),
        splits=SPLITS,
        by_source=report.count_by_source(table),
        by_label=report.count_by_label(table),
        rule=split_rule,
        dropped=len(pd.read_csv(paths.DROPPED)) if paths.DROPPED.exists() else 0,
        corrections=len(corrections.rows),
        effects=label_corrections.counts(corrections),
        quarantined=len(quarantined),
        reasons=_count_reasons(run, quarantined),
        found=[result for result in run.results if result.name in LABEL_CHECKS],
        severities=_count_failures(run),
        failures=run.failures,
        drift={name: drift[name] for name in highest},
        drifts=len(drift),
        statistics=_ranges(table),
        formats=_shares(table.count_by("format")),
        modes=_shares(table.count_by("mode")),
    )


def _count_reasons(run: ValidationRun, quarantined: pd.DataFrame) -> dict[str, int]:
    """The quarantined pictures by the expectation that they fail."""
    reasons = "; " + quarantined["reasons"].astype(str)
    counts = {one.name: int(reasons.str.contains(f"; {one.name}: ", regex=False).sum()) for one in run.results}
    return {name: count for name, count in counts.items() if count}


def _count_failures(run: ValidationRun) -> dict[str, tuple[int, int]]:
    """All expectations of each severity, and those that fail."""
    by_severity = {name: [one for one in run.results if one.severity == name] for name in ("critical", "warning")}
    return {name: (len(of), sum(not one.success for one in of)) for name, of in by_severity.items()}


def _ranges(table: Table) -> dict[str, tuple[float, ...]]:
    """Lowest value, median and highest value of each of STATISTIC_NAMES, of the pictures that have it."""
    found = quantiles(table, [*STATISTIC_NAMES], [0, 0.5, 1])
    return {
        STATISTIC_NAMES[column]: tuple(float(f"{one:.4g}") for one in values)
        for column, values in found.items()
        if len(values)
    }


def _shares(counts: pd.Series) -> list[str]:
    """How many pictures have each value, the most frequent first."""
    return [f"{value} {count:,}" for value, count in counts.sort_values(ascending=False, kind="stable").items()]

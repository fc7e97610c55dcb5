"""A comparison of two models as a page, with the curves of both and the digits that one alone reads."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from digits.comparison import shadow_text, text
from digits.comparison.models import Model
from digits.comparison.result import ALL, Result
from digits.comparison.rows import BETTER, WORSE, Row
from digits.comparison.shadow import Shadow
from digits.data import pictures
from digits.evaluation import calibration, refusal, summary
from digits.visualization import comparison_figures, pages

MAX_PICTURES = 50  # of the digits that one model alone reads


def write(
    path: Path, asked: Sequence[str], models: Sequence[Model], result: Result, shadow: Shadow | None = None
) -> None:
    """Write the page. `asked` are the two names that were given."""
    pages.write(
        path,
        "comparison.html",
        asked=asked,
        meanings=text.meanings(asked, models),
        verdict=text.verdict(result.figures[ALL]),
        colour=_colour(result.figures[ALL]),
        basis=text.basis(result),
        figures={
            name: (text.MEASURED_COLUMNS, [*map(text.measured_cells, rows)]) for name, rows in result.figures.items()
        },
        curves=_curves(result),
        recorded=(text.RECORDED_COLUMNS, [*map(text.recorded_cells, result.recorded)]),
        recorded_basis=text.RECORDED_BASIS,
        notes=result.notes,
        counts=text.counts(result),
        read_by_one={
            name: (len(indices), _pictures(result, indices[:MAX_PICTURES]))
            for name, indices in zip("AB", result.read_by_one, strict=True)
        },
        shadow=_shadow(shadow) if shadow else None,
        slices=(text.SLICE_COLUMNS, text.slice_rows(result)),
        slices_verdict=text.slices_verdict(result.slices),
        params_basis=text.params_basis(result),
        params=(text.PARAM_COLUMNS, text.param_rows(result)),
    )


def _colour(rows: Sequence[Row]) -> str:
    verdicts = {row.verdict for row in rows} & {BETTER, WORSE}
    if verdicts == {BETTER}:
        return "good"
    return "bad" if verdicts == {WORSE} else "warn"


def _shadow(found: Shadow) -> dict[str, Any]:
    return {
        "basis": shadow_text.basis(found),
        "differences": shadow_text.differences(found),
        "labels": (shadow_text.LABEL_COLUMNS, shadow_text.label_rows(found)),
        "corrected": shadow_text.corrected(found),
        "right": (shadow_text.CORRECTED_COLUMNS, shadow_text.corrected_rows(found.corrected)),
    }


def _curves(result: Result) -> dict[str, bytes]:
    labels = result.digits.labels
    curves, diagrams = [], []
    for found in result.found:
        curve, rates = refusal.risk_coverage(found.probabilities, labels), summary.accepted(found, labels)
        chosen = (rates["coverage"], rates["error_when_accepted"])
        curves.append(comparison_figures.RiskCoverage(curve.coverage, curve.error, chosen))
        diagrams.append(comparison_figures.Reliability(*calibration.reliability(found.probabilities, labels)[:4]))
    return {
        "Risk-coverage curves of A and B": comparison_figures.risk_coverage(*curves),
        "Reliability diagrams of A and B": comparison_figures.reliability(*diagrams),
    }


def _pictures(result: Result, indices: np.ndarray) -> list[dict[str, Any]]:
    return [
        {
            "png": pictures.encode_png(255 - result.digits.images[index]),  # dark ink on white
            "label": result.digits.labels[index],
            "row": result.rows[index],
            "predictions": text.predictions(result, index),
        }
        for index in indices
    ]

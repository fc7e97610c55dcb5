"""A comparison of two models as Markdown, whose tables are aligned to be read in a terminal too."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from digits.comparison import shadow_text
from digits.comparison.models import Model
from digits.comparison.result import ALL, Result
from digits.comparison.rows import BETTER, NONE, WORSE, Estimate, Row
from digits.comparison.shadow import Shadow
from digits.errors import printable
from digits.evaluation.intervals import CONFIDENCE
from digits.visualization import formats
from digits.visualization.formats import ABSENT, NUMBER, SHARE, share
from digits.visualization.markdown import code, escaped

# Columns of the tables
MEASURED_COLUMNS = ("figure", "B is", "A", "B", "B - A")
RECORDED_COLUMNS = ("figure", "B is", "A", "B")
DIGIT_COLUMNS = ("read by", "row", "label", "A", "B")
SLICE_COLUMNS = ("slice", "B is", "digits", "A", "B", "A alone", "B alone", "p", "adjusted p")
PARAM_COLUMNS = ("parameter", "A", "B")
MAX_PRINTED = 10  # digits that one model alone reads, and slices
RECORDED_BASIS = "Not measured again: B is better or worse where the two intervals do not overlap."


def document(asked: Sequence[str], models: Sequence[Model], result: Result, shadow: Shadow | None = None) -> str:
    """The whole comparison. `asked` are the two names that were given."""
    digits, groups = digit_rows(result), slice_rows(result)
    by_source = [(name, rows) for name, rows in result.figures.items() if name != ALL]
    parts = [
        f"# {escaped(asked[0])} → {escaped(asked[1])}",
        "\n".join(f"- {escaped(line)}" for line in meanings(asked, models)),
        f"**{verdict(result.figures[ALL])}**",
        "## Measured on the same digits",
        basis(result),
        table(MEASURED_COLUMNS, map(measured_cells, result.figures[ALL])),
        *(f"### {escaped(name)}\n\n{table(MEASURED_COLUMNS, map(measured_cells, rows))}" for name, rows in by_source),
        "## Recorded by `evaluate`",
        RECORDED_BASIS,
        table(RECORDED_COLUMNS, map(recorded_cells, result.recorded)),
        *result.notes,
        "## Read by one alone",
        counts(result),
        *([table(DIGIT_COLUMNS, digits)] if digits else []),
        *(_shadow(shadow) if shadow else []),
        "## Slices",
        escaped(slices_verdict(result.slices)),
        *([table(SLICE_COLUMNS, groups[:MAX_PRINTED])] if groups else []),
        "## Parameters",
        params_basis(result),
        *([table(PARAM_COLUMNS, map(_code, param_rows(result)))] if result.params else []),
    ]
    return "\n\n".join(parts)


def _shadow(found: Shadow) -> list[str]:
    labels, corrected = shadow_text.label_rows(found), shadow_text.corrected_rows(found.corrected)
    return [
        "## In the shadow",
        shadow_text.basis(found),
        shadow_text.differences(found),
        *([table(shadow_text.LABEL_COLUMNS, labels)] if labels else []),
        shadow_text.corrected(found),
        *([table(shadow_text.CORRECTED_COLUMNS, corrected)] if corrected else []),
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of texts, which are escaped."""
    cells = pd.DataFrame([[escaped(cell) for cell in row] for row in rows], columns=list(header))
    return cells.to_markdown(index=False, disable_numparse=True)


def _code(row: Iterable[str]) -> list[str]:
    return [cell if cell == ABSENT else code(cell) for cell in row]


def meanings(asked: Sequence[str], models: Sequence[Model]) -> list[str]:
    """What each name means."""
    return [
        f"{letter} is {printable(name)}: {printable(model.origin)}; SHA-256 {model.sha256[:12]}"
        for letter, name, model in zip("AB", asked, models, strict=True)
    ]


def verdict(rows: Sequence[Row]) -> str:
    """The verdicts of measured figures in a sentence."""
    named = {one: ", ".join(row.name for row in rows if row.verdict == one) for one in (BETTER, WORSE, NONE)}
    parts = [f"B is {one} in {named[one]}" for one in (BETTER, WORSE) if named[one]]
    if named[NONE]:
        parts.append(f"no difference is shown in {named[NONE]}")
    sentence = "; ".join(parts)
    return sentence[0].upper() + sentence[1:] + "."


def basis(result: Result) -> str:
    """The digits that were compared, and what the intervals and verdicts are."""
    left_out = result.total - len(result.rows)
    some = f", without {left_out:,} that A or B was trained on" if left_out else ""
    return (
        f"{len(result.rows):,} test digits of the working tree{some}. In brackets are {CONFIDENCE:.0%} intervals; B is "
        "better or worse where that of the difference excludes zero. Points are percentage points."
    )


def measured_cells(row: Row) -> list[str]:
    """A row of MEASURED_COLUMNS."""
    change = formats.difference(*row.difference, _format(row)) if row.difference else ABSENT
    return [*recorded_cells(row), change]


def recorded_cells(row: Row) -> list[str]:
    """A row of RECORDED_COLUMNS."""
    return [row.name, row.verdict, *(_value(one, _format(row)) for one in (row.first, row.second))]


def counts(result: Result) -> str:
    """How many digits one model alone reads."""
    first, second = map(len, result.read_by_one)
    return f"A alone classifies {first:,} digits correctly, B alone {second:,}, whether it accepts or refuses them."


def digit_rows(result: Result) -> list[list[str]]:
    """Rows of DIGIT_COLUMNS: the most confident of the digits that one model alone reads."""
    return [
        [name, str(result.rows[index]), str(result.digits.labels[index]), *predictions(result, index)]
        for name, indices in zip("AB", result.read_by_one, strict=True)
        for index in indices[:MAX_PRINTED]
    ]


def predictions(result: Result, index: int) -> list[str]:
    """What each model predicts of a digit."""
    return [
        f"{one.probabilities[index].argmax()} ({one.probabilities[index].max():.1%}"
        f"{'' if one.accepted[index] else ', refused'})"
        for one in result.found
    ]


def slices_verdict(slices: pd.DataFrame) -> str:
    """The groups whose accuracy differs, in sentences."""
    found = slices[slices["adjusted"] < 1 - CONFIDENCE]
    named = " ".join(f"B is {_direction(row)} on {row.slice}: {row.group}." for row in found.itertuples())
    chance = f"Of {len(slices)} groups, each with McNemar's exact test, some differ by chance"
    return f"{named or 'No difference is shown in any group.'} {chance}: the adjusted p, by Holm, allows for that."


def slice_rows(result: Result) -> list[list[str]]:
    """Rows of SLICE_COLUMNS: groups of which one model alone reads a digit, the lowest p-values first."""
    differing = result.slices[result.slices["only_first"] + result.slices["only_second"] > 0]
    ordered: Any = differing.sort_values(["adjusted", "chance"], kind="stable")
    return [
        [
            f"{row.slice}: {row.group}",
            _direction(row) if row.adjusted < 1 - CONFIDENCE else NONE,
            f"{row.pictures:,}",
            share(row.first),
            share(row.second),
            f"{row.only_first:,}",
            f"{row.only_second:,}",
            f"{row.chance:.2g}",
            f"{row.adjusted:.2g}",
        ]
        for row in ordered.itertuples()
    ]


def params_basis(result: Result) -> str:
    """How many parameters of the stages differ, and how many are equal."""
    if not (result.params or result.same_params):
        return "Not compared: those of A or of B are not known."
    return f"Different: {len(result.params)}; equal: {result.same_params}."


def param_rows(result: Result) -> list[list[str]]:
    """Rows of PARAM_COLUMNS."""
    return [[key, *(ABSENT if one is None else one for one in both)] for key, both in result.params.items()]


def _direction(row: Any) -> str:
    return BETTER if row.only_second > row.only_first else WORSE


def _format(row: Row) -> str:
    return SHARE if row.is_share else NUMBER


def _value(estimate: Estimate | None, spec: str) -> str:
    return ABSENT if estimate is None else formats.estimate(*estimate, spec)

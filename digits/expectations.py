"""What is expected of the pictures and labels, and Great Expectations, which holds the tables against it.

The bounds and severities stand in params.yaml under `validate.expectations`, by the names used here.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from digits.dataset import LABELS
from digits.drift import PROFILED
from digits.files import replacing
from digits.params import Expectations

MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I"]  # 16 bits a grey, 8 a colour
ROW = ["split", "row", "path", "label"]  # the columns that name a row
TOLD = 1000  # rows of which a warning says what was found; a critical one says it of all


@dataclass(frozen=True)
class Outcome:
    """One expectation, held against the data: `observed` is a figure, or the range of a column.

    `rows` are the positions in the table of the pictures that do not hold, and `found` what was found of each: of a
    warning, of the first thousand.
    """

    name: str
    about: str
    severity: str
    success: bool
    expected: str
    observed: float | list | str
    rows: list[int]
    found: list[str]

    @property
    def critical(self) -> bool:
        return self.severity == "critical"


class Expectation(NamedTuple):
    """What is expected of a column: its name in params.yaml, what it says, and Great Expectations' kind of it."""

    name: str
    column: str | None
    about: str
    kind: str = "ExpectColumnValuesToBeBetween"
    fixed: Mapping[str, Any] = MappingProxyType({})


NONE, IN_SET = "ExpectColumnValuesToBeNull", "ExpectColumnValuesToBeInSet"
DIGITS = {"value_set": list(LABELS)}
EQUAL = {"partition_object": {"values": list(LABELS), "weights": [1 / len(LABELS)] * len(LABELS)}}

PICTURES = [
    # The file
    Expectation("pictures", None, "enough pictures to learn from", "ExpectTableRowCountToBeBetween"),
    Expectation("readable", "problem", "every picture can be read", NONE),
    Expectation("mode", "mode", "grey or colour, of a known kind", IN_SET, {"value_set": MODES}),
    Expectation("frames", "frames", "a still picture; of others only the first frame is taken"),
    Expectation("file_name", "misnamed", "the name's suffix says what the file holds", NONE),
    Expectation("width", "width", "pixels across"),
    Expectation("height", "height", "pixels down"),
    Expectation("aspect", "aspect", "longest side over shortest"),
    Expectation("lowest_level", "lowest", "no level below black"),
    Expectation("highest_level", "highest", "no level above 16 bits"),
    # What it shows
    Expectation("contrast", "contrast", "brightest minus darkest grey level: not blank"),
    Expectation("ink_colour", "odd_ink", "ink as dark or as light as in the other pictures", NONE),
    Expectation("ink", "ink", "fraction of the pixels that hold ink"),
    Expectation("centre_x", "centre_x", "where the ink balances, from left to right"),
    Expectation("centre_y", "centre_y", "where the ink balances, from top to bottom"),
    Expectation("extent", "extent", "the ink's size in the picture"),
    Expectation("stroke", "stroke", "width of the strokes, as a fraction of the digit's size"),
    Expectation("border", "border", "fraction of the picture's edge that ink touches"),
    Expectation("sharpness", "sharpness", "fraction of the ink that is solid: not blurred"),
    Expectation("parts", "parts", "separate strokes"),
    Expectation("second_digit", "second", "ink that stands apart beside the rest: not two digits"),
    # The labels
    Expectation("label", "label", "the label is a digit", IN_SET, DIGITS),
    Expectation("every_digit", "label", "each of the ten occurs", "ExpectColumnDistinctValuesToContainSet", DIGITS),
    Expectation("balance", "label", "labels in equal shares", "ExpectColumnKLDivergenceToBeLessThan", EQUAL),
    Expectation("one_label", "other_label", "no picture has two labels", NONE),
    Expectation(
        "looks_like_label",
        "unlike_label",
        "none looks like another digit than its label, where that has 96 pictures",
        NONE,
    ),
    # The splits
    Expectation("no_copies", "copy_of", "no picture twice in a split", NONE),
    Expectation("no_leak", "also_in_test", "no picture both to train on and to test", NONE),
    Expectation("no_near_leak", "near_copy", "no picture to train on looks nearly as one to test", NONE),
]

# The version: how far each measurement has moved from what the champion learned from.
VERSION = [
    Expectation("drift", name, f"{name} as in what the champion learned from", "ExpectColumnMaxToBeBetween")
    for name in PROFILED
]


def check(table: pd.DataFrame, moved: dict[str, float], bounds: Expectations, docs: Path) -> list[Outcome]:
    """Hold the measurements, one row a picture, and the drift of each against what is expected of them.

    `table` has the columns of `measurements.measure` and `relations.relate` beside `split`, `row`, `path`, `label` and
    `aspect`, and an index from 0 on; `moved` is what `drift.distance` returns. Renders Great Expectations' Data Docs to
    the folder `docs`. Returns one Outcome an expectation, in the order in which they stand above.
    """
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    needed = [*ROW, *dict.fromkeys(one.column for one in PICTURES if one.column not in (None, "label"))]
    with replacing(docs) as beside:
        context.add_data_docs_site("docs", _site(beside))
        return [
            *_held(context, "pictures", PICTURES, table[needed], bounds),
            *_held(context, "version", VERSION, pd.DataFrame([moved]), bounds),
        ]


def _held(context, name: str, listed: list[Expectation], frame: pd.DataFrame, bounds: Expectations) -> list[Outcome]:
    """Run one suite on one frame, and render it; the outcomes stand in the suite's order."""
    import great_expectations as gx
    from great_expectations.checkpoint import UpdateDataDocsAction

    source = context.data_sources.add_pandas(name)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
    expectations = [_made(one, place, bounds) for place, one in enumerate(listed)]
    suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=suite))
    checkpoint = gx.Checkpoint(
        name=name,
        validation_definitions=[definition],
        actions=[UpdateDataDocsAction(name="docs", site_names=["docs"])],
        result_format="BASIC",  # COMPLETE holds a dictionary for each offending row, however many there are
    )
    result = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": frame})
    (run,) = result.run_results.values()
    found = {one["expectation_config"]["meta"]["place"]: one for one in run.to_json_dict()["results"]}
    return [_outcome(found[place], frame) for place in range(len(listed))]


def bad_rows(outcomes: list[Outcome]) -> dict[int, list[str]]:
    """Positions in the table of the pictures that a critical expectation refuses, and its reasons."""
    reasons: dict[int, list[str]] = {}
    for outcome in outcomes:
        if outcome.critical and not outcome.success:
            for row, found in zip(outcome.rows, outcome.found, strict=True):
                reasons.setdefault(row, []).append(f"{outcome.name}: {found}")
    return dict(sorted(reasons.items()))


def _made(expectation: Expectation, place: int, bounds: Expectations) -> Any:
    """Great Expectations' own object, with the bounds and the severity of params.yaml."""
    import great_expectations.expectations as gxe

    name, column, about, kind, fixed = expectation
    limits = {f"{key}_value": value for key, value in bounds.limits(name).items()}
    if kind == "ExpectColumnKLDivergenceToBeLessThan":
        limits = {"threshold": limits["max_value"]}
    elif kind == NONE:
        limits = {}  # `relations` has held the bound, and said in words what it found
    where = {} if column is None else {"column": column}
    meta = {"name": f"drift of {column}" if name == "drift" else name, "about": about, "place": place}
    return getattr(gxe, kind)(severity=bounds.severity(name), meta=meta, **where, **fixed, **limits)


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.absolute()),
        },
    }


def _outcome(result: dict[str, Any], frame: pd.DataFrame) -> Outcome:
    config, found = result["expectation_config"], result["result"]
    critical = config["severity"] == "critical"
    rows = np.flatnonzero(_offending(frame, config)) if found.get("unexpected_count") else np.array([], int)
    told = rows if critical else rows[:TOLD]
    observed = found.get("observed_value")
    if observed is None:
        cause = None if result["success"] else _cause(result)
        observed = cause or _range(frame, config)
    return Outcome(
        name=config["meta"]["name"],
        about=config["meta"]["about"],
        severity=config["severity"],
        success=result["success"],
        expected=_expected(config["kwargs"]),
        observed=_rounded(observed),
        rows=rows.tolist(),
        found=[_said(config["kwargs"]["column"], value) for value in _column(frame, config).iloc[told]]
        if len(told)
        else [],
    )


def _column(frame: pd.DataFrame, config: dict[str, Any]) -> pd.Series:
    return frame[config["kwargs"]["column"]]


def _offending(frame: pd.DataFrame, config: dict[str, Any]) -> pd.Series:
    """Which rows an expectation counts as unexpected: its own rule, on the whole column; a missing value holds."""
    column, kwargs = _column(frame, config), config["kwargs"]
    if config["type"] == "expect_column_values_to_be_null":
        return column.notna()
    if "value_set" in kwargs:
        return column.notna() & ~column.isin(kwargs["value_set"])
    lowest, highest = kwargs.get("min_value"), kwargs.get("max_value")
    below = column < lowest if lowest is not None else False
    return below | (column > highest) if highest is not None else below


def _range(frame: pd.DataFrame, config: dict[str, Any]) -> str:
    """What a column holds that was checked row by row: its extremes, its values, or how many rows are not empty."""
    column = _column(frame, config).dropna()
    if config["type"] == "expect_column_values_to_be_null":
        return f"{len(column):,} of {len(frame):,}"
    if "value_set" in config["kwargs"]:
        return ", ".join(map(str, sorted(column.unique())[:20]))
    lowest, highest = (_rounded(float(extreme)) for extreme in (column.min(), column.max()))
    return "nothing" if column.empty else f"{lowest} to {highest}" if lowest != highest else str(lowest)


def _said(column: str, value: Any) -> str:
    return value if isinstance(value, str) and column != "mode" else f"{column} {_rounded(value)}"


def _expected(kwargs: dict[str, Any]) -> str:
    if "partition_object" in kwargs:
        return f"at most {kwargs['threshold']:g}"
    if "value_set" in kwargs:
        return f"one of {', '.join(map(str, kwargs['value_set']))}"
    bounds = {"at least": kwargs.get("min_value"), "at most": kwargs.get("max_value")}
    return " and ".join(f"{word} {bound:,g}" for word, bound in bounds.items() if bound is not None) or "none"


def _rounded(observed: Any) -> Any:
    # The last digits of a float are nobody's news, and a diff of two versions should show what changed.
    if isinstance(observed, float) and math.isfinite(observed):
        return int(observed) if observed.is_integer() else round(observed, 4)
    return observed


def _cause(result: dict[str, Any]) -> str | None:
    """The message of an exception inside Great Expectations, such as a column that is missing."""
    exceptions = result.get("exception_info") or {}
    nested = [exceptions, *(value for value in exceptions.values() if isinstance(value, dict))]
    return next((info["exception_message"] for info in nested if info.get("exception_message")), None)

"""Runs the expectation suite with Great Expectations. No other module imports it."""

import logging
import math
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from digits import paths
from digits.data.statistics import ROW_COLUMNS
from digits.files import atomic_write
from digits.params import Expectations
from digits.validation import drift, label_corrections
from digits.validation.label_corrections import LabelCorrections
from digits.validation.suite import DIGITS_IN_SPLITS, DRIFT_EXPECTATIONS, NULL, PICTURE_EXPECTATIONS, Expectation
from digits.validation.table import Condition, PandasTable, Table

NOTHING: Mapping[str, Any] = MappingProxyType({})
FAILING_COLUMNS = [*ROW_COLUMNS, "name", "finding"]
NO_ROWS = pd.DataFrame(columns=FAILING_COLUMNS)
DRIFT_OF = "drift of "  # begins the names of the expectations on drift
MAX_FINDINGS = 1000  # rows of an expectation with a message; `bad_rows` has one for every row of the critical ones


class MetricError(Exception):
    """An engine could not compute what an expectation is about; the text is the engine's."""


@dataclass(frozen=True)
class ExpectationResult:
    """The result of one expectation: `observed` is a figure, or the range of a column.

    Of one that is checked row by row, `unexpected` rows fail its `condition`; the first thousand of these are in
    `failing`, with ROW_COLUMNS, `name` and a `finding`, a message.
    """

    name: str
    description: str
    severity: str
    success: bool
    expected: str
    observed: float | list[Any] | str
    unexpected: int = 0
    condition: Condition | None = None
    failing: pd.DataFrame = field(default_factory=lambda: NO_ROWS, compare=False)

    @property
    def critical(self) -> bool:
        return self.severity == "critical"


@dataclass(frozen=True)
class ValidationRun:
    """The results of all expectations on a `table`: the statistics with the columns of `add_findings`.

    `drift` has the drift scores, and `chances` by how much each may exceed its bound.
    """

    table: Table
    drift: Mapping[str, float]
    results: list[ExpectationResult]
    chances: Mapping[str, float] = field(default_factory=dict)

    @property
    def success(self) -> bool:
        return not any(result.critical for result in self.failures)

    @property
    def failures(self) -> list[ExpectationResult]:
        return [result for result in self.results if not result.success]

    @property
    def conditions(self) -> dict[str, Condition]:
        """What bad rows fail: the conditions of the critical expectations that fail, by the expectations' names."""
        return {one.name: one.condition for one in self.failures if one.critical and one.condition}

    def count_bad(self) -> int:
        """How many rows fail a critical expectation."""
        return self.table.count_failing([*self.conditions.values()])

    def bad_rows(self) -> pd.DataFrame:
        """The rows that fail a critical expectation, with ROW_COLUMNS, `name` and their `reasons`."""
        rows = self.table.failing([*self.conditions.values()])
        reasons: list[list[str]] = [[] for _ in range(len(rows))]
        for name, condition in self.conditions.items():
            values = rows[condition.column]
            for row in np.flatnonzero(condition.fails(values)):
                reasons[row].append(f"{name}: {_format_finding(condition.column, values.iloc[row])}")
        return rows[[*ROW_COLUMNS, "name"]].assign(reasons=["; ".join(one) for one in reasons])


def validate(
    table: Table,
    reference: dict[str, Any],
    bounds: Expectations,
    split_rule: Mapping[str, Any] = NOTHING,
    corrections: LabelCorrections = label_corrections.NONE,
) -> ValidationRun:
    """Check the statistics, one row a picture, and the drift of train and validation from `reference`, a profile.

    `table` has ROW_COLUMNS, `source`, the columns of `compute_statistics` and a `name`; `split_rule` is what assigned
    its splits (`dataset.split_rule`), for messages. Renders Great Expectations' Data Docs. The results are in the order
    of the suite.
    """
    largest = bounds.ink_colour.max, bounds.no_near_leak.min, bounds.class_typical.max
    table = table.with_findings(*largest, corrections)
    pairs = drift.pairs(table.seen(), reference)
    scores, chances = drift.scores(pairs), drift.chances(pairs)
    return ValidationRun(table, scores, check(table, scores, bounds, paths.DATA_DOCS, chances, split_rule), chances)


def check(
    table: Table,
    scores: Mapping[str, float],
    bounds: Expectations,
    docs: Path,
    chances: Mapping[str, float] = NOTHING,
    split_rule: Mapping[str, Any] = NOTHING,
) -> list[ExpectationResult]:
    """Run the suite on a table with findings and on drift scores; render Data Docs to the folder `docs`.

    A drift score may be above its bound by what is in `chances`. An expectation on the drift of a statistic that has no
    score fails. Raises MetricError where Spark fails.
    """
    drift_suite = [one for one in DRIFT_EXPECTATIONS if one.column in scores]
    unknown = [one for one in DRIFT_EXPECTATIONS if one.column not in scores]
    with _pyspark_importable():
        import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    picture_suite = [_explained(one, split_rule) for one in PICTURE_EXPECTATIONS]
    with atomic_write(docs) as temporary:
        context.add_data_docs_site("docs", _site(temporary))
        return [
            *_run_suite(context, "pictures", picture_suite, table, bounds),
            *_run_suite(context, "drift", drift_suite, PandasTable(pd.DataFrame([scores])), bounds, chances),
            *(_without_score(one, bounds) for one in unknown),
        ]


@contextmanager
def _pyspark_importable() -> Iterator[None]:
    """Great Expectations imports PySpark where that is installed, also for pandas.

    PySpark ends a process whose main program has no file, as that of a notebook, and warns of pandas 3.
    """
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    main = sys.modules["__main__"]
    without_file = not hasattr(main, "__file__")
    if without_file:
        main.__file__ = ""
    try:
        yield
    finally:
        if without_file:
            del main.__file__


def _explained(expectation: Expectation, split_rule: Mapping[str, Any]) -> Expectation:
    """With the parameters that decide which digits a split has, where the expectation is about these."""
    if expectation.name != "digits_in_splits" or not split_rule:
        return expectation
    names = ("seed", "test_fraction", "validation_fraction")
    drawn = ", ".join(f"ingest.{name} = {split_rule[name]}" for name in names)
    return expectation._replace(description=f"{expectation.description}, as drawn with {drawn}")


def _run_suite(
    context: Any,
    name: str,
    suite: list[Expectation],
    table: Table,
    bounds: Expectations,
    chances: Mapping[str, float] = NOTHING,
) -> list[ExpectationResult]:
    import great_expectations as gx
    from great_expectations.checkpoint.actions import UpdateDataDocsAction

    sources = context.data_sources
    source = sources.add_spark(name, persist=False) if table.engine == "spark" else sources.add_pandas(name)
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("whole")
    expectations = [_gx_expectation(one, position, bounds, chances) for position, one in enumerate(suite)]
    gx_suite = context.suites.add(gx.ExpectationSuite(name=name, expectations=expectations))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=name, data=batch, suite=gx_suite))
    checkpoint = gx.Checkpoint(
        name=name,
        validation_definitions=[definition],
        actions=[UpdateDataDocsAction(name="docs", site_names=["docs"])],
        result_format={
            "result_format": "BASIC",  # how many rows fail, and nothing about each: `table.failing` has the first
            "exclude_unexpected_values": True,
            "return_unexpected_index_query": False,
            "partial_unexpected_count": 0,
        },
    )
    data = table.data(list(dict.fromkeys(one.column for one in suite if one.column)))
    result = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": data})
    (run,) = result.run_results.values()
    results = run.to_json_dict()["results"]  # not in the suite's order
    results.sort(key=lambda one: one["expectation_config"]["meta"]["position"])
    failed = next(filter(None, map(_exception, results)), None)
    if failed and table.engine == "spark":  # a lost executor or a full disk says nothing about the data
        raise MetricError(failed)
    return [_expectation_result(one, table) for one in results]


def _gx_expectation(expectation: Expectation, position: int, bounds: Expectations, chances: Mapping[str, float]) -> Any:
    """Great Expectations' object, with the bounds and the severity of params.yaml."""
    import great_expectations.expectations as gxe

    name, column, description, type, arguments = expectation
    limits = {f"{key}_value": value for key, value in bounds.limits(name).items()}
    if type == "ExpectColumnKLDivergenceToBeLessThan":
        limits = {"threshold": limits["max_value"]}
    elif type == NULL:
        limits = {}  # `add_findings` has applied the bound
    elif column is not None and column in chances:
        limits["max_value"] = round(limits["max_value"] + chances[column], 4)
    domain = {} if column is None else {"column": column}
    meta = {"name": _name(expectation), "description": description, "position": position}
    return getattr(gxe, type)(severity=bounds.severity(name), meta=meta, **domain, **arguments, **limits)


def _without_score(expectation: Expectation, bounds: Expectations) -> ExpectationResult:
    """The reference has been damaged, or was written before this statistic was added."""
    return ExpectationResult(
        name=_name(expectation),
        description=expectation.description,
        severity=bounds.severity(expectation.name),
        success=False,
        expected=_format_bounds({"max_value": bounds.drift.max}),
        observed=f"{paths.REFERENCE_PROFILE} lacks it: restore that file, or renew it with `digits data reference`",
    )


def _name(expectation: Expectation) -> str:
    """Of its result: that of a drift expectation has the statistic's, too."""
    return f"{DRIFT_OF}{expectation.column}" if expectation.name == "drift" else expectation.name


def _site(folder: Path) -> Any:
    return {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.absolute())},
    }


def _expectation_result(gx_result: dict[str, Any], table: Table) -> ExpectationResult:
    config, details = gx_result["expectation_config"], gx_result["result"]
    kwargs, meta = config["kwargs"], config["meta"]
    unexpected, condition = details.get("unexpected_count") or 0, _condition(config)
    observed = details.get("observed_value")
    if observed is None:
        observed = (not gx_result["success"] and _exception(gx_result)) or _value_range(table, config, unexpected)
    if meta["name"] == "digits_in_splits":
        observed = _missing(kwargs["value_set"], set(table.count_by(kwargs["column"]).index))
    return ExpectationResult(
        name=meta["name"],
        description=meta["description"],
        severity=config["severity"],
        success=gx_result["success"],
        expected=_format_bounds(kwargs),
        observed=_rounded(observed),
        unexpected=unexpected,
        condition=condition,
        failing=_failing(table, condition) if condition and unexpected else NO_ROWS,
    )


def _condition(config: dict[str, Any]) -> Condition | None:
    """What the expectation asks of each row, for the table; None where it asks nothing of a single row."""
    kwargs = config["kwargs"]
    match config["type"]:
        case "expect_column_values_to_be_null":
            return Condition(kwargs["column"], allowed=())
        case "expect_column_values_to_be_in_set":
            return Condition(kwargs["column"], allowed=tuple(kwargs["value_set"]))
        case "expect_column_values_to_be_between":
            return Condition(kwargs["column"], kwargs.get("min_value"), kwargs.get("max_value"))
    return None


def _failing(table: Table, condition: Condition) -> pd.DataFrame:
    """FAILING_COLUMNS of the first rows that fail a condition."""
    rows = table.failing([condition], MAX_FINDINGS)
    findings = [_format_finding(condition.column, value) for value in rows[condition.column]]
    return rows.assign(finding=findings)[FAILING_COLUMNS]


def _value_range(table: Table, config: dict[str, Any], unexpected: int) -> str:
    """The observed value of a column that is checked row by row: its range, values, or rows that are not null."""
    column = config["kwargs"]["column"]
    if config["type"] == "expect_column_values_to_be_null":
        return f"{unexpected:,} of {len(table):,}"
    if "value_set" in config["kwargs"]:
        return ", ".join(map(str, table.count_by(column).index[:20]))
    summary = table.summary(column)
    if not summary.known:
        return "nothing"
    lowest, highest = _rounded(float(summary.lowest)), _rounded(float(summary.highest))
    return f"{lowest} to {highest}" if lowest != highest else str(lowest)


def _missing(wanted: list[str], found: set[str]) -> str:
    """Which digits a split has none of, and what to do."""
    missing = [value for value in wanted if value not in found]
    if not missing:
        return "all"
    return f"no {', no '.join(missing)}: add pictures, or change fraction, seed or ingest.near_duplicate_distance"


def _format_finding(column: str, value: Any) -> str:
    return value if isinstance(value, str) and column != "mode" else f"{column} {_rounded(value)}"


def _format_bounds(kwargs: dict[str, Any]) -> str:
    if "partition_object" in kwargs:
        return f"at most {kwargs['threshold']:g}"
    if kwargs.get("value_set") == DIGITS_IN_SPLITS["value_set"]:
        return "0 to 9 in each"
    if "value_set" in kwargs:
        return f"one of {', '.join(map(str, kwargs['value_set']))}"
    bounds = {"at least": kwargs.get("min_value"), "at most": kwargs.get("max_value")}
    return " and ".join(f"{word} {bound:,g}" for word, bound in bounds.items() if bound is not None) or "none"


def _rounded(observed: Any) -> Any:
    # Four digits, so that a diff of metrics/validate.json shows changes only
    if isinstance(observed, float) and math.isfinite(observed):
        return int(observed) if observed.is_integer() else round(observed, 4)
    return observed


def _exception(gx_result: dict[str, Any]) -> str | None:
    """The message of an exception inside Great Expectations, for instance of a missing column."""
    exceptions = gx_result.get("exception_info") or {}
    nested = [exceptions, *(value for value in exceptions.values() if isinstance(value, dict))]
    return next((info["exception_message"] for info in nested if info.get("exception_message")), None)

"""What is expected of the pictures and labels, and Great Expectations, which holds a table against it."""

import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from digits.dataset import LABELS
from digits.files import replacing
from digits.params import Validate

MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16", "I"]  # up to 16 bits a grey level, 8 a colour
MAX_LEVEL = 65535  # of 16 bits; `I` holds 32, and more than this is no grey level of a camera or scanner
ROW = ["split", "row", "path", "label"]  # the columns that name a row
SHOWN = 10  # offending rows named per expectation


@dataclass(frozen=True)
class Outcome:
    """One expectation, held against the data: `observed` is None where each row was checked by itself."""

    name: str
    critical: bool
    success: bool
    expected: str
    observed: float | list | str | None
    unexpected: int
    rows: list[dict[str, Any]]

    def __str__(self) -> str:
        weight = "critical" if self.critical else "warning"
        if not self.rows:
            return f"{self.name} ({weight}): expected {self.expected}, found {self.observed}"
        more = f"\n    and {self.unexpected - len(self.rows)} more" if self.unexpected > len(self.rows) else ""
        lines = "".join(
            f"\n    {row['split']} row {row['row']}, {row['path']}, label {row['label']}: {row['found']}"
            for row in self.rows
        )
        return f"{self.name} ({weight}): expected {self.expected}, {self.unexpected} rows do not hold:{lines}{more}"


def suite(limits: Validate) -> list:
    """The expectations, in the order in which they are reported. Those that only warn say so."""
    import great_expectations.expectations as gxe

    def expect(kind: type, name: str, severity: str = "critical", **kwargs: Any) -> Any:
        return kind(severity=severity, meta={"name": name}, **kwargs)

    between, in_set = gxe.ExpectColumnValuesToBeBetween, gxe.ExpectColumnValuesToBeInSet
    labels = list(LABELS)
    uniform = {"values": labels, "weights": [1 / len(labels)] * len(labels)}
    return [
        # The pictures
        expect(gxe.ExpectTableRowCountToBeBetween, "enough pictures", min_value=limits.min_pictures),
        expect(gxe.ExpectColumnValuesToBeNull, "every picture can be read", column="problem"),
        expect(in_set, "known mode", column="mode", value_set=MODES),
        expect(between, "width", column="width", min_value=limits.min_side, max_value=limits.max_side),
        expect(between, "height", column="height", min_value=limits.min_side, max_value=limits.max_side),
        expect(between, "lowest level", column="lowest", min_value=0),
        expect(between, "highest level", column="highest", max_value=MAX_LEVEL),
        expect(between, "not blank", column="contrast", min_value=limits.min_contrast),
        expect(between, "ink", column="ink", min_value=limits.min_ink, max_value=limits.max_ink),
        # The labels
        expect(in_set, "label is a digit", column="label", value_set=labels),
        expect(gxe.ExpectColumnDistinctValuesToContainSet, "every digit occurs", column="label", value_set=labels),
        expect(
            gxe.ExpectColumnKLDivergenceToBeLessThan,
            "labels in balance",
            severity="warning",
            column="label",
            partition_object=uniform,
            threshold=limits.max_label_divergence,
        ),
        # The splits
        expect(
            gxe.ExpectCompoundColumnsToBeUnique,
            "no picture twice in a split",
            severity="warning",
            column_list=["split", "picture"],
            ignore_row_if="any_value_is_missing",
        ),
        expect(in_set, "no picture in two splits", column="splits_with_picture", value_set=[1]),
    ]


def check(table: pd.DataFrame, limits: Validate, docs: Path) -> list[Outcome]:
    """Hold the measurements, one row a picture, against the suite and render Data Docs to the folder `docs`.

    `table` has the columns of `measurements.measure` beside `split`, `row`, `path`, `label` and
    `splits_with_picture`. Returns one Outcome an expectation, in the suite's order.
    """
    import great_expectations as gx
    from great_expectations.checkpoint import UpdateDataDocsAction
    from great_expectations.data_context.types.base import ProgressBarsConfig

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    expectations = suite(limits)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("digits").add_dataframe_asset("measurements")
    batch = asset.add_batch_definition_whole_dataframe("all pictures")
    definition = gx.ValidationDefinition(
        name="pictures and labels",
        data=batch,
        suite=context.suites.add(gx.ExpectationSuite(name="digits", expectations=expectations)),
    )
    with replacing(docs) as beside:
        context.add_data_docs_site("docs", _site(beside))
        checkpoint = gx.Checkpoint(
            name="validate",
            validation_definitions=[context.validation_definitions.add(definition)],
            actions=[UpdateDataDocsAction(name="docs", site_names=["docs"])],
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ROW},
        )
        result = context.checkpoints.add(checkpoint).run(batch_parameters={"dataframe": table})
    (run,) = result.run_results.values()
    outcomes = {outcome.name: outcome for outcome in map(_outcome, run.to_json_dict()["results"])}
    return [outcomes[expectation.meta["name"]] for expectation in expectations]


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.absolute()),
        },
    }


def _outcome(result: dict[str, Any]) -> Outcome:
    config, found = result["expectation_config"], result["result"]
    rows = found.get("unexpected_index_list") or []
    return Outcome(
        name=config["meta"]["name"],
        critical=config["severity"] == "critical",
        success=result["success"],
        expected=_expected(config["kwargs"]),
        observed=_rounded(found.get("observed_value", _cause(result) if not result["success"] else None)),
        unexpected=found.get("unexpected_count", 0),
        rows=[_named(row) for row in rows[:SHOWN]],
    )


def _named(row: dict[str, Any]) -> dict[str, Any]:
    measured = {name: value for name, value in row.items() if name not in ROW}
    found = ", ".join(f"{name} {value}" for name, value in measured.items()) or f"label {row['label']}"
    return {**{name: row[name] for name in ROW}, "found": found}


def _expected(kwargs: dict[str, Any]) -> str:
    if "partition_object" in kwargs:
        return f"a divergence from equal shares of at most {kwargs['threshold']:g}"
    if "value_set" in kwargs:
        return f"one of {', '.join(map(str, kwargs['value_set']))}"
    if "column_list" in kwargs:
        return "no two alike"
    bounds = {"at least": kwargs.get("min_value"), "at most": kwargs.get("max_value")}
    return " and ".join(f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None) or "none"


def _rounded(observed: Any) -> Any:
    # The last digits of a float are nobody's news, and a diff of two versions should show what changed.
    return round(observed, 6) if isinstance(observed, float) and math.isfinite(observed) else observed


def _cause(result: dict[str, Any]) -> str | None:
    """The message of an exception inside Great Expectations, such as a column that is missing."""
    exceptions = result.get("exception_info") or {}
    nested = [exceptions, *(value for value in exceptions.values() if isinstance(value, dict))]
    return next((info["exception_message"] for info in nested if info.get("exception_message")), None)

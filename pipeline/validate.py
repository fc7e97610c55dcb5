"""Validate: compute every picture's statistics, and check pictures, labels, splits and drift against the expectations.

Reads   data/raw/, data/sources/ (what is stated about each source), data/reference.json (the profile that drift is
        measured from)
Writes  data/interim/statistics.parquet, data/interim/quarantine.csv (quarantined pictures with their reasons),
        data/interim/profile.json (of train and validation), metrics/validate.json, reports/validation.html,
        data/README.md (the data card); and Great Expectations' Data Docs in reports/data_docs/, which contain dates and
        are no output of the stage
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pandas as pd
import pyarrow.parquet as pq
from tqdm import tqdm

from digits import paths
from digits.data import dataset, raw_tables, source_descriptions
from digits.data.source_descriptions import SourceDescription
from digits.data.statistics import COLUMNS, ROW_COLUMNS, add_names, row_group_statistics, stored
from digits.errors import UserError, printable, run
from digits.files import atomic_write, write_json
from digits.params import Params, Validate, load
from digits.processes import parallel_map
from digits.validation import data_card, drift, label_corrections, report
from digits.validation.quarantine import NO_ROWS, quarantine
from digits.validation.run import validate
from digits.validation.table import PandasTable, Table


def raw_statistics() -> pd.DataFrame:
    """The statistics of all raw pictures, one row each, in the order of the splits, with a `name` for messages."""
    groups = raw_tables.row_groups()
    parts = [pd.DataFrame(columns=[*ROW_COLUMNS, "source", *COLUMNS])] if not groups else []
    with tqdm(desc="statistics", total=sum(group.rows for group in groups), unit=" pictures", disable=None) as progress:
        for part in parallel_map(row_group_statistics, groups, raw_tables.workload(groups)):
            parts.append(part)
            progress.update(len(part))
    return add_names(pd.concat(parts, ignore_index=True))


@contextmanager
def raw_table(params: Params, split_rule: dict[str, Any]) -> Iterator[Table]:
    """Compute the statistics, write them, and give them while the block runs: as a data frame of pandas or of Spark."""
    if params.engine == "spark":
        from digits.spark import validate as on_spark

        with on_spark.raw_statistics(params.spark, split_rule) as table:
            yield table
    else:
        statistics = raw_statistics()
        write_statistics(statistics, split_rule)
        yield PandasTable(statistics)


def write_statistics(table: pd.DataFrame, split_rule: dict[str, Any]) -> None:
    with atomic_write(paths.STATISTICS, any_kind=True) as temporary:  # Spark writes a folder
        pq.write_table(stored(table, split_rule), temporary)


def write_quarantine(quarantined: pd.DataFrame) -> None:
    with atomic_write(paths.QUARANTINE) as temporary:
        rows = quarantined[[*ROW_COLUMNS, "reasons"]].assign(path=quarantined["path"].map(printable))
        rows.to_csv(temporary, index=False)


def check(
    table: Table,
    params: Validate,
    reference: dict[str, Any],
    split_rule: dict[str, Any],
    described: dict[str, SourceDescription],
) -> None:
    """Run the suite and write the results. Raises UserError where the data fails a critical expectation."""
    corrections = label_corrections.read(cast(dict[int, int], table.count_by("label").to_dict()))
    result, quarantined = validate(table, reference, params.expectations, split_rule, corrections), NO_ROWS
    if params.on_bad_rows == "quarantine":
        result, quarantined = quarantine(result, reference, params, split_rule, corrections)

    write_quarantine(quarantined)
    write_json(paths.PROFILE, drift.profile(result.table.seen()))
    write_json(paths.VALIDATION, report.metrics(result, quarantined, corrections))
    report.write(paths.VALIDATION_REPORT, result, quarantined, reference, params.expectations)
    data_card.write(result, quarantined, corrections, split_rule, described)
    report.print_results(result, quarantined)
    if not result.success:
        pictures = "fix or remove these pictures at their source, set validate.on_bad_rows: quarantine, or "
        raise UserError(
            f"the data fails a critical expectation (above): {pictures if result.count_bad() else ''}"
            f"change a bound under validate.expectations in {paths.PARAMS}"
        )


def main() -> None:
    params, reference, split_rule = load(), drift.read_reference(), dataset.split_rule(paths.RAW)
    described = source_descriptions.read(
        name for split in raw_tables.raw_splits() for name in dataset.count_by_source(paths.RAW / f"{split}.parquet")
    )
    with raw_table(params, split_rule) as table:
        check(table, params.validate_, reference, split_rule, described)


if __name__ == "__main__":
    run(main)

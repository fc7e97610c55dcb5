"""The tables of the preprocess stage, as shards: Spark's tasks convert and draw, and write what they made."""

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from digits import paths
from digits.arrays import Ints
from digits.data import conversion, dataset, non_digits, processed_tables, shards, training_tables
from digits.data.conversion import Selection
from digits.data.dataset import Digits
from digits.data.page_orders import PageOrder
from digits.data.shards import Destination, Shard
from digits.files import atomic_write
from digits.params import Preprocess, Spark
from digits.reading import training_cuts
from digits.spark import destinations, tasks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PAGES_PER_TASK = 10  # a second or two of work
ORDERS_PER_SHARD = 200  # of what is no digit: 20,000 pictures


class Conversion(NamedTuple):
    """A shard of raw pictures, as its row groups, and the processed shard to write of them."""

    destination: Destination
    number: int
    schema: pa.Schema
    selections: list[Selection]


class Drawing(NamedTuple):
    """A shard of what is no digit."""

    destination: Destination
    number: int
    orders: list[non_digits.Order]


def write_processed(
    spark: "SparkSession",
    params: Spark,
    selections: Sequence[Selection],
    rule: Mapping[str, Any],
    folder: Path = paths.PROCESSED,
) -> dict[str, int]:
    """Write data/processed, a processed shard for each raw one, in order; returns the rows by split.

    Raises UserError naming a picture without a digit; nothing is then written.
    """
    schema = dataset.encode_rule(processed_tables.PROCESSED_SCHEMA, rule) if rule else processed_tables.PROCESSED_SCHEMA
    with atomic_write(folder) as temporary:
        temporary.mkdir()
        by_split = destinations.of_splits(params.storage, temporary, folder)
        work = [
            Conversion(by_split[split], number, schema, of_file)
            for split in dataset.SPLITS
            for number, of_file in enumerate(_by_file(selections, split))
        ]
        written = tasks.run(spark, convert_shard, work, "preprocess")
        return {
            split: shards.finish(
                destination,
                [shard for one, shard in zip(work, written, strict=True) if one.destination == destination],
                schema,
            )
            for split, destination in by_split.items()
        }


def convert_shard(work: Conversion) -> Shard:
    """In an executor: a raw shard's pictures as canonical digits, each row group as one."""
    tables = map(processed_tables.processed_table, conversion.convert_file(work.selections))
    return shards.write(work.destination, work.number, work.schema, tables)


def write_non_digits(
    spark: "SparkSession", params: Spark, orders: Sequence[non_digits.Order], path: Path = paths.NON_DIGITS
) -> None:
    """Write what is no digit, in the order of `orders`."""
    with atomic_write(path, any_kind=True) as temporary:  # the other engine writes a file
        destination = shards.destination(params.storage, temporary, path)
        work = [
            Drawing(destination, number, list(orders[first : first + ORDERS_PER_SHARD]))
            for number, first in enumerate(range(0, len(orders), ORDERS_PER_SHARD))
        ]
        written = tasks.run(spark, draw_shard, work, "draw non-digits")
        shards.finish(destination, written, training_tables.NON_DIGITS_SCHEMA)


def draw_shard(work: Drawing) -> Shard:
    """In an executor: draw what is no digit, each order as a row group."""
    drawn = ((one.split, one.kind, non_digits.draw_canonical(one)) for one in work.orders)
    tables = (training_tables.non_digits_table(*one) for one in drawn)
    return shards.write(work.destination, work.number, training_tables.NON_DIGITS_SCHEMA, tables)


def write_page_cuts(spark: "SparkSession", params: Preprocess, train_rows: int, path: Path = paths.PAGE_CUTS) -> None:
    """Write what is cut from composed pages to one file, from this process: at most `max_pages` have few digits."""
    orders = [*training_cuts.orders(params, train_rows, partial(_read_training_rows, spark))]
    work = [orders[first : first + PAGES_PER_TASK] for first in range(0, len(orders), PAGES_PER_TASK)]
    cuts = (page for pages in tasks.run(spark, cut_pages, work, "cut pages") for page in pages)
    training_tables.write_page_cuts(training_cuts.sample(cuts, params), path)


def cut_pages(orders: Sequence[PageOrder]) -> list[Digits]:
    """In an executor: the cuts of some pages."""
    return [training_cuts.cut_page(one) for one in orders]


def _read_training_rows(spark: "SparkSession", rows: Ints) -> Digits:
    wanted = processed_tables.locate(paths.PROCESSED / "train.parquet", rows)
    return dataset.concatenate(tasks.run(spark, processed_tables.read_file_rows, wanted, "read digits of pages"))


def _by_file(selections: Sequence[Selection], split: str) -> list[list[Selection]]:
    """The selections of a split, by the file of their row groups, in order."""
    of_split = [one for one in selections if one.group.split == split]
    return [list(of_file) for _, of_file in groupby(of_split, key=lambda one: one.group.file)]

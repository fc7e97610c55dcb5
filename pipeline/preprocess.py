"""Preprocess: convert every picture to the canonical digit, in its split; draw what is no digit; cut composed pages.

Reads   data/raw/, data/interim/quarantine.csv (pictures to leave out), metrics/validate.json (its success)
Writes  data/processed/train.parquet, validation.parquet and test.parquet, data/interim/non_digits.parquet (what the
        network learns to refuse, and what evaluate measures that on) and page_cuts.parquet (digits, and what is none,
        as `digits read` cuts them), and in reports/figures/ samples.png, non_digits.png and page_cuts.png

With `engine: spark` the same functions run in Spark's tasks, and the first four tables are folders of shards.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits import paths
from digits.arrays import Ints
from digits.data import conversion, dataset, non_digits, processed_tables, raw_tables, training_tables
from digits.data.conversion import Selection
from digits.data.dataset import Digits
from digits.data.page_orders import PAGE_WORKLOAD
from digits.data.processed_tables import Block
from digits.errors import UserError, run
from digits.files import read_json
from digits.params import Params, Preprocess, load
from digits.processes import parallel_map
from digits.reading import training_cuts
from digits.visualization import figures

DRAWN_FROM = 50  # digits of each label, for pictures of two digits


def canonical_digits(selections: Sequence[Selection]) -> Iterator[Block]:
    """The selected raw pictures in order, as blocks of canonical digits."""
    total, workload = sum(one.rows for one in selections), raw_tables.workload(one.group for one in selections)
    with tqdm(desc="preprocess", total=total, unit=" pictures", disable=None) as progress:
        for block in parallel_map(conversion.convert, selections, workload):
            progress.update(len(block.sha256))
            yield block


def non_digit_orders(params: Preprocess, train_rows: int) -> list[non_digits.Order]:
    """What is no digit, to be drawn, some of it from processed digits."""
    train, test = (processed_tables.read_first_processed(split, DRAWN_FROM).images for split in ("train", "test"))
    return non_digits.orders(params, train, test, train_rows)


def draw_non_digits(orders: Sequence[non_digits.Order]) -> Iterator[tuple[str, str, np.ndarray]]:
    """What is no digit, by split and kind: each (n, 28, 28) uint8, canonical."""
    total = sum(order.pictures for order in orders)
    with tqdm(desc="draw non-digits", total=total, unit=" pictures", disable=None) as progress:
        for order, images in zip(orders, parallel_map(non_digits.draw_canonical, orders, total), strict=True):
            progress.update(order.pictures)
            yield order.split, order.kind, images


def read_training_rows(rows: Ints) -> Digits:
    """The processed training digits at (k,) ascending rows."""
    return processed_tables.read_digit_rows(paths.PROCESSED / "train.parquet", rows)


def cut_pages(params: Preprocess, digits: int, read: training_cuts.Read = read_training_rows) -> Iterator[Digits]:
    """Digits, and what is none, cut from composed pages of so many training digits, page by page."""
    pages = training_cuts.count_pages(params, digits)
    cuts = parallel_map(training_cuts.cut_page, training_cuts.orders(params, digits, read), PAGE_WORKLOAD * pages)
    with tqdm(desc="cut pages", total=pages, unit=" pages", disable=None) as progress:
        for chosen in training_cuts.sample(cuts, params):
            progress.update()
            yield chosen


def write(params: Preprocess, selections: Sequence[Selection]) -> dict[str, int]:
    """Write all tables, on this machine's cores; returns the rows by split."""
    rows = processed_tables.write_processed(canonical_digits(selections), dataset.split_rule(paths.RAW))
    training_tables.write_non_digits(draw_non_digits(non_digit_orders(params, rows["train"])))
    training_tables.write_page_cuts(cut_pages(params, rows["train"]))
    return rows


def write_on_spark(params: Params, selections: Sequence[Selection]) -> dict[str, int]:
    """Write the same tables as shards, in Spark's tasks."""
    from digits.spark import preprocess as on_spark
    from digits.spark.session import session

    with session(params.spark) as spark:
        rows = on_spark.write_processed(spark, params.spark, selections, dataset.split_rule(paths.RAW))
        on_spark.write_non_digits(spark, params.spark, non_digit_orders(params.preprocess, rows["train"]))
        on_spark.write_page_cuts(spark, params.preprocess, rows["train"])
    return rows


def draw_figures(train_rows: int) -> None:
    samples = processed_tables.read_first_processed("train", figures.SAMPLES_PER_LABEL)
    figures.samples(samples, train_rows, paths.SAMPLES)
    figures.non_digits(training_tables.read_non_digits("test"), paths.NON_DIGIT_SAMPLES)
    figures.page_cuts(training_tables.read_page_cuts(), paths.PAGE_CUT_SAMPLES)


def main() -> None:
    params = load()
    if not read_json(paths.VALIDATION)["success"]:
        raise UserError(f"{paths.VALIDATION}: the data fails a critical expectation; run `dvc repro validate`")
    selections = conversion.select(raw_tables.row_groups(), pd.read_csv(paths.QUARANTINE))
    spark = params.engine == "spark"
    rows = write_on_spark(params, selections) if spark else write(params.preprocess, selections)
    draw_figures(rows["train"])
    print("preprocessed " + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + f"; see {paths.SAMPLES}")
    dataset.print_sources(dataset.count_sources(paths.PROCESSED))
    print(f"drew what is no digit: see {paths.NON_DIGIT_SAMPLES}")
    print(f"cut composed pages: see {paths.PAGE_CUT_SAMPLES}")


if __name__ == "__main__":
    run(main)

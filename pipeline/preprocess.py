"""Preprocess: convert every picture to the canonical digit, in its split; draw what is no digit; cut composed pages.

Reads   data/raw/, data/interim/quarantine.csv (pictures to leave out), metrics/validate.json (its success)
Writes  data/processed/train.parquet, validation.parquet and test.parquet, data/interim/non_digits.parquet (what the
        network learns to refuse, and what evaluate measures that on) and page_cuts.parquet (digits, and what is none,
        as `digits read` cuts them), and in reports/figures/ samples.png, non_digits.png and page_cuts.png
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits import paths
from digits.data import dataset, non_digits, pictures
from digits.data.dataset import Block, Digits, RowGroup
from digits.data.page_orders import PAGE_WORKLOAD
from digits.errors import UserError, printable, run
from digits.files import read_json
from digits.params import Preprocess, load
from digits.processes import parallel_map
from digits.reading import training_cuts
from digits.visualization import figures

DRAWN_FROM = 50  # digits of each label, for pictures of two digits


class Selection(NamedTuple):
    """A row group of the raw data and the rows to convert, (k,) counted from its first."""

    group: RowGroup
    rows: np.ndarray


def convert(selection: Selection) -> Block:
    """The selected rows as canonical digits. Raises UserError naming a picture without one."""
    examples = dataset.read_row_group(selection.group)
    chosen = [examples[row] for row in selection.rows]
    images = pictures.decode_canonical_batch(example.data for example in chosen)
    for row in np.flatnonzero(~images.any(axis=(1, 2))):
        try:
            pictures.decode_canonical(chosen[row].data)
        except pictures.PictureError as error:
            raise UserError(f"{printable(chosen[row].path)} of the {chosen[row].split} split: {error}") from None
    digests = np.frombuffer(b"".join(example.sha256 for example in chosen), np.uint8).reshape(-1, 32)
    labels = np.array([example.label for example in chosen], np.int64)
    return Block(selection.group.split, Digits(images, labels), digests, [example.source for example in chosen])


def select_rows(quarantine: pd.DataFrame) -> dict[str, np.ndarray]:
    """(n,) bool by split: which rows are not quarantined. Raises UserError where none of a split is left."""
    selected = {}
    for split in dataset.SPLITS:
        selected[split] = np.ones(dataset.count_rows(paths.RAW / f"{split}.parquet"), bool)
        selected[split][quarantine.loc[quarantine["split"] == split, "row"].to_numpy(int)] = False
        if not len(selected[split]):
            raise UserError(
                f"the {split} split has no pictures: add some, or change ingest.test_fraction, "
                "ingest.validation_fraction or ingest.seed"
            )
        if not selected[split].any():
            raise UserError(f"all pictures of the {split} split are quarantined: {paths.QUARANTINE} has the reasons")
    return selected


def canonical_digits(selected: dict[str, np.ndarray]) -> Iterator[Block]:
    """The selected raw pictures in order, as blocks of canonical digits."""
    groups = dataset.row_groups()
    work = [
        Selection(one, np.flatnonzero(selected[one.split][one.first_row : one.first_row + one.rows])) for one in groups
    ]
    total = sum(len(one.rows) for one in work)
    with tqdm(desc="preprocess", total=total, unit=" pictures", disable=None) as progress:
        for block in parallel_map(convert, work, dataset.workload(groups)):
            progress.update(len(block.sha256))
            yield block


def draw_non_digits(params: Preprocess, train_rows: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """What is no digit, by split and kind: each (n, 28, 28) uint8, canonical."""
    train, test = (dataset.read_first_processed(split, DRAWN_FROM).images for split in ("train", "test"))
    orders = non_digits.orders(params, train, test, train_rows)
    total = sum(order.pictures for order in orders)
    with tqdm(desc="draw non-digits", total=total, unit=" pictures", disable=None) as progress:
        for order, images in zip(orders, parallel_map(non_digits.draw_canonical, orders, total), strict=True):
            progress.update(order.pictures)
            yield order.split, order.kind, images


def cut_pages(params: Preprocess, train: Digits) -> Iterator[Digits]:
    """Digits, and what is none, cut from composed pages of training digits, page by page."""
    pages = training_cuts.count_pages(params, len(train.labels))
    cuts = parallel_map(training_cuts.cut_page, training_cuts.orders(params, train), PAGE_WORKLOAD * pages)
    with tqdm(desc="cut pages", total=pages, unit=" pages", disable=None) as progress:
        for chosen in training_cuts.sample(cuts, params):
            progress.update()
            yield chosen


def main() -> None:
    params = load().preprocess
    if not read_json(paths.VALIDATION)["success"]:
        raise UserError(f"{paths.VALIDATION}: the data fails a critical expectation; run `dvc repro validate`")
    selected = select_rows(pd.read_csv(paths.QUARANTINE))
    rows = dataset.write_processed(canonical_digits(selected), dataset.split_rule(paths.RAW))
    samples = dataset.read_first_processed("train", figures.SAMPLES_PER_LABEL)
    figures.samples(samples, rows["train"], paths.SAMPLES)
    print("preprocessed " + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + f"; see {paths.SAMPLES}")
    dataset.print_sources(paths.PROCESSED)
    dataset.write_non_digits(draw_non_digits(params, rows["train"]))
    figures.non_digits(dataset.read_non_digits("test"), paths.NON_DIGIT_SAMPLES)
    print(f"drew what is no digit: see {paths.NON_DIGIT_SAMPLES}")
    dataset.write_page_cuts(cut_pages(params, dataset.read_processed("train")))
    figures.page_cuts(dataset.read_page_cuts(), paths.PAGE_CUT_SAMPLES)
    print(f"cut composed pages: see {paths.PAGE_CUT_SAMPLES}")


if __name__ == "__main__":
    run(main)

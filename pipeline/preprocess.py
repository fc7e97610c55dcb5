"""Preprocess: convert every picture to the canonical 28 x 28 digit, and assign the validation split.

Reads   data/raw/, data/interim/quarantine.csv (pictures to leave out), metrics/validate.json (its success)
Writes  data/processed/train.parquet, validation.parquet and test.parquet, reports/figures/samples.png
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits import paths
from digits.data import dataset, pictures
from digits.data.dataset import Digits, RowGroup
from digits.data.splits import stratified
from digits.errors import UserError, printable, run
from digits.files import read_json
from digits.params import Preprocess, load
from digits.processes import parallel_map
from digits.visualization import figures


class Selection(NamedTuple):
    """A row group of the raw data and the rows to convert, (k,) counted from its first."""

    group: RowGroup
    rows: np.ndarray


def convert(selection: Selection) -> Digits:
    """The selected rows as canonical digits. Raises UserError naming a picture without one."""
    examples = dataset.read_row_group(selection.group)
    chosen = [examples[row] for row in selection.rows]
    images = pictures.decode_canonical_batch(example.data for example in chosen)
    for row in np.flatnonzero(~images.any(axis=(1, 2))):
        try:
            pictures.decode_canonical(chosen[row].data)
        except pictures.PictureError as error:
            raise UserError(f"{printable(chosen[row].path)} of the {chosen[row].split} split: {error}") from None
    return Digits(images, np.array([example.label for example in chosen], np.int64))


def select_rows(quarantine: pd.DataFrame) -> dict[str, np.ndarray]:
    """(n,) bool by raw split: which rows are not quarantined."""
    selected = {}
    for split in dataset.raw_splits():
        selected[split] = np.ones(dataset.count_rows(paths.RAW / f"{split}.parquet"), bool)
        selected[split][quarantine.loc[quarantine["split"] == split, "row"].to_numpy(int)] = False
    return selected


def assign_validation(selected: np.ndarray, params: Preprocess) -> np.ndarray:
    """(n,) bool: which rows of the raw training split go to the validation split."""
    held_out = np.zeros(len(selected), bool)
    labels = dataset.read_raw_labels("train")[selected]
    name = "preprocess.validation_fraction"
    held_out[selected] = stratified(labels, params.validation_fraction, params.seed, name)
    return held_out


def canonical_digits(selected: dict[str, np.ndarray], held_out: np.ndarray) -> Iterator[tuple[str, Digits]]:
    """The selected raw pictures in order, as blocks of canonical digits, each with its split."""
    groups = dataset.row_groups()
    work = [
        Selection(one, np.flatnonzero(selected[one.split][one.first_row : one.first_row + one.rows])) for one in groups
    ]
    total = sum(len(one.rows) for one in work)
    with tqdm(desc="preprocess", total=total, unit=" pictures", disable=None) as progress:
        for (group, rows), digits in zip(work, parallel_map(convert, work, dataset.workload(groups)), strict=True):
            progress.update(len(rows))
            if group.split != "train":
                yield group.split, digits
                continue
            validation = held_out[group.first_row + rows]
            for split, chosen in (("train", ~validation), ("validation", validation)):
                if chosen.any():
                    yield split, Digits(digits.images[chosen], digits.labels[chosen])


def main() -> None:
    params = load().preprocess
    if not read_json(paths.VALIDATION)["success"]:
        raise UserError(f"{paths.VALIDATION}: the data fails a critical expectation; run `dvc repro validate`")
    selected = select_rows(pd.read_csv(paths.QUARANTINE))
    held_out = assign_validation(selected["train"], params)
    rows = dataset.write_processed(canonical_digits(selected, held_out))
    samples = dataset.read_first_processed("train", figures.SAMPLES_PER_LABEL)
    figures.samples(samples, rows["train"], paths.SAMPLES)
    print("preprocessed " + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + f"; see {paths.SAMPLES}")


if __name__ == "__main__":
    run(main)

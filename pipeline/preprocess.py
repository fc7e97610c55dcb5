"""Preprocess: turn every picture into the canonical 28 x 28 digit, and deal the splits.

Reads   data/raw/, metrics/validate.json (nothing walks on unless the expectations hold)
Writes  data/processed/train.parquet, validation.parquet and test.parquet, reports/figures/samples.png
"""

from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from digits import dataset, figures, parallel, pictures
from digits.dataset import Digit, Example
from digits.errors import UserError, run
from digits.files import read_json
from digits.params import Preprocess, load
from digits.splits import stratified

REPORT = Path("metrics/validate.json")
SAMPLES = Path("reports/figures/samples.png")


def prepare(example: Example) -> Digit:
    """The example as the canonical digit. Raises UserError naming a picture that holds none."""
    try:
        return Digit(example.split, pictures.canonical(pictures.read(example.data)), example.label)
    except pictures.PictureError as error:
        raise UserError(f"{example.path} of the {example.split} split: {error}") from None


def canonical_digits(params: Preprocess) -> Iterator[Digit]:
    """Every raw picture, in order, as the canonical digit in its final split."""
    labels = dataset.read_raw_labels("train")
    aside = stratified(labels, params.validation_fraction, params.seed, "preprocess.validation_fraction")
    for split in dataset.raw_splits():
        count = dataset.count(dataset.RAW / f"{split}.parquet")
        digits = parallel.each(prepare, dataset.read_raw(split), count)
        digits = tqdm(digits, desc=f"preprocess {split}", total=count, unit=" pictures", disable=None)
        for row, digit in enumerate(digits):
            yield digit._replace(split="validation") if split == "train" and aside[row] else digit


def main() -> None:
    params = load().preprocess
    if not read_json(REPORT)["success"]:
        raise UserError(f"{REPORT} says that the data do not meet the expectations: run `dvc repro validate`")
    rows = dataset.write_prepared(canonical_digits(params))
    figures.samples(dataset.read_prepared("train"), SAMPLES)
    print("prepared " + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + f"; see {SAMPLES}")


if __name__ == "__main__":
    run(main)

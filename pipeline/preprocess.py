"""Preprocess: turn every picture into the canonical 28 x 28 digit, and deal the splits.

Reads   data/raw/, data/quarantine.csv (what to leave out), metrics/validate.json (nothing walks on unless the
        expectations hold)
Writes  data/processed/train.parquet, validation.parquet and test.parquet, reports/figures/samples.png
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits import dataset, figures, parallel, pictures
from digits.canonical import SIDE, by_shape, canonical
from digits.dataset import Digits, Example, Piece
from digits.errors import UserError, printable, run
from digits.files import read_json
from digits.params import Preprocess, load
from digits.splits import stratified

VERDICT = Path("metrics/validate.json")
QUARANTINE = Path("data/quarantine.csv")
SAMPLES = Path("reports/figures/samples.png")
NOTHING = np.zeros((1, 1), np.uint8)  # stands for a picture that can't be read


class Work(NamedTuple):
    """A piece of the raw data, and which of its rows, (k,) counted from its first, are to be prepared."""

    piece: Piece
    rows: np.ndarray


def prepare(work: Work) -> Digits:
    """The chosen rows as canonical digits. Raises UserError naming a picture that holds none."""
    examples = dataset.read_piece(work.piece)
    chosen = [examples[row] for row in work.rows]
    images = [np.zeros((0, SIDE, SIDE), np.uint8)]
    for decoded in pictures.read_all(example.data for example in chosen):
        greys = [one.grey if isinstance(one, pictures.Picture) else NOTHING for one in decoded]
        images.append(np.zeros((len(greys), SIDE, SIDE), np.uint8))
        for places, stack in by_shape(greys):
            images[-1][places] = canonical(stack)
    digits = Digits(np.concatenate(images), np.array([example.label for example in chosen], np.int64))
    empty = ~digits.images.any(axis=(1, 2))
    if empty.any():
        _explain(chosen[int(empty.argmax())])
    return digits


def _explain(example: Example) -> None:
    try:
        pictures.digit(example.data)
    except pictures.PictureError as error:
        raise UserError(f"{printable(example.path)} of the {example.split} split: {error}") from None


def canonical_digits(params: Preprocess) -> Iterator[tuple[str, Digits]]:
    """Every raw picture that was not set aside, in order, in blocks of its final split."""
    out = pd.read_csv(QUARANTINE)
    pieces = dataset.pieces()
    kept = {split: np.ones(dataset.count(dataset.RAW / f"{split}.parquet"), bool) for split in dataset.raw_splits()}
    for split, rows in kept.items():
        rows[out.loc[out["split"] == split, "row"].to_numpy(int)] = False
    aside = np.zeros(len(kept["train"]), bool)
    labels = dataset.read_raw_labels("train")[kept["train"]]
    name = "preprocess.validation_fraction"
    aside[kept["train"]] = stratified(labels, params.validation_fraction, params.seed, name)

    work = [Work(one, np.flatnonzero(kept[one.split][one.first_row : one.first_row + one.rows])) for one in pieces]
    total = sum(len(one.rows) for one in work)
    effort = dataset.work(pieces)
    with tqdm(desc="preprocess", total=total, unit=" pictures", disable=None) as progress:
        for one, digits in zip(work, parallel.each(prepare, work, effort), strict=True):
            progress.update(len(one.rows))
            if one.piece.split != "train":
                yield one.piece.split, digits
                continue
            held_out = aside[one.piece.first_row + one.rows]
            for split, chosen in (("train", ~held_out), ("validation", held_out)):
                if chosen.any():
                    yield split, Digits(digits.images[chosen], digits.labels[chosen])


def main() -> None:
    params = load().preprocess
    if not read_json(VERDICT)["success"]:
        raise UserError(f"{VERDICT} says that the data do not meet the expectations: run `dvc repro validate`")
    rows = dataset.write_prepared(canonical_digits(params))
    figures.samples(dataset.first_prepared("train", figures.PER_LABEL), rows["train"], SAMPLES)
    print("prepared " + ", ".join(f"{n:,} {split}" for split, n in rows.items()) + f"; see {SAMPLES}")


if __name__ == "__main__":
    run(main)

"""MNIST's splits for the benchmarks, read from its four original files without running a stage."""

import gzip
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.data import pictures, sources
from digits.data.dataset import Digits
from digits.data.splits import stratified
from digits.params import Params

ROOT = Path(__file__).parents[1]
FOLDER = Path(os.environ.get("DIGITS_MNIST", ROOT.parent / "shared" / "mnist"))


class Splits(NamedTuple):
    train: Digits
    validation: Digits
    test: Digits


def idx(folder: Path, stem: str) -> Digits:
    """`train` or `t10k`: (n, 28, 28) uint8, light ink on 0, and their labels, (n,) int64."""
    images, labels = (
        np.frombuffer(gzip.decompress((folder / f"{stem}-{name}-ubyte.gz").read_bytes()), np.uint8, offset=header)
        for name, header in (("images-idx3", 16), ("labels-idx1", 8))
    )
    return Digits(images.reshape(-1, 28, 28), labels.astype(np.int64))


def full(folder: Path, params: Params) -> Splits:
    """54,000, 6,000 and 10,000 digits, as the stages split `ingest.source=mnist`."""
    return _split(idx(folder, "train"), idx(folder, "t10k"), params)


def little(folder: Path, params: Params) -> Splits:
    """3,600 and 400 of the default's 4,000 digits, and MNIST's 10,000 test digits."""
    examples = sources.examples(params.ingest.model_copy(update={"source": "mnist-5k"}))
    learned = [(pictures.decode_canonical(one.data), one.label) for one in examples if one.split == "train"]
    images, labels = zip(*learned, strict=True)
    return _split(Digits(np.stack(images), np.array(labels)), idx(folder, "t10k"), params)


def _split(learned: Digits, test: Digits, params: Params) -> Splits:
    fraction, seed = params.preprocess.validation_fraction, params.preprocess.seed
    held_out = stratified(learned.labels, fraction, seed, "preprocess.validation_fraction")
    train, validation = (Digits(learned.images[rows], learned.labels[rows]) for rows in (~held_out, held_out))
    return Splits(train, validation, test)

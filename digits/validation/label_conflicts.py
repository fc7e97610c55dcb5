"""Pictures whose label is probably wrong: one picture under two labels, or a picture that looks like another class.

Each function takes the statistics, one row a picture, with a `name`, and returns a column: None for a picture without
a finding, else a message.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from digits.data.near_duplicates import ROWS_PER_SLICE, THUMBNAIL_PIXELS

COMPONENTS = 24  # principal components of a class
MAX_SAMPLES = 4000  # pictures of a class that its components are computed from
MIN_PICTURES = 4 * COMPONENTS  # of a class; a class with fewer is left out


class ThumbnailVectors:
    """Thumbnails as vectors of length 1, converted from their bytes a slice at a time."""

    def __init__(self, thumbnails: Iterable[bytes]) -> None:
        self._bytes = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, THUMBNAIL_PIXELS)

    def __getitem__(self, rows) -> np.ndarray:
        """(k, 196) float32 of the chosen rows."""
        chosen = self._bytes[rows].astype(np.float32)
        return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1)


def other_label(table: pd.DataFrame) -> pd.Series:
    """Pictures that occur under two labels: either may be the right one."""
    first, last = (table.groupby("picture")["label"].transform(which) for which in ("min", "max"))
    conflicts = table[(first != last) & table["picture"].notna()]
    labels = {picture: sorted(set(of)) for picture, of in conflicts.groupby("picture")["label"]}
    distinct = conflicts.drop_duplicates(["picture", "label"])
    names = distinct.set_index(["picture", "label"])["name"].to_dict()
    messages = pd.Series(None, index=table.index, dtype=object)
    for row, picture, label in zip(conflicts.index, conflicts["picture"], conflicts["label"], strict=True):
        other = next(one for one in labels[picture] if one != label)
        messages[row] = f"also labelled {other}: {names[picture, other]}"
    return messages


def class_mismatch(table: pd.DataFrame, max_ratio: float) -> pd.Series:
    """Pictures that another class fits more than `max_ratio` times better than their own.

    A class is the subspace of its pictures' first principal components (Jolliffe 2002); how well it fits a picture is
    the length of the residual. Each half of the pictures is compared with the classes of the other half, so that no
    picture is compared with itself; the picture's hash chooses the half, whatever the order of the rows. This finds
    wrong labels, and some pictures that show no digit.
    """
    messages = pd.Series(None, index=table.index, dtype=object)
    known = table[table["thumbnail"].notna() & table["label"].between(0, 9)]
    known = known[known.groupby("label")["label"].transform("size") >= MIN_PICTURES]
    labels = known["label"].to_numpy()
    if known["label"].nunique() < 2:
        return messages
    vectors = ThumbnailVectors(known["thumbnail"])
    half = known["picture"].str[-1].map(lambda digit: int(digit, 16) % 2).to_numpy()
    present = np.unique(labels)
    for tested in (0, 1):
        classes = [_fit_class(vectors, np.flatnonzero((labels == label) & (half != tested))) for label in present]
        for rows in np.array_split(np.flatnonzero(half == tested), len(known) // ROWS_PER_SLICE + 1):
            residuals = np.stack([_residuals(vectors[rows], *fitted) for fitted in classes], axis=1)
            own = np.arange(len(rows)), np.searchsorted(present, labels[rows])
            own_residuals = residuals[own]
            residuals[own] = np.inf
            ratio = own_residuals / np.maximum(residuals.min(axis=1), 1e-6)
            for row in np.flatnonzero(ratio > max_ratio):
                other = present[residuals[row].argmin()]
                messages[known.index[rows[row]]] = (
                    f"looks like a {other}: fits that class {ratio[row]:.1f} times better"
                )
    return messages


def _fit_class(vectors: ThumbnailVectors, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (196,) and principal components (196, 24) of the vectors of a class."""
    sample = vectors[rows[:: len(rows) // MAX_SAMPLES + 1]]
    components = np.linalg.eigh(np.cov(sample, rowvar=False))[1][:, -COMPONENTS:]
    return sample.mean(axis=0), components.astype(np.float32)


def _residuals(vectors: np.ndarray, mean: np.ndarray, components: np.ndarray) -> np.ndarray:
    centred = vectors - mean
    return np.linalg.norm(centred - (centred @ components) @ components.T, axis=1)

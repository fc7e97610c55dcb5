"""Pictures whose label is probably wrong: one picture under two labels, or a picture that looks like another class.

Each function takes the statistics, one row a picture, with a `name`, and returns a column: None for a picture without
a finding, else a message.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from digits.arrays import Floats, Ints
from digits.data.dataset import LABELS
from digits.data.near_duplicates import THUMBNAIL_PIXELS

Class = tuple[int, int]  # its label, and the half of its pictures
COMPONENTS = 24  # principal components of a class
MAX_SAMPLES = 4000  # pictures of a class that its components are computed from
MIN_PICTURES = 4 * COMPONENTS  # of a class; a class with fewer is left out
ROWS_PER_PRODUCT = 1024  # a matrix product's last bits depend on its shape, so all have the same


class FittedClass(NamedTuple):
    """Mean (196,) and principal components (196, 24) of the vectors of a class, float32."""

    mean: np.ndarray
    components: np.ndarray


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
    known = table[table["thumbnail"].notna() & table["label"].isin(LABELS)]
    members = known["thumbnail"].groupby([known["label"], halves(known["picture"])])
    samples = {}
    for label, half in compared_classes(cast(dict[Class, int], members.size().to_dict())):
        rows = members.get_group((label, half))
        samples[label, half] = rows.iloc[:: sample_step(len(rows))]
    return find_mismatches(table, fit_classes(samples), max_ratio)


def halves(pictures: pd.Series) -> pd.Series:
    """0 or 1: the half of the pictures that each belongs to, by its hash."""
    return pictures.astype(object).str[-1].map(lambda digit: int(digit, 16) % 2).astype("int64")


def compared_classes(sizes: Mapping[Class, int]) -> list[Class]:
    """The (label, half) of the classes that are compared, of the number of pictures of each; none for one label."""
    several = {label for label, _ in sizes if min(sizes.get((label, half), 0) for half in (0, 1)) > 1}
    labels = [label for label in sorted(several) if sizes[label, 0] + sizes[label, 1] >= MIN_PICTURES]
    return [(label, half) for label in labels for half in (0, 1)] if len(labels) > 1 else []


def sample_step(size: int) -> int:
    """A class of `size` pictures is computed from each one after so many, in the order of the table."""
    return size // MAX_SAMPLES + 1


def fit_classes(samples: Mapping[Class, Iterable[bytes]]) -> dict[Class, FittedClass]:
    """The class of each label and half of the pictures, from some of their thumbnails."""
    return {key: _fit_class(_vectors(thumbnails)) for key, thumbnails in samples.items()}


def find_mismatches(table: pd.DataFrame, classes: Mapping[Class, FittedClass], max_ratio: float) -> pd.Series:
    """The column of `class_mismatch` for a table, or for any part of it: the same to the last bit."""
    messages = pd.Series(None, index=table.index, dtype=object)
    present = np.array(sorted({label for label, _ in classes}))
    known = table[table["thumbnail"].notna() & table["label"].isin(present)]
    half = halves(known["picture"])
    for tested in (0, 1):
        fitted = [classes[label, 1 - tested] for label in present.tolist()]
        rows = known[half == tested]
        for start in range(0, len(rows), ROWS_PER_PRODUCT):
            part = rows.iloc[start : start + ROWS_PER_PRODUCT]
            ratio, other = _compare(part, present, fitted)
            for row in np.flatnonzero(ratio > max_ratio).tolist():
                messages[part.index[row]] = f"looks like a {other[row]}: fits that class {ratio[row]:.1f} times better"
    return messages


def _compare(rows: pd.DataFrame, labels: Ints, classes: list[FittedClass]) -> tuple[np.ndarray, np.ndarray]:
    """How many times better another class fits each of at most ROWS_PER_PRODUCT rows, and that class's label."""
    vectors = np.zeros((ROWS_PER_PRODUCT, THUMBNAIL_PIXELS), np.float32)
    vectors[: len(rows)] = _vectors(rows["thumbnail"])
    residuals = np.stack([_residuals(vectors, *fitted)[: len(rows)] for fitted in classes], axis=1)
    own = np.arange(len(rows)), np.searchsorted(labels, rows["label"].to_numpy())
    own_residuals = residuals[own]
    residuals[own] = np.inf
    return own_residuals / np.maximum(residuals.min(axis=1), 1e-6), labels[residuals.argmin(axis=1)]


def _vectors(thumbnails: Iterable[bytes]) -> Floats:
    """(k, 196) float32: thumbnails as vectors of length 1."""
    pixels = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, THUMBNAIL_PIXELS).astype(np.float32)
    vectors: Floats = pixels / np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1)
    return vectors


def _fit_class(sample: np.ndarray) -> FittedClass:
    components = np.linalg.eigh(np.cov(sample, rowvar=False))[1][:, -COMPONENTS:]
    return FittedClass(sample.mean(axis=0), components.astype(np.float32))


def _residuals(vectors: Floats, mean: Floats, components: Floats) -> Floats:
    centred = vectors - mean
    lengths: Floats = np.linalg.norm(centred - (centred @ components) @ components.T, axis=1)
    return lengths

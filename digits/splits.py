"""Dealing pictures into splits, each label in the same share."""

import numpy as np

from digits.errors import UserError


def stratified(labels: np.ndarray, fraction: float, seed: int, name: str) -> np.ndarray:
    """(n,) bool: which rows of (n,) `labels` are set aside, `fraction` of each label's, chosen by `seed`.

    At least one row of each label is set aside and one stays. Raises UserError, naming the parameter `name` that
    holds the fraction, where a label has fewer than two.
    """
    random = np.random.default_rng(seed)
    aside = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise UserError(f"label {label} has {len(rows)} picture, at least 2 are needed to set {name} aside")
        count = np.clip(round(fraction * len(rows)), 1, len(rows) - 1)
        aside[random.choice(rows, count, replace=False)] = True
    return aside

"""Stratified assignment of pictures to splits."""

import numpy as np

from digits.errors import UserError


def stratified(labels: np.ndarray, fraction: float, seed: int, name: str) -> np.ndarray:
    """(n,) bool: which rows of (n,) `labels` go to the held-out split, `fraction` of each label's, chosen by `seed`.

    At least one row of each label is held out and one stays. Raises UserError, naming the parameter `name` that
    holds the fraction, where a label has fewer than two.
    """
    random = np.random.default_rng(seed)
    held_out = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < 2:
            raise UserError(f"label {label} has {len(rows)} picture, {name} needs at least 2 of each label")
        count = np.clip(round(fraction * len(rows)), 1, len(rows) - 1)
        held_out[random.choice(rows, count, replace=False)] = True
    return held_out

"""Logits of each digit by a network that did not learn it: K-fold cross-validation with the train stage's network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from digits.arrays import Floats, Ints
from digits.data import near_duplicates
from digits.data.dataset import LABELS, Digits
from digits.data.statistics import compute_thumbnails
from digits.errors import UserError
from digits.model import backend
from digits.params import Ingest, Train


def assign(digits: Digits, folds: int, params: Ingest, seed: int) -> Ints:
    """(n,) int: the fold of each digit, from 0; each fold has the same share of every label.

    Near duplicates share a fold, since a network that learned a digit's duplicate learned its label. Raises UserError
    where a label has fewer digits than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold

    thumbnails = compute_thumbnails(digits.images).reshape(len(digits.images), -1)
    groups = near_duplicates.group(thumbnails, params.near_duplicate_distance)
    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    labels = digits.labels[first]
    for label in LABELS:
        found = np.count_nonzero(labels == label)
        if found < folds:
            raise UserError(
                f"data/processed has {found} distinct digits with the label {label}, and each of {folds} folds needs "
                "one: add pictures, or lower --folds"
            )
    fold = np.zeros(len(first), int)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for number, (_, held_out) in enumerate(splitter.split(labels, labels)):
        fold[held_out] = number
    return fold[group]


def logits(digits: Digits, fold: Ints, params: Train, state: Path, on_fold: Callable[[int, float], None]) -> Floats:
    """(n, 10) float32 logits of n digits, each by the network that was trained without its fold, (n,) int from 0.

    After each fold `on_fold` is called with its number and the share of its digits whose label the network predicts.
    `state` is a folder for the checkpoints, from which an interrupted call is resumed to the same result; the caller
    removes it.
    """
    backend.select(params.backend)
    from digits.model import network, training

    found = np.zeros((len(digits.labels), len(LABELS)), np.float32)
    for number in range(fold.max() + 1):
        held_out = fold == number
        rest, learned = (Digits(digits.images[rows], digits.labels[rows]) for rows in (held_out, ~held_out))
        with training.reproducible(params):
            net = network.build(params, learned.images)
            training.fit(net, learned, rest, params, lambda *_: None, state / f"{number}.npz")
            inference = training.full_precision(net.inference, params)
            found[held_out] = training.logits(inference, rest.images)[:, : len(LABELS)]
        on_fold(number, float((found[held_out].argmax(axis=1) == rest.labels).mean()))
    return found

"""The split of each picture: a function of its SHA-256, a seed and the fractions, and of its near duplicates' only."""

import hashlib

import numpy as np

from digits.arrays import Bools, Ints
from digits.params import Ingest

RULE = 1  # its number: one more whenever the same pictures, seed and fractions would give other splits
TRAIN, VALIDATION, TEST = range(3)  # positions in dataset.SPLITS, in the order of precedence within a group
DROPPED, UNPUBLISHED = -1, -1


def rule(params: Ingest) -> dict[str, int | float]:
    """What decides the splits apart from the pictures: the rule's number, the seed, the fractions, the distance."""
    return {
        "rule": RULE,
        "seed": params.seed,
        "test_fraction": params.test_fraction,
        "validation_fraction": params.validation_fraction,
        "near_duplicate_distance": params.near_duplicate_distance,
    }


def whole(digest: bytes) -> bytes:
    """The 32 bytes of a digest that is of an array 'S32': numpy strips final zeros."""
    return bytes(digest).ljust(32, b"\0")


def draw(digest: bytes, seed: int, test_fraction: float, validation_fraction: float, published: int) -> int:
    """The split that one picture draws: TEST, else VALIDATION, in two independent draws, else TRAIN.

    `published` is TEST, TRAIN or UNPUBLISHED: a published test picture stays one, and a published training picture
    draws for validation only.
    """
    if published == TEST or (published == UNPUBLISHED and _uniform("test", seed, digest) < test_fraction):
        return TEST
    return VALIDATION if _uniform("validation", seed, digest) < validation_fraction else TRAIN


def assign(digests: np.ndarray, published: Ints, groups: Ints, params: Ingest) -> np.ndarray:
    """(n,) int8 splits of (n,) 'S32' digests, DROPPED where a picture is a near duplicate of a published test picture.

    `published` (n,) int8 is each picture's side as published: TEST, TRAIN or UNPUBLISHED; equal pictures take the side
    of the first of these that one of them has. `groups` (n,) int numbers the groups of near duplicates. A group goes
    whole to train if any member draws train, else to the split that its lowest digest draws; with a published training
    picture it doesn't go to test. Published test pictures stay in test, and the rest of their group is dropped, so that
    this test set is the one that was published. The result does not depend on the order of the rows, nor on the
    pictures of other groups.
    """
    distinct, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    side = np.full(len(distinct), UNPUBLISHED, np.int8)
    np.maximum.at(side, inverse, published)
    drawn = np.array(
        [
            draw(whole(digest), params.seed, params.test_fraction, params.validation_fraction, one)
            for digest, one in zip(distinct.tolist(), side.tolist(), strict=True)
        ],
        np.int8,
    )
    # `lowest` is the first row of each group, and the rows are sorted by their digests
    numbers, lowest, group = np.unique(groups[first], return_index=True, return_inverse=True)

    def any_member(condition: Bools) -> np.ndarray:
        return np.bincount(group[condition], minlength=len(numbers)) > 0

    chosen = drawn[lowest]
    chosen[(chosen == TEST) & any_member(side == TRAIN)] = VALIDATION
    chosen[any_member(drawn == TRAIN)] = TRAIN
    split = chosen[group]
    splits = split[inverse]
    around_test = any_member(side == TEST)[group][inverse]
    splits[around_test] = np.where(published[around_test] == TEST, TEST, DROPPED)
    return splits


def tally(published: Ints, split: Ints) -> Ints:
    """(4, 4) int: how many pictures of each side as published are in each split; add those of several tables up.

    At [published, split], each TRAIN, VALIDATION, TEST, or -1: UNPUBLISHED and DROPPED.
    """
    counts = np.zeros((4, 4), int)
    np.add.at(counts, (published, split), 1)
    return counts


def _uniform(name: str, seed: int, digest: bytes) -> float:
    """A number from 0 to 1 that the picture draws for a split."""
    found = hashlib.sha256(f"digits split {RULE} {name} {seed}".encode() + digest).digest()
    return int.from_bytes(found[:8], "big") / 2**64

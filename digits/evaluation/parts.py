"""The validation split in disjoint parts, each of which chooses one thing: docs/explanation/refusal.md lists them."""

import numpy as np

from digits.arrays import Bools

# The share of the digits that each part has
SHARES = {"temperature": 0.4, "score_bound": 0.2, "threshold": 0.4}


def divide(hashes: np.ndarray) -> dict[str, Bools]:
    """The rows of each part, (n,) bool by its name, of digits whose pictures have these (n,) 'S64' hexadecimal SHA-256.

    A digit's part is a function of its own hash: digits that are added or removed move no other.
    """
    drawn = np.array([int(one[:16], 16) / 2**64 for one in hashes])  # uniform from 0 to 1
    part = np.digitize(drawn, np.cumsum(list(SHARES.values()))[:-1])
    return {name: part == number for number, name in enumerate(SHARES)}

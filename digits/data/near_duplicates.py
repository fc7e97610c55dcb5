"""Search for near duplicates by a hash of the pictures' thumbnails. Its cost is linear in the number of pictures."""

from collections.abc import Iterable, Iterator

import numpy as np

from digits.data.statistics import THUMBNAIL_SIZE

THUMBNAIL_PIXELS = THUMBNAIL_SIZE**2
# Of the hash, random projections cut into steps: with these, 96 % of 500 JPEG copies of quality 85 share a hash.
HASHES, PROJECTIONS, STEP = 8, 12, 0.4
MAX_CANDIDATES = 20  # test pictures with one hash that a training picture is compared with
ROWS_PER_SLICE = 50_000  # vectors in memory at once


class ThumbnailVectors:
    """Thumbnails as vectors of length 1, converted from their bytes a slice at a time."""

    def __init__(self, thumbnails: Iterable[bytes]) -> None:
        self._bytes = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, THUMBNAIL_PIXELS)

    def __len__(self) -> int:
        return len(self._bytes)

    def __getitem__(self, rows) -> np.ndarray:
        """(k, 196) float32 of the chosen rows."""
        chosen = self._bytes[rows].astype(np.float32)
        return chosen / np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), 1)

    def hashes(self, random: np.random.Generator) -> np.ndarray:
        """(n,) int64: most likely equal for vectors that are close; each call gives other hashes."""
        directions = random.standard_normal((THUMBNAIL_PIXELS, PROJECTIONS)).astype(np.float32)
        offset = random.uniform(0, STEP, PROJECTIONS).astype(np.float32)
        mix = random.integers(1, 2**62, PROJECTIONS) | 1
        slices = (slice(start, start + ROWS_PER_SLICE) for start in range(0, len(self), ROWS_PER_SLICE))
        steps = (np.floor((self[part] @ directions + offset) / STEP).astype(np.int64) for part in slices)
        return np.concatenate([(part * mix).sum(axis=1) for part in steps])


def find_near_duplicates(
    thumbnails: Iterable[bytes], pictures: np.ndarray, test: np.ndarray, max_distance: float
) -> np.ndarray:
    """(n,) int: for each training picture the row of a test picture that is nearly the same, else -1.

    `pictures` (n,) are the pictures' hashes, equal ones are no near duplicates; `test` (n,) bool. Near duplicates are
    at most `max_distance` apart as vectors of length 1. Candidates have an equal locality-sensitive hash (Datar et al.
    2004), so that near duplicates are found with high probability, and few other pairs are compared.
    """
    vectors, match = ThumbnailVectors(thumbnails), np.full(len(test), -1)
    random = np.random.default_rng(0)
    for _ in range(HASHES):
        keys = vectors.hashes(random)
        for trains, tests in _candidates(keys, test, np.flatnonzero(~test & (match < 0))):
            close = np.linalg.norm(vectors[trains] - vectors[tests], axis=1) <= max_distance
            close &= pictures[trains] != pictures[tests]
            match[trains[close]] = tests[close]
    return match


def _candidates(
    keys: np.ndarray, test: np.ndarray, trains: np.ndarray, size: int = 200_000
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of one of the rows `trains` and a test row with an equal key: (k,) rows of each, about `size` at once.

    Of many test rows with one key, a training row is paired with the first MAX_CANDIDATES only, which bounds the cost
    of many similar pictures.
    """
    tests = np.flatnonzero(test)
    tests = tests[np.argsort(keys[tests], kind="stable")]
    first = np.searchsorted(keys[tests], keys[trains], "left")
    count = np.minimum(np.searchsorted(keys[tests], keys[trains], "right") - first, MAX_CANDIDATES)
    trains, first, count = trains[count > 0], first[count > 0], count[count > 0]
    cuts = np.flatnonzero(np.diff(np.cumsum(count) // size)) + 1
    for rows, start, many in zip(*(np.split(column, cuts) for column in (trains, first, count)), strict=True):
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield np.repeat(rows, many), tests[np.repeat(start, many) + within]

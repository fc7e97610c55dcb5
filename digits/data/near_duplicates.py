"""Groups of near duplicates, by a hash of the pictures' thumbnails. The cost is about linear in the number of pictures:
6 µs each of 70,000, and 9 µs each of 1,000,000.

Whether two pictures are found to be near duplicates depends on these two alone, not on other pictures or on the order
of the rows. All products are of whole numbers below 2^24, so that float32 has them exactly, in any order of summation.
"""

from itertools import product

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from digits.arrays import Ints, Pixels
from digits.data.statistics import THUMBNAIL_SIZE

THUMBNAIL_PIXELS = THUMBNAIL_SIZE**2
# Locality-sensitive hashes (Datar et al. 2004): random projections, cut into steps. Of pairs that are 0.06 apart 99.5 %
# share one of them, of pairs that are 0.05 apart 99.9 %, and of other pairs few do.
HASHES, PROJECTIONS, STEP = 12, 8, 0.4
DIRECTION_SCALE = 64  # directions are whole numbers, of this standard deviation
LARGE_BUCKET = 500  # pictures with one hash: above it not all pairs at once, and first by what is close to one picture
FRUITLESS_PIVOTS = 32  # one after the other, before the rest of a bucket is compared in blocks
ROWS_PER_SLICE = 50_000  # vectors in memory at once
PRODUCTS_PER_BLOCK = 2_000_000  # of pairs that are compared at once
ROUNDING = 1e-12  # of a cosine: that of two equal vectors may be below 1


def group(thumbnails: Pixels, max_distance: float) -> Ints:
    """(n,) int: the number of each picture's group, of (n, 196) uint8 thumbnails.

    Two pictures whose thumbnails, scaled to length 1, are at most `max_distance` apart are in one group, and so is who
    is connected to them by such pairs. A thumbnail without ink is alone.
    """
    groups = np.arange(len(thumbnails))
    inked = np.flatnonzero(thumbnails.any(axis=1))
    found = _Groups(thumbnails if len(inked) == len(groups) else thumbnails[inked], max_distance)
    for column in hashes(found.vectors).T:
        found.connect(*_bucket_pairs(found, np.ascontiguousarray(column)))
    groups[inked] = inked[found.groups]
    return groups


def join_equal(groups: Ints, digests: np.ndarray) -> Ints:
    """(n,) int: the groups after those of rows with equal (n,) digests are connected."""
    _, first, inverse = np.unique(digests, return_index=True, return_inverse=True)
    return _components(np.unique(groups, return_inverse=True)[1], np.arange(len(groups)), first[inverse])


def hashes(thumbnails: Pixels) -> Ints:
    """(n, HASHES) int64 of (n, 196) uint8 thumbnails with ink: in each column most likely equal for close ones.

    Pictures are compared where they have a hash in common, in the same column.
    """
    lengths = _lengths(thumbnails)
    random = np.random.default_rng(0)
    directions = np.rint(random.standard_normal((THUMBNAIL_PIXELS, HASHES * PROJECTIONS)) * DIRECTION_SCALE)
    offsets = random.uniform(0, STEP, HASHES * PROJECTIONS)
    mix = random.integers(1, 2**62, PROJECTIONS) | 1
    keys = np.zeros((len(thumbnails), HASHES), np.int64)
    for part in _slices(len(thumbnails)):
        products = thumbnails[part].astype(np.float32) @ directions.astype(np.float32)
        steps = np.floor((products / (DIRECTION_SCALE * lengths[part, None]) + offsets) / STEP).astype(np.int64)
        keys[part] = (steps.reshape(-1, HASHES, PROJECTIONS) * mix).sum(axis=2)
    return keys


def near_pairs(thumbnails: Pixels, keys: Ints, max_distance: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows that connect the near duplicates among those with equal keys: (k,) rows of one and of the other.

    `thumbnails` are (n, 196) uint8 with ink, which may be mapped from a file, and `keys` (n,) int; k < n.
    """
    one, other = _bucket_pairs(_Groups(thumbnails, max_distance), keys)
    return _connecting(np.arange(len(keys)), one, other)


class _Groups:
    """Vectors with ink, their lengths, and the groups that are connected so far."""

    def __init__(self, vectors: Pixels, max_distance: float) -> None:
        self.vectors, self.max_distance = vectors, max_distance
        self.lengths = _lengths(vectors)
        self.groups: Ints = np.arange(len(vectors))

    def connect(self, one: Ints, other: Ints) -> None:
        """Connect the (k,) rows `one` with the rows `other`, pair by pair."""
        if len(one):
            self.groups = _components(self.groups, one, other)

    def within(self, one: Ints, other: Ints, *factors: float) -> list[np.ndarray]:
        """For each factor (k, l) bool: which of k rows and l rows are at most that many times `max_distance` apart."""
        products = self.vectors[one].astype(np.float32) @ self.vectors[other].astype(np.float32).T
        lengths = self.lengths[one][:, None] * self.lengths[other]
        return [products >= self.bound(factor) * lengths for factor in factors]

    def bound(self, factor: float) -> float:
        """The cosine of two vectors of length 1 that are `factor` times `max_distance` apart."""
        return 1 - (factor * self.max_distance) ** 2 / 2 - ROUNDING


def _bucket_pairs(found: _Groups, keys: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Near pairs of rows with equal (n,) keys, as many as connect those rows: (k,) rows of one and of the other."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[:1]] - 1)) if len(keys) else order
    sizes = np.diff(starts, append=len(keys))
    pairs = [(order[:0], order[:0])]
    for size in np.unique(sizes[sizes > 1]).tolist():
        first = starts[sizes == size]
        step = max(1, min(ROWS_PER_SLICE // size, PRODUCTS_PER_BLOCK // size**2))
        for some in (first[start : start + step] for start in range(0, len(first), step)):
            rows = order[some[:, None] + np.arange(size)]
            unknown = rows[(found.groups[rows] != found.groups[rows[:, :1]]).any(axis=1)]
            if size > LARGE_BUCKET:
                pairs += [pair for bucket in unknown for pair in _large_bucket_pairs(found, bucket)]
            elif len(unknown):
                pairs.append(_small_bucket_pairs(found, unknown))
    one, other = (np.concatenate(part) for part in zip(*pairs, strict=True))
    return one, other


def _small_bucket_pairs(found: _Groups, rows: Ints) -> tuple[np.ndarray, np.ndarray]:
    """The same of the (b, s) rows of b buckets: within each all products at once."""
    vectors = found.vectors[rows].astype(np.float32)
    lengths = found.lengths[rows]
    products = vectors @ vectors.transpose(0, 2, 1)
    near = products >= found.bound(1) * (lengths[:, :, None] * lengths[:, None])
    near &= np.tri(rows.shape[1], k=-1, dtype=bool)
    bucket, one, other = np.nonzero(near)
    places = bucket * rows.shape[1]
    return _connecting(rows.ravel(), places + one, places + other)


def _connecting(rows: Ints, one: Ints, other: Ints) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of `rows`, fewer than rows, that connect what the pairs of their places `one` and `other` connect."""
    if not len(one):
        return rows[:0], rows[:0]
    label = _components(np.arange(len(rows)), one, other)
    first = np.unique(label, return_index=True)[1][label]
    linked = first != np.arange(len(rows))
    return rows[first[linked]], rows[linked]


def _large_bucket_pairs(found: _Groups, rows: Ints) -> list[tuple[np.ndarray, np.ndarray]]:
    """The same of the rows of one bucket, in a time that is linear where most of them are nearly the same.

    Who is at most half the distance from a pivot is in its group; only those up to one and a half times the distance
    from the pivot can be near to them without being near to the pivot. So, compared with these, they are done.
    """
    pairs, fruitless = [], 0
    while len(rows) > LARGE_BUCKET and fruitless < FRUITLESS_PIVOTS:
        pivot, rows = rows[:1], rows[1:]
        parts = [found.within(pivot, rows[part], 0.5, 1, 1.5) for part in _slices(len(rows))]
        core, near, around = (np.concatenate(part, axis=1)[0] for part in zip(*parts, strict=True))
        pairs.append((np.repeat(pivot, near.sum()), rows[near]))
        pairs += _block_pairs(found, rows[core], rows[around & ~near])
        fruitless = 0 if core.sum() > len(rows) / 20 else fruitless + 1
        rows = rows[~core]
    return pairs + _block_pairs(found, rows, rows)


def _block_pairs(found: _Groups, ones: Ints, others: Ints) -> list[tuple[np.ndarray, np.ndarray]]:
    """Near pairs of the rows `ones` with the rows `others`, as many as connect them.

    Rows of the largest group so far are compared with the rows outside it only.
    """
    rows, place = np.unique(np.concatenate([ones, others]), return_inverse=True)
    if not len(rows):
        return []
    label: Ints = np.unique(found.groups[rows], return_inverse=True)[1]
    ones, others = place[: len(ones)], place[len(ones) :]
    side = max(1, int(PRODUCTS_PER_BLOCK**0.5))
    for start, among in product(range(0, len(ones), side), range(0, len(others), side)):
        block, tile = ones[start : start + side], others[among : among + side]
        largest = np.bincount(label).argmax()
        inside = label[block] == largest
        for chosen, compared in ((block[inside], tile[label[tile] != largest]), (block[~inside], tile)):
            if len(chosen) and len(compared):
                one, other = np.nonzero(found.within(rows[chosen], rows[compared], 1)[0])
                label = _components(label, chosen[one], compared[other]) if len(one) else label
    first = np.unique(label, return_index=True)[1]
    return [(rows[first[label]], rows)]


def _components(groups: Ints, one: Ints, other: Ints) -> Ints:
    """(n,) int: the groups after the groups of the rows `one` are connected with those of the rows `other`."""
    edges = coo_array((np.ones(len(one), bool), (groups[one], groups[other])), shape=(int(groups.max()) + 1,) * 2)
    connected: Ints = connected_components(edges, directed=False)[1][groups]
    return connected


def _lengths(vectors: Pixels) -> np.ndarray:
    squares = np.zeros(len(vectors))
    for part in _slices(len(vectors)):
        some = vectors[part].astype(np.float32)
        squares[part] = np.einsum("ij,ij->i", some, some)
    return np.maximum(np.sqrt(squares), 1)


def _slices(rows: int) -> list[slice]:
    return [slice(start, start + ROWS_PER_SLICE) for start in range(0, rows, ROWS_PER_SLICE)]

"""Groups of near duplicates, against all pairs compared by brute force."""

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from digits.data import near_duplicates
from digits.data.canonical import canonical
from digits.data.statistics import compute_thumbnails

DISTANCE = 0.06


def thumbnails(digits) -> np.ndarray:
    return compute_thumbnails(canonical(digits)).reshape(len(digits), -1)


def noisy(base: np.ndarray, each: int, strongest: float, seed: int = 0) -> np.ndarray:
    """`each` copies of every thumbnail, with noise up to this strength in its ink."""
    random = np.random.default_rng(seed)
    copies = np.repeat(base, each, axis=0).astype(float)
    noise = random.standard_normal(copies.shape) * random.uniform(0, strongest, (len(copies), 1)) * (copies > 0)
    return np.clip(np.rint(copies + noise), 0, 255).astype(np.uint8)


def brute_force(of: np.ndarray) -> np.ndarray:
    unit = of / np.maximum(np.linalg.norm(of.astype(float), axis=1, keepdims=True), 1)
    return connected_components(2 - 2 * unit @ unit.T <= DISTANCE**2)[1]


def partition(groups: np.ndarray) -> set[frozenset[int]]:
    return {frozenset(np.flatnonzero(groups == number).tolist()) for number in np.unique(groups)}


def test_the_groups_are_those_of_all_pairs(mnist_digits):
    of = noisy(thumbnails(mnist_digits.images[::50]), 6, strongest=14)
    found, expected = (partition(groups) for groups in (near_duplicates.group(of, DISTANCE), brute_force(of)))
    assert 120 < len(expected) < 550
    assert len(found ^ expected) <= 6  # a pair that is hardly near may be missed


def test_distinct_digits_are_in_no_group(mnist_digits):
    found = near_duplicates.group(thumbnails(mnist_digits.images), DISTANCE)
    assert len(np.unique(found)) == 5000


@pytest.mark.parametrize("large", [2, 5, 64])
def test_neither_the_order_nor_the_others_nor_the_buckets_size_matter(mnist_digits, monkeypatch, large):
    random = np.random.default_rng(1)
    of = noisy(thumbnails(mnist_digits.images[::100]), 12, strongest=14)
    expected = partition(near_duplicates.group(of, DISTANCE))
    monkeypatch.setattr(near_duplicates, "LARGE_BUCKET", large)
    monkeypatch.setattr(near_duplicates, "ROWS_PER_SLICE", 70)
    monkeypatch.setattr(near_duplicates, "PRODUCTS_PER_BLOCK", 50)
    order = random.permutation(len(of))
    groups = np.empty(len(of), int)
    groups[order] = near_duplicates.group(of[order], DISTANCE)
    assert partition(groups) == expected
    others = thumbnails(mnist_digits.images[np.arange(5000) % 100 % 9 == 1])  # which are no near duplicates of these
    assert partition(near_duplicates.group(np.concatenate([of, others]), DISTANCE)[: len(of)]) == expected


@pytest.mark.parametrize("fruitless", [0, 3])
def test_a_large_bucket_is_compared_as_all_its_pairs(mnist_digits, monkeypatch, fruitless):
    """Everything in one bucket: its groups are exactly those of brute force."""
    of = np.unique(noisy(thumbnails(mnist_digits.images[:3]), 200, strongest=12), axis=0)
    monkeypatch.setattr(near_duplicates, "hashes", lambda vectors: np.zeros((len(vectors), 1), np.int64))
    monkeypatch.setattr(near_duplicates, "FRUITLESS_PIVOTS", fruitless)
    expected = partition(brute_force(of))
    assert 3 < len(expected) < len(of)
    assert partition(near_duplicates.group(of, DISTANCE)) == expected


def test_a_chain_is_one_group():
    """Each is near to the next only: 10 / 150 / 2 is some 0.03, and twice as much 0.07."""
    chain = np.zeros((8, 196), np.uint8)
    chain[:, 0], chain[:, 1] = 150 - 5 * np.arange(8), 150 + 5 * np.arange(8)
    assert len(np.unique(near_duplicates.group(chain, DISTANCE))) == 1
    assert len(np.unique(near_duplicates.group(chain[::2], DISTANCE))) == 4


def test_ten_thousand_nearly_equal_pictures_are_one_group(mnist_digits):
    of = noisy(thumbnails(mnist_digits.images[:1]), 10_000, strongest=2)
    assert len(np.unique(near_duplicates.group(of, DISTANCE))) == 1


def test_thumbnails_without_ink_are_alone():
    found = near_duplicates.group(np.zeros((3, 196), np.uint8), DISTANCE)
    assert len(np.unique(found)) == 3
    assert near_duplicates.group(np.zeros((0, 196), np.uint8), DISTANCE).tolist() == []


def test_a_dimmed_copy_is_a_near_duplicate(mnist_digits):
    of = thumbnails(mnist_digits.images[:100])
    found = near_duplicates.group(np.concatenate([of, of // 2]), DISTANCE)
    assert np.array_equal(found[:100], found[100:])


def test_rows_with_equal_digests_are_in_one_group():
    groups, digests = np.array([0, 1, 2, 3, 1]), np.array([b"a", b"b", b"a", b"c", b"d"])
    joined = near_duplicates.join_equal(groups, digests)
    assert joined[0] == joined[2]
    assert joined[1] == joined[4]
    assert len(set(joined.tolist())) == 3


def test_equally_noisy_copies_of_one_digit_are_grouped_as_by_all_pairs(mnist_digits):
    """No copy has many others close enough to stand for them, so the bucket is compared in blocks."""
    base = np.repeat(thumbnails(mnist_digits.images[:1]), 1500, axis=0).astype(float)
    noise = np.random.default_rng(0).standard_normal(base.shape) * 9 * (base > 0)
    of = np.clip(np.rint(base + noise), 0, 255).astype(np.uint8)
    expected = partition(brute_force(of))
    assert 1 < len(expected) < 1500
    assert partition(near_duplicates.group(of, DISTANCE)) == expected


def test_rows_of_the_largest_group_are_compared_with_those_outside_it():
    """Rows 0 to 2 are in one group already; row 3 is near to row 1, and only among the others."""
    vectors = np.zeros((4, 196), np.uint8)
    vectors[:3, :3] = np.eye(3) * 200
    vectors[3, 1] = 190
    found = near_duplicates._Groups(vectors, DISTANCE)
    found.connect(np.array([0, 1]), np.array([1, 2]))
    for one, other in near_duplicates._block_pairs(found, np.arange(3), np.array([3])):
        found.connect(one, other)
    assert len(set(found.groups.tolist())) == 1


@pytest.mark.parametrize("large", [2, 500])
def test_equal_thumbnails_are_in_one_group_at_distance_zero(mnist_digits, monkeypatch, large):
    """The square of the root of 2 is above 2, and the cosine of two equal vectors may be below 1."""
    monkeypatch.setattr(near_duplicates, "LARGE_BUCKET", large)
    of = thumbnails(mnist_digits.images[::50])
    groups = near_duplicates.group(np.concatenate([of, of, of]), 0.0)
    assert partition(groups) == {frozenset({row, row + 100, row + 200}) for row in range(100)}

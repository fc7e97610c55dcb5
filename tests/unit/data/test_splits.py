"""The split of a picture is a function of its content, the seed and the fractions."""

import hashlib

import numpy as np
import pytest

from digits.data import splits
from digits.data.splits import DROPPED, TEST, TRAIN, UNPUBLISHED, VALIDATION
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").ingest


def digests(*names: object) -> np.ndarray:
    """(n,) 'S32': a digest for each name."""
    return np.array([hashlib.sha256(str(name).encode()).digest() for name in names], "S32")


def assign(of: np.ndarray, published: object = UNPUBLISHED, groups: object = None, **changes) -> np.ndarray:
    published = np.broadcast_to(np.array(published, np.int8), of.shape)
    groups = np.arange(len(of)) if groups is None else np.array(groups)
    return splits.assign(of, published, groups, PARAMS.model_copy(update=changes))


def that_draw(*wanted: int, published: int = UNPUBLISHED) -> np.ndarray:
    """Digests that draw these splits on their own: the lowest that do, of train the highest."""
    many = np.sort(digests(*range(500)))
    drawn = assign(many, published)
    of = {split: many[drawn == split][:: -1 if split == TRAIN else 1] for split in set(wanted)}
    return np.array([of[split][wanted[:place].count(split)] for place, split in enumerate(wanted)])


def test_the_draws_are_the_first_bytes_of_two_hashes():
    digest = bytes(range(32))

    def uniform(name: str) -> float:
        drawn = hashlib.sha256(f"digits split 1 {name} 5".encode() + digest).digest()[:8]
        return int.from_bytes(drawn, "big") / 2**64

    test, validation = uniform("test"), uniform("validation")
    assert splits.draw(digest, 5, test + 1e-9, 1e-9, UNPUBLISHED) == TEST
    assert splits.draw(digest, 5, test - 1e-9, validation + 1e-9, UNPUBLISHED) == VALIDATION
    assert splits.draw(digest, 5, test - 1e-9, validation - 1e-9, UNPUBLISHED) == TRAIN
    assert splits.draw(digest, 5, test + 1e-9, validation + 1e-9, TRAIN) == VALIDATION  # test is not drawn
    assert splits.draw(digest, 5, test + 1e-9, validation - 1e-9, TRAIN) == TRAIN
    assert splits.draw(digest, 5, 1e-9, 1e-9, TEST) == TEST


def test_the_fractions_hold_over_many_pictures():
    drawn = assign(digests(*range(20_000)))
    assert (drawn == TEST).mean() == pytest.approx(0.2, abs=0.01)
    assert (drawn == VALIDATION).sum() / (drawn != TEST).sum() == pytest.approx(0.1, abs=0.01)


def test_another_validation_fraction_moves_no_picture_to_or_from_test():
    many = digests(*range(2000))
    one, other = assign(many), assign(many, validation_fraction=0.3)
    assert np.array_equal(one == TEST, other == TEST)
    assert (one == VALIDATION).sum() < (other == VALIDATION).sum()
    assert not (other[one == VALIDATION] != VALIDATION).any()


def test_the_seed_decides():
    many = digests(*range(200))
    assert np.array_equal(assign(many, seed=1), assign(many, seed=1))
    assert not np.array_equal(assign(many, seed=1), assign(many, seed=2))


def test_a_digest_that_ends_in_zeros_is_drawn_as_it_is():
    digest = bytes(30) + b"\1\0"
    assert assign(np.array([digest], "S32"))[0] == splits.draw(digest, 0, 0.2, 0.1, UNPUBLISHED)
    drawn = {splits.draw(bytes(29) + bytes([1, n, 0]), 0, 0.5, 0.5, UNPUBLISHED) for n in range(50)}
    assert drawn == {TRAIN, VALIDATION, TEST}
    every = np.array([bytes(29) + bytes([1, n, 0]) for n in range(50)], "S32")
    expected = [splits.draw(bytes(29) + bytes([1, n, 0]), 0, 0.5, 0.5, UNPUBLISHED) for n in range(50)]
    assert assign(every, test_fraction=0.5, validation_fraction=0.5).tolist() == expected


def test_a_published_test_set_stays_and_its_training_set_draws_validation_only():
    many = digests(*range(1000))
    assert set(assign(many, TEST)) == {TEST}
    drawn = assign(many, TRAIN)
    assert set(drawn) == {TRAIN, VALIDATION}
    assert (drawn == VALIDATION).mean() == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("wanted", "published", "expected"),
    [
        # Without a published side: to train if any draws it, else where the lowest digest goes
        ([TEST, TRAIN], UNPUBLISHED, [TRAIN, TRAIN]),
        ([VALIDATION, TRAIN, TEST], UNPUBLISHED, [TRAIN] * 3),
        ([TEST, TEST], UNPUBLISHED, [TEST] * 2),
        # A published test picture stays, the rest of its group is dropped
        ([TEST, TRAIN, VALIDATION], [TEST, TRAIN, TRAIN], [TEST, DROPPED, DROPPED]),
        ([TEST, TRAIN, TEST], [TEST, UNPUBLISHED, UNPUBLISHED], [TEST, DROPPED, DROPPED]),
        # A published training picture never goes to test
        ([TRAIN, TEST], [TRAIN, UNPUBLISHED], [TRAIN, TRAIN]),
    ],
)
def test_a_group_of_near_duplicates_goes_whole_to_one_split(wanted, published, expected):
    members = that_draw(*wanted)
    assert assign(members, published, np.zeros(len(members), int)).tolist() == expected


def test_without_train_a_group_goes_to_the_split_of_its_lowest_digest():
    for one, other in ((TEST, VALIDATION), (VALIDATION, TEST)):
        many = np.sort(digests(*range(500)))
        drawn = assign(many)
        low = many[drawn == one][0]
        high = many[(drawn == other) & (many > low)][-1]
        assert assign(np.array([high, low]), groups=[0, 0]).tolist() == [one, one]
        sides = [TRAIN if split == VALIDATION else UNPUBLISHED for split in (other, one)]
        drawn_apart = assign(np.array([high, low]), sides).tolist()
        if VALIDATION in drawn_apart and TRAIN not in drawn_apart:  # with a published training picture: not to test
            assert assign(np.array([high, low]), sides, [0, 0]).tolist() == [VALIDATION] * 2


def test_a_picture_in_several_places_takes_the_published_side():
    one, other = digests("one", "other")
    published = [UNPUBLISHED, TEST, TRAIN, UNPUBLISHED, TRAIN]
    found = assign(np.array([one, one, one, other, other]), published, [0, 0, 0, 1, 1])
    assert found[:3].tolist() == [DROPPED, TEST, DROPPED]
    assert found[3] == found[4] == splits.draw(bytes(other), 0, 0.2, 0.1, TRAIN)


def test_neither_order_nor_other_pictures_matter():
    """A hundred random sets: shuffled, and with pictures added and removed that are in other groups."""
    random = np.random.default_rng(0)
    for _ in range(100):
        count = int(random.integers(1, 60))
        numbers = random.integers(0, 40, count)  # some are equal
        of, groups = digests(*numbers), numbers % int(random.integers(1, 30))
        published = random.choice([UNPUBLISHED, TRAIN, TEST], count, p=[0.7, 0.2, 0.1]).astype(np.int8)
        before = assign(of, published, groups)
        order = random.permutation(count)
        assert np.array_equal(assign(of[order], published[order], groups[order]), before[order])
        kept = ~np.isin(groups, random.choice(groups, 2))
        added = digests(*(f"new {n}" for n in range(5)))
        after = assign(
            np.concatenate([added, of[kept]]),
            np.concatenate([np.full(5, UNPUBLISHED), published[kept]]),
            np.concatenate([1000 + np.arange(5), groups[kept]]),
        )
        assert np.array_equal(after[5:], before[kept])


def test_the_rule_names_what_decides():
    assert splits.rule(PARAMS) == {
        "rule": 1,
        "seed": 0,
        "test_fraction": 0.2,
        "validation_fraction": 0.1,
        "near_duplicate_distance": 0.06,
    }


def test_the_tally_counts_the_pictures_of_each_published_side_in_each_split():
    published = np.array([UNPUBLISHED, UNPUBLISHED, UNPUBLISHED, TEST, TRAIN])
    found = splits.tally(published, np.array([TRAIN, TRAIN, DROPPED, TEST, TRAIN]))
    assert found.shape == (4, 4)
    assert found[UNPUBLISHED, TRAIN] == 2
    assert found[UNPUBLISHED, DROPPED] == found[TEST, TEST] == found[TRAIN, TRAIN] == 1
    assert found.sum() == len(published)

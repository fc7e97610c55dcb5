"""Pictures of no digit: drawn the same each time, of every kind, and none that a person would read as a 1. 2 s."""

import numpy as np
import pytest
from fontTools.ttLib import TTFont

from digits import params
from digits.data import drawing, non_digits
from digits.data.non_digits import KINDS, SHARES, Order


def order(kind: str, digits, split: str = "train", pictures: int = 20, seeds: tuple[int, ...] = (0, 0)) -> Order:
    return Order(kind, split, pictures, seeds, digits.images[::100])


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_order_gives_the_same_pictures_and_another_seed_or_split_others(kind, mnist_digits):
    first = non_digits.draw(order(kind, mnist_digits))
    again = non_digits.draw(order(kind, mnist_digits))
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    for other in (order(kind, mnist_digits, seeds=(0, 100)), order(kind, mnist_digits, split="test")):
        pairs = zip(first, non_digits.draw(other), strict=True)
        assert not any(one.shape == two.shape and np.array_equal(one, two) for one, two in pairs)
    assert all(one.dtype == np.uint8 and one.ndim == 2 and np.ptp(one) > 0 for one in first)


def test_no_upright_bar_is_among_them_and_blank_ones_only_for_the_evaluation(mnist_digits):
    """Random strokes and folds give bars, which a person would call a 1, and textures give blank pictures."""
    for kind in ("signs", "paper", "textures"):
        for split in ("train", "test"):
            found = non_digits.draw_canonical(order(kind, mnist_digits, split, 60))
            blank = ~found.any(axis=(1, 2))
            assert not blank.any() or split == "test"
            columns = (found[~blank] > non_digits.INK).any(axis=1)
            assert min(np.ptp(np.flatnonzero(one)) + 1 for one in columns) >= non_digits.BAR
    assert (~non_digits.draw_canonical(order("textures", mnist_digits, "test", 60)).any(axis=(1, 2))).any()


def test_every_font_has_every_letter_that_is_drawn_with_it():
    """Else a box would be drawn, the same for each letter that is missing."""
    for name in (*non_digits.TRAIN_FONTS, *non_digits.TEST_FONTS):
        letters = non_digits.LETTERS + (non_digits.MORE_LETTERS if name == non_digits.MORE_LETTERS_FONT else "")
        known = TTFont(drawing.load_font(name, 20).path).getBestCmap()
        assert [letter for letter in letters if ord(letter) not in known] == []


def test_training_and_evaluation_share_no_font():
    for for_training, fonts in ((True, non_digits.TRAIN_FONTS), (False, non_digits.TEST_FONTS)):
        assert non_digits.Source(None, for_training, None).fonts == fonts
    assert not {*non_digits.TRAIN_FONTS} & {*non_digits.TEST_FONTS}


def test_the_numbers_of_pictures_follow_the_parameters(mnist_digits):
    drawn = params.load("params.yaml").preprocess.model_copy(update={"non_digits": 0.1, "non_digits_per_kind": 150})
    found = non_digits.orders(drawn, mnist_digits.images[:5], mnist_digits.images[5:9], 3000)
    train, test = (dict.fromkeys(KINDS, 0) for _ in range(2))
    for one in found:
        (train if one.split == "train" else test)[one.kind] += one.pictures
        assert len(one.digits) == (5 if one.split == "train" else 4)
    assert sum(SHARES.values()) == pytest.approx(1)
    assert train == {kind: round(300 * share) for kind, share in SHARES.items()}
    assert test == dict.fromkeys(KINDS, 150)
    assert len({(one.kind, one.split, one.seeds) for one in found}) == len(found)

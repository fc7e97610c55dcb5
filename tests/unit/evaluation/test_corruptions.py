"""The corruptions of digits: what each does by how much, and the error that is made of the predictions. Takes 3 s."""

import numpy as np
import pytest

from digits.data.canonical import canonical
from digits.data.stacks import bounds
from digits.evaluation import corruptions
from digits.evaluation.corruptions import CORRUPTIONS, MNIST_C, STRENGTHS, corrupted

SEED = 5
LEVELS = [(name, strength) for name in CORRUPTIONS for strength in corruptions.strengths(name)]
GRADED = [name for name in CORRUPTIONS if corruptions.strengths(name) == STRENGTHS]


@pytest.fixture(scope="module")
def images(mnist_digits):
    return mnist_digits.images[::50]


def at_mnist_c(images, name):
    return corrupted(images, name, MNIST_C, SEED).astype(int)


def test_there_are_fifteen_and_eleven_of_them_have_five_strengths():
    assert (len(CORRUPTIONS), len(GRADED), len(LEVELS)) == (15, 11, 11 * 5 + 4)
    assert corruptions.strengths("stripe") == (MNIST_C,)


@pytest.mark.parametrize(("name", "strength"), LEVELS)
def test_the_same_seed_gives_the_same_digits_and_another_seed_others(images, name, strength):
    some = images[:10]
    first, again, other = (corrupted(some, name, strength, seed) for seed in (0, 0, 1))
    assert (first.shape, first.dtype) == (some.shape, np.uint8)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, some)
    assert np.array_equal(first, other) == (name in ("scale", "brightness", "stripe", "canny_edges"))
    assert corrupted(some[:0], name, strength, 0).shape == (0, 28, 28)


@pytest.mark.parametrize(
    "name", [name for name in GRADED if name != "fog"]
)  # which changes the mean of all pixels at random
def test_a_greater_strength_changes_more(images, name):
    changes = [np.abs(corrupted(images, name, strength, SEED) - images.astype(int)).mean() for strength in STRENGTHS]
    assert changes == sorted(changes)


class TestStrengthOfMnistC:
    def test_shot_noise_is_that_of_three_photons(self, images):
        grey = np.full_like(images, 85)  # a third of white: one photon on average, which gives 85
        counts = at_mnist_c(grey, "shot_noise") / 85
        assert set(np.unique(counts)) == {0, 1, 2, 3}
        assert [(counts == count).mean() for count in (0, 1, 2)] == pytest.approx([0.368, 0.368, 0.184], abs=0.01)

    def test_impulse_noise_makes_17_percent_black_or_white(self, images):
        found = at_mnist_c(np.full_like(images, 100), "impulse_noise")
        assert [(found == value).mean() for value in (0, 255, 100)] == pytest.approx([0.085, 0.085, 0.83], abs=0.005)

    def test_glass_blur_moves_pixels_and_loses_none(self, images):
        found = at_mnist_c(images, "glass_blur")
        assert found.mean() == pytest.approx(images.mean(), rel=0.02)
        assert np.abs(found - at_mnist_c(images[:, ::-1], "glass_blur")[:, ::-1]).mean() > 5  # the same seed

    def test_motion_blur_trails_to_one_side(self, images):
        point = np.zeros_like(images)
        point[:, 14, 14] = 255
        found = at_mnist_c(point, "motion_blur")
        assert found[:, :, 16:].max() == 0 and (found[:, :, 10].sum(axis=1) > 10).all()
        assert found.sum(axis=(1, 2)) == pytest.approx(255, abs=15)

    def test_shear_and_rotate_keep_the_middle_and_turn_either_way(self, images):
        bar = np.zeros_like(images)
        bar[:, 4:24, 13:15] = 255
        for name in ("shear", "rotate"):
            found = at_mnist_c(bar, name)
            right = found[:, 6:9].sum(axis=1) @ np.arange(28) / found[:, 6:9].sum(axis=(1, 2)) - 13.5
            assert np.abs(right) == pytest.approx(6.5 * np.tan(0.4), abs=0.35)
            assert 0.3 < (right > 0).mean() < 0.7
            assert (found[:, 13:15, 13:15] > 200).all()

    def test_scale_is_to_70_percent(self, images):
        (top, bottom), (left, right) = bounds(at_mnist_c(images, "scale") > 60)
        assert np.maximum(bottom - top, right - left) + 1 == pytest.approx(14, abs=1)

    def test_brightness_adds_half_of_white(self, images):
        assert np.abs(at_mnist_c(images, "brightness") - np.minimum(images + 127.5, 255)).max() <= 0.5

    def test_translate_is_by_three_pixels_along_both_axes(self, images):
        moved, padded = at_mnist_c(images, "translate"), np.pad(images, ((0, 0), (3, 3), (3, 3)))
        either = [padded[:, down : down + 28, right : right + 28] for down in (0, 6) for right in (0, 6)]
        equal = np.array([(one == moved).all(axis=(1, 2)) for one in either])
        assert equal.any(axis=0).all() and equal.any(axis=1).all()

    def test_stripe_inverts_seven_columns_on_each_side(self, images):
        found = at_mnist_c(images, "stripe")
        assert np.array_equal(found[..., 7:21], images[..., 7:21])
        for side in (np.s_[..., :7], np.s_[..., 21:]):
            assert np.array_equal(found[side], 255 - images[side])

    @pytest.mark.parametrize("strength", STRENGTHS)
    def test_fog_dims_the_digit_and_varies_slowly(self, images, strength):
        found, paper = corrupted(images, "fog", strength, SEED).astype(float), images == 0
        assert found[images > 250].mean() - found[paper].mean() == pytest.approx(255 / (1 + strength), abs=8)
        assert np.abs(np.diff(found))[paper[..., 1:] & paper[..., :-1]].mean() < 4
        assert found[paper].mean() > 50

    def test_spatter_covers_a_part_with_mud(self, images):
        mud = at_mnist_c(np.zeros_like(images), "spatter")
        assert mud.max() <= 63
        assert 0.1 < (mud > 0).mean() < 0.2

    def test_lines_add_light_in_their_columns(self, images):
        for name, columns in {"dotted_line": [c for c in range(28) if c // 2 % 2], "zigzag": range(2, 25)}.items():
            found = at_mnist_c(np.zeros_like(images), name)
            assert (found.sum(axis=(0, 1)) > 0).nonzero()[0].tolist() == list(columns)
            assert (at_mnist_c(images, name) >= images).all()
        assert np.median(np.abs(np.diff(found[:, :, 2:25].argmax(axis=1)))) == 1  # it goes up and down by 45 degrees

    def test_canny_edges_are_white_lines_around_the_strokes(self, images):
        found = at_mnist_c(images, "canny_edges")
        assert set(np.unique(found)) == {0, 255}
        assert ((found > 0).sum(axis=(1, 2)) > 20).all()
        for step, edges in {
            12: 0,
            25: 28,
        }.items():  # the upper threshold is a slope of 0.2 by Sobel's kernel, after a blur
            half = np.repeat([[[0, step]]], 14, axis=2).repeat(28, axis=1).astype(np.uint8)
            assert (at_mnist_c(half, "canny_edges") > 0).sum() == edges


def test_corrupted_digits_are_converted_like_pictures(images):
    some = images[:10]
    found = list(corruptions.corrupted_digits(some, SEED))
    assert [(one.name, one.strength) for one in found] == LEVELS
    for one in found[::7]:
        assert np.array_equal(one.digits, canonical(corrupted(some, one.name, one.strength, SEED)))
    moved = {one.name: one.digits for one in found if one.strength == MNIST_C}["translate"]
    assert np.abs(moved - canonical(some).astype(int)).mean() < 6  # what canonical centres again


def test_a_misread_or_lost_digit_counts_at_each_strength(images):
    some, calls = images[:4], []

    def predict(digits):
        calls.append(digits)
        return np.array([7 if len(calls) == 2 else 0, 1, 2, 3])

    blank_last = np.concatenate([some[:3], np.zeros_like(some[:1])])
    shares = corruptions.misread_shares(predict, blank_last, np.array([0, 9, 2, 3]), SEED)
    assert list(shares) == list(CORRUPTIONS) and len(calls) == len(LEVELS)
    assert shares["brightness"].tolist() == [0, 1, 0, 1]  # the second is misread, the last has no ink
    assert shares["impulse_noise"].tolist() == [0, 1, 0, 0]
    assert shares["shot_noise"].tolist() == [0.2, 1, 0, 1]  # the first is misread at one strength


def test_the_error_is_the_mean_of_each_corruption_and_of_all():
    shares = {"fog": np.array([0, 0.5]), "stripe": np.array([1.0, 1.0])}
    assert corruptions.corruption_error(shares) == {"fog": 0.25, "stripe": 1.0, "mean": 0.625}

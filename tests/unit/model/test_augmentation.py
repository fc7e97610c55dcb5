"""Augmentation: the sampled parameters, and what each does to a digit."""

import numpy as np
import pytest

from digits.model import augmentation_values
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train


@pytest.fixture(scope="module")
def augmentation():
    from digits.model import augmentation

    return augmentation


@pytest.fixture(scope="module")
def images(mnist_digits):
    return mnist_digits.images[::100]


class TestSampling:
    def test_an_epoch_has_the_same_parameters_again_and_another_has_others(self):
        sample = augmentation_values.sample_augmentation
        assert np.array_equal(sample(1, 2, 5), sample(1, 2, 5))
        assert not np.array_equal(sample(1, 2, 5), sample(1, 3, 5))
        assert not np.array_equal(sample(1, 2, 5), sample(2, 2, 5))

    def test_those_of_chosen_digits_are_those_of_all(self, monkeypatch):
        whole, chosen = augmentation_values.sample_augmentation(1, 2, 25), np.arange(25) % 3 == 1
        monkeypatch.setattr(augmentation_values, "DIGITS_AT_ONCE", 10)
        assert np.array_equal(augmentation_values.sample_augmentation(1, 2, 25, chosen=chosen), whole[chosen])

    def test_the_affine_ones_are_uniform_and_the_elastic_ones_normal(self):
        sampled = augmentation_values.sample_augmentation(0, 0, 20_000)
        affine, elastic, appearance = np.split(sampled, [augmentation_values.AFFINE, augmentation_values.WARP], axis=1)
        assert sampled.dtype == np.float32
        for uniform in (affine, appearance):
            assert np.abs(uniform).max() <= 1
            assert uniform.std() == pytest.approx(3**-0.5, rel=0.01)
        assert elastic.mean() == pytest.approx(0, abs=0.01)
        assert elastic.std() == pytest.approx(1, rel=0.01)


class TestWarp:
    @pytest.fixture
    def warp(self, augmentation):
        """A function that warps images: bounds as in params.yaml, and the parameters that are not 0, all where None."""

        def warp(images, parameters=None, **bounds):
            none = {"rotation": 0, "zoom": 0, "shear": 0, "shift": 0, "elastic": 0}
            sampled = augmentation_values.sample_augmentation(0, 0, len(images))[:, : augmentation_values.WARP]
            if parameters is not None:
                sampled[:] = 0
                for position, value in parameters.items():
                    sampled[:, position] = value
            return np.asarray(augmentation.Warp(PARAMS.model_copy(update={**none, **bounds}))(images, sampled))

        return warp

    @staticmethod
    def centres(images):
        """Each digit's centre of ink, (2, n): down and across, in pixels."""
        weights = images.sum(axis=(1, 2), dtype=np.float64)
        return np.stack([images.sum(axis=2) @ np.arange(28), images.sum(axis=1) @ np.arange(28)]) / weights

    def test_without_bounds_nothing_changes(self, warp, images):
        assert np.allclose(warp(images), images, atol=0.3)  # of 255: the last row and column lie a thousandth inside

    @pytest.mark.parametrize(("position", "shift"), [(4, (0, -2)), (5, (-2, 0))])
    def test_a_shift_is_as_large_as_its_parameter(self, warp, images, position, shift):
        found = self.centres(warp(images, {position: 1}, shift=2)) - self.centres(images)
        assert np.median(found, axis=1) == pytest.approx(shift, abs=0.01)  # a few digits reach the edge

    def test_a_rotation_of_a_right_angle_is_numpys(self, warp, images):
        assert np.allclose(warp(images, {0: 1}, rotation=90), np.rot90(images, axes=(1, 2)), atol=0.5)

    def test_a_zoom_out_makes_the_digit_smaller(self, warp, images):
        ratio = warp(images, {2: 1, 3: 1}, zoom=0.25).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
        assert ratio == pytest.approx(1 / 1.25**2, rel=0.1)

    def test_a_shear_moves_rows_apart_and_keeps_the_middle(self, warp):
        stripe = np.zeros((1, 28, 28), np.uint8)
        stripe[:, :, 13:15] = 255
        slanted = warp(stripe, {1: 1}, shear=45)[0]
        across = slanted @ np.arange(28) / slanted.sum(axis=1)
        assert np.diff(across)[5:22] == pytest.approx(-1, abs=0.05)
        assert across[13:15].mean() == pytest.approx(13.5, abs=0.05)

    def test_an_elastic_warp_moves_smoothly_by_its_bound_in_the_mean_square(self, warp):
        ramp = np.tile(np.arange(28, dtype=np.uint8) * 9, (500, 28, 1))  # the value of a pixel is its original position
        moved = warp(ramp, elastic=1)[:, :, 8:20] / 9 - np.arange(8, 20)
        assert np.sqrt((moved**2).mean()) == pytest.approx(1, rel=0.05)
        assert np.abs(np.diff(moved, axis=1)).mean() < 0.25  # the displacement is smooth

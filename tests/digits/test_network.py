"""The network: what it takes and gives, and what the warp does to a digit."""

import numpy as np
import pytest

from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train


@pytest.fixture(scope="module")
def network():
    from digits import network

    return network


@pytest.fixture(scope="module")
def images(mnist_digits):
    return mnist_digits.images[::100]


def test_it_takes_grey_levels_and_gives_ten_logits(network, images):
    net = network.build(PARAMS, images)
    logits = np.asarray(net.inference(images[:3]))
    assert (logits.shape, logits.dtype) == ((3, 10), np.float32)
    assert 10_000 < net.inference.count_params() < 1_000_000


def test_training_names_the_digits_by_their_rows(network, images):
    still = PARAMS.model_copy(update={"rotation": 0, "zoom": 0, "shear": 0, "shift": 0, "elastic": 0})
    net = network.build(still, images)
    rows = np.array([3, 3, 49], np.int32)
    named = net.training([rows, network.throw(0, 0, 3)])
    assert np.allclose(named, net.inference(images[rows]), atol=1e-3)


def test_only_training_warps(network, images):
    net, rows = network.build(PARAMS, images), np.arange(8, dtype=np.int32)
    assert np.array_equal(net.inference(images[:8]), net.inference(images[:8]))
    once, twice = (np.asarray(net.training([rows, network.throw(0, epoch, 8)])) for epoch in (0, 1))
    assert not np.allclose(once, twice, atol=1e-2)
    assert not [layer for layer in net.inference.layers if isinstance(layer, network.Warp | network.Resident)]


def test_the_convolutions_are_those_of_the_parameters(network):
    model = network.inference(PARAMS.model_copy(update={"convolutions": [[8, 5, 2], [12, 3, 1]]}))
    kernels = [weight for weight in model.trainable_weights if len(weight.shape) > 1]
    assert [weight.shape for weight in kernels] == [(5, 5, 1, 8), (3, 3, 8, 12), (10 * 10 * 12, 10)]


class TestDice:
    def test_an_epoch_has_the_same_ones_again_and_another_has_others(self, network):
        assert np.array_equal(network.throw(1, 2, 5), network.throw(1, 2, 5))
        assert not np.array_equal(network.throw(1, 2, 5), network.throw(1, 3, 5))
        assert not np.array_equal(network.throw(1, 2, 5), network.throw(2, 2, 5))

    def test_the_affine_ones_are_uniform_and_the_elastic_ones_normal(self, network):
        dice = network.throw(0, 0, 20_000)
        affine, elastic = dice[:, : network.AFFINE], dice[:, network.AFFINE :]
        assert dice.dtype == np.float32
        assert np.abs(affine).max() <= 1
        assert affine.std() == pytest.approx(3**-0.5, rel=0.01)
        assert elastic.mean() == pytest.approx(0, abs=0.01)
        assert elastic.std() == pytest.approx(1, rel=0.01)


class TestWarp:
    @pytest.fixture
    def warp(self, network, images):
        def make(dice=None, **bounds):
            still = {"rotation": 0, "zoom": 0, "shear": 0, "shift": 0, "elastic": 0}
            layer = network.Warp(PARAMS.model_copy(update={**still, **bounds}))
            thrown = network.throw(0, 0, len(images)) if dice is None else np.tile(np.float32(dice), (len(images), 1))
            return np.asarray(layer(images, thrown))

        return make

    @staticmethod
    def centres(images):
        """Each digit's centre of ink, (2, n): down and across, in pixels."""
        weights = images.sum(axis=(1, 2), dtype=np.float64)
        return np.stack([images.sum(axis=2) @ np.arange(28), images.sum(axis=1) @ np.arange(28)]) / weights

    def test_without_bounds_nothing_moves(self, warp, images):
        assert np.allclose(warp(), images, atol=0.3)  # of 255: the last row and column lie a thousandth inside

    @pytest.mark.parametrize(("die", "moved"), [(4, (0, -2)), (5, (-2, 0))])
    def test_a_shift_goes_where_its_die_says(self, warp, images, network, die, moved):
        dice = np.zeros(network.DICE)
        dice[die] = 1
        found = self.centres(warp(dice, shift=2)) - self.centres(images)
        assert np.median(found, axis=1) == pytest.approx(moved, abs=0.01)  # a few digits reach the edge

    def test_a_rotation_of_a_right_angle_is_numpys(self, warp, images, network):
        dice = np.zeros(network.DICE)
        dice[0] = 1
        assert np.allclose(warp(dice, rotation=90), np.rot90(images, axes=(1, 2)), atol=0.5)

    def test_a_zoom_out_makes_the_digit_smaller(self, warp, images, network):
        dice = np.zeros(network.DICE)
        dice[2:4] = 1
        ratio = warp(dice, zoom=0.25).sum(axis=(1, 2)) / images.sum(axis=(1, 2))
        assert ratio == pytest.approx(1 / 1.25**2, rel=0.1)

    def test_a_shear_moves_rows_apart_and_keeps_the_middle(self, warp, images, network):
        dice = np.zeros(network.DICE)
        dice[1] = 1
        stripe = np.zeros_like(images)
        stripe[:, :, 13:15] = 255
        layer = network.Warp(PARAMS.model_copy(update={"shear": 45, "zoom": 0, "elastic": 0, "shift": 0}))
        slanted = np.asarray(layer(stripe, np.tile(np.float32(dice), (len(images), 1))))[0]
        across = slanted @ np.arange(28) / slanted.sum(axis=1)
        assert np.diff(across)[5:22] == pytest.approx(-1, abs=0.05)
        assert across[13:15].mean() == pytest.approx(13.5, abs=0.05)

    def test_an_elastic_warp_moves_smoothly_by_its_bound_in_the_mean_square(self, network):
        layer = network.Warp(PARAMS.model_copy(update={"rotation": 0, "zoom": 0, "shear": 0, "shift": 0, "elastic": 1}))
        ramp = np.tile(np.arange(28, dtype=np.uint8) * 9, (500, 28, 1))  # its level says where a pixel came from
        moved = np.asarray(layer(ramp, network.throw(0, 0, 500)))[:, :, 8:20] / 9 - np.arange(8, 20)
        assert np.sqrt((moved**2).mean()) == pytest.approx(1, rel=0.05)
        assert np.abs(np.diff(moved, axis=1)).mean() < 0.25  # neighbours go together


class TestOneCycle:
    def test_it_climbs_to_the_peak_and_falls_to_nothing(self, network):
        rate = network.OneCycle(peak=0.1, steps=100, warmup=0.3)
        found = [float(rate(step)) for step in (0, 15, 30, 65, 100)]
        assert found == pytest.approx([0, 0.05, 0.1, 0.05, 0], abs=1e-6)

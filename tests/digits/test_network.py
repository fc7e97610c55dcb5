"""The network: what it takes and gives, that it can learn, that the same seed gives the same bytes."""

import subprocess
import sys

import numpy as np
import pytest

from digits import inference
from digits.dataset import Digits
from digits.files import digest
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train.model_copy(update={"epochs": 3, "batch_size": 20})


@pytest.fixture(scope="module")
def network():
    from digits import network

    return network


@pytest.fixture(scope="module")
def trained(network, mnist_digits):
    """A network after three epochs of 200 digits, and its metrics by epoch."""
    few = Digits(images=mnist_digits.images[::25], labels=mnist_digits.labels[::25])
    net = network.build(PARAMS)
    history = network.fit(net, few, few, PARAMS, on_epoch=lambda number, metrics: None)
    return net, history


def test_it_takes_grey_levels_and_gives_ten_logits(network, mnist_digits):
    net = network.build(PARAMS)
    logits = np.asarray(net.inference(mnist_digits.images[:3]))
    assert (logits.shape, logits.dtype) == ((3, 10), np.float32)
    assert 10_000 < net.inference.count_params() < 1_000_000


def test_it_learns(trained):
    _, history = trained
    assert [sorted(epoch) for epoch in history] == [["accuracy", "loss", "val_accuracy", "val_loss"]] * 3
    assert history[-1]["loss"] < history[0]["loss"]


def test_every_epoch_is_told_in_order(network, mnist_digits):
    few = Digits(images=mnist_digits.images[::100], labels=mnist_digits.labels[::100])
    told = []
    params = PARAMS.model_copy(update={"epochs": 2})
    history = network.fit(network.build(params), few, few, params, lambda *epoch: told.append(epoch))
    assert told == [(1, history[0]), (2, history[1])]


def test_only_training_augments(network, mnist_digits):
    net, images = network.build(PARAMS), mnist_digits.images[:8]
    assert np.array_equal(net.inference(images), net.inference(images, training=False))
    once, twice = (np.asarray(net.training(images, training=True)) for _ in range(2))
    assert not np.array_equal(once, twice)
    assert not [layer for layer in net.inference.layers if isinstance(layer, network.RandomAffine)]


class TestRandomAffine:
    @pytest.fixture
    def layer(self, network):
        def make(**bounds):
            still = {"rotation": 0, "zoom": 0, "shear": 0, "shift": 0}
            return network.RandomAffine(PARAMS.model_copy(update={**still, **bounds}))

        return make

    @pytest.fixture
    def images(self, mnist_digits):
        return mnist_digits.images[:50, :, :, None].astype(np.float32) / 255

    def test_without_bounds_nothing_moves(self, layer, images):
        assert np.allclose(layer()(images, training=True), images, atol=1e-5)

    def test_at_inference_nothing_happens(self, layer, images):
        assert np.array_equal(layer(rotation=90)(images, training=False), images)

    def test_a_shift_stays_within_its_bound(self, layer, images):
        def centres(batch):
            batch = np.asarray(batch)[..., 0]
            weights = batch.sum(axis=(1, 2))
            return np.stack([batch.sum(axis=axis) @ np.arange(28) / weights for axis in (1, 2)])

        moved = np.abs(centres(layer(shift=2)(images, training=True)) - centres(images))
        assert moved.max() <= 2.1
        assert moved.max() > 1.5  # of 100 draws, some come near the bound

    def test_a_rotation_keeps_the_ink(self, layer, images):
        turned = np.asarray(layer(rotation=20)(images, training=True))
        assert not np.allclose(turned, images, atol=0.1)
        assert turned.sum(axis=(1, 2, 3)) == pytest.approx(images.sum(axis=(1, 2, 3)), rel=0.1)


def test_the_onnx_file_gives_what_the_network_gives(network, trained, mnist_digits, tmp_path):
    net, _ = trained
    network.save_onnx(net, tmp_path / "digits.onnx")
    logits = np.asarray(net.inference(mnist_digits.images), np.float64)
    expected = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    found = inference.probabilities(tmp_path / "digits.onnx", mnist_digits.images)
    assert (found.shape, found.dtype) == ((5000, 10), np.float32)
    assert np.abs(found - expected).max() < 1e-4


def test_the_weights_hold_the_net_and_nothing_else(network, trained, tmp_path):
    import h5py

    net, _ = trained
    network.save_weights(net, tmp_path / "a.weights.h5")
    sizes = []
    with h5py.File(tmp_path / "a.weights.h5") as file:
        file.visititems(lambda _, item: sizes.append(item.size) if isinstance(item, h5py.Dataset) else None)
    assert sum(sizes) == net.inference.count_params()


TRAIN = """
import sys
from pathlib import Path
import numpy as np
from digits import network
from digits.dataset import Digits
from digits.params import load

params = load().train.model_copy(update={"epochs": 2, "batch_size": 20, "seed": int(sys.argv[2])})
random = np.random.default_rng(0)
few = Digits(random.integers(0, 256, (100, 28, 28), dtype=np.uint8), random.integers(0, 10, 100))
network.make_reproducible(params)
net = network.build(params)
network.fit(net, few, few, params, lambda *_: None)
network.save_weights(net, Path(sys.argv[1]) / "a.weights.h5")
network.save_onnx(net, Path(sys.argv[1]) / "a.onnx")
"""


def test_the_same_seed_gives_the_same_bytes_in_another_process(tmp_path):
    hashes = []
    for name, seed in (("one", "0"), ("two", "0"), ("three", "1")):
        (tmp_path / name).mkdir()
        subprocess.run([sys.executable, "-c", TRAIN, str(tmp_path / name), seed], cwd=ROOT, check=True)
        hashes.append([digest(tmp_path / name / file, "sha256") for file in ("a.weights.h5", "a.onnx")])
    assert hashes[0] == hashes[1]
    assert hashes[0][0] != hashes[2][0]

"""The network: its inputs and outputs, and what augmentation does to it."""

import numpy as np
import pytest

from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train


@pytest.fixture(scope="module")
def network():
    from digits.model import network

    return network


@pytest.fixture(scope="module")
def sample():
    from digits.model.augmentation_values import sample_augmentation

    return sample_augmentation


@pytest.fixture(scope="module")
def images(mnist_digits):
    return mnist_digits.images[::100]


def test_it_takes_pixel_values_and_returns_eleven_logits(network, images):
    net = network.build(PARAMS, images)
    logits = np.asarray(net.inference(images[:3]))
    assert (logits.shape, logits.dtype) == ((3, 11), np.float32)
    assert 10_000 < net.inference.count_params() < 1_000_000


def test_training_takes_the_digits_by_their_rows(network, sample, images):
    bounds = (
        "rotation",
        "zoom",
        "shear",
        "shift",
        "elastic",
        "stroke_width",
        "brightness",
        "contrast",
        "blur",
        "occlusion",
        "lines",
    )
    unchanged = PARAMS.model_copy(update=dict.fromkeys(bounds, 0))
    net = network.build(unchanged, images)
    rows = np.array([3, 3, 49], np.int32)
    logits = net.training([rows, sample(0, 0, 3)])
    assert np.allclose(logits, net.inference(images[rows]), atol=1e-3)


def test_only_training_augments(network, sample, images):
    net, rows = network.build(PARAMS, images), np.arange(8, dtype=np.int32)
    assert np.array_equal(net.inference(images[:8]), net.inference(images[:8]))
    once, twice = (np.asarray(net.training([rows, sample(0, epoch, 8)])) for epoch in (0, 1))
    assert not np.allclose(once, twice, atol=1e-2)
    assert not [
        layer
        for layer in net.inference.layers
        if isinstance(layer, network.Warp | network.Appearance | network.DeviceDataset)
    ]


def test_the_convolutions_are_those_of_params_yaml(network):
    model = network.inference(PARAMS.model_copy(update={"convolutions": [[8, 5, 2], [12, 3, 1]]}))
    kernels = [weight for weight in model.trainable_weights if len(weight.shape) > 1]
    assert [weight.shape for weight in kernels] == [(5, 5, 1, 8), (3, 3, 8, 12), (10 * 10 * 12, 11)]

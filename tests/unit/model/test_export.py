"""The ONNX file predicts what the network predicts, and its bytes depend on the weights alone."""

import numpy as np
import pytest
from scipy.special import logsumexp

from digits.data.dataset import NO_DIGIT
from digits.model.classifier import Classifier
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train


@pytest.fixture(scope="module")
def model():
    """A network whose weights are all random, those of the batch normalizations too."""
    from digits.model import network

    model = network.inference(PARAMS)
    random = np.random.default_rng(0)
    model.set_weights(
        [
            random.uniform(0.2, 0.4, weight.shape) * random.choice([1, -1], weight.shape)
            for weight in model.get_weights()
        ]
    )
    for layer in model.get_layer("body").layers:
        if hasattr(layer, "moving_variance"):
            layer.moving_variance.assign(random.uniform(20, 400, layer.moving_variance.shape))
    return model


def test_it_predicts_what_the_network_predicts(model, mnist_digits, tmp_path):
    from digits.model import export, training

    export.save(model, tmp_path / "a.onnx")
    images = mnist_digits.images[::7]
    classes = training.logits(model, images)
    expected = classes[:, :NO_DIGIT]
    found = Classifier(tmp_path / "a.onnx").predict(images)
    assert expected.std() > 0.1  # else every model would agree
    assert np.abs(found.logits - expected).max() < 1e-4 * np.abs(expected).max()
    assert np.abs(found.score - (classes[:, NO_DIGIT] - logsumexp(expected, axis=1))).max() < 1e-4
    assert found.score.dtype == np.float32 and found.accepted.all()
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(found.probabilities.argmax(axis=1), found.logits.argmax(axis=1))


def test_the_same_weights_give_the_same_bytes(model, tmp_path):
    from digits.model import export

    for name in ("a.onnx", "b.onnx"):
        export.save(model, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_layer_that_it_does_not_support_is_refused_by_name(model, tmp_path):
    import keras

    from digits.model import export

    body = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.MaxPooling2D()], name="body")
    pixels = keras.Input((28, 28), dtype="uint8")
    other = keras.Model(pixels, body(model.get_layer("scaled")(pixels)))
    with pytest.raises(TypeError, match="MaxPooling2D"):
        export.save(other, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())

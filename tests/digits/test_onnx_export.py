"""The ONNX file says what the network says, in bytes that the weights alone decide."""

import numpy as np
import pytest

from digits import inference
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train


@pytest.fixture(scope="module")
def model():
    """A network whose every weight is some number, batch norms included."""
    from digits import network

    made = network.inference(PARAMS)
    random = np.random.default_rng(0)
    made.set_weights(
        [random.uniform(0.2, 0.4, weight.shape) * random.choice([1, -1], weight.shape) for weight in made.get_weights()]
    )
    for layer in made.get_layer("body").layers:
        if hasattr(layer, "moving_variance"):
            layer.moving_variance.assign(random.uniform(20, 400, layer.moving_variance.shape))
    return made


def test_it_says_what_the_network_says(model, mnist_digits, tmp_path):
    from digits import onnx_export, training

    onnx_export.save(model, tmp_path / "a.onnx")
    images = mnist_digits.images[::7]
    expected = training.logits(model, images)
    found = inference.answers(tmp_path / "a.onnx", images)
    assert expected.std() > 0.1  # else everything agrees
    assert np.abs(found.logits - expected).max() < 1e-4 * np.abs(expected).max()
    assert found.probabilities.dtype == np.float32
    assert found.probabilities.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert np.array_equal(found.probabilities.argmax(axis=1), found.logits.argmax(axis=1))


def test_the_same_weights_give_the_same_bytes(model, tmp_path):
    from digits import onnx_export

    for name in ("a.onnx", "b.onnx"):
        onnx_export.save(model, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


def test_a_layer_that_it_cannot_write_is_refused_by_name(model, tmp_path):
    import keras

    from digits import onnx_export

    body = keras.Sequential([keras.Input((28, 28, 1)), keras.layers.MaxPooling2D()], name="body")
    pixels = keras.Input((28, 28), dtype="uint8")
    strange = keras.Model(pixels, body(model.get_layer("scaled")(pixels)))
    with pytest.raises(TypeError, match="MaxPooling2D"):
        onnx_export.save(strange, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())

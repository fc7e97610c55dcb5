"""The trained network as an ONNX file, which any ONNX runtime reads without the libraries that trained it.

Written layer by layer and not by a converter, of which there is none for every backend of Keras: so the same weights
give the same bytes, and each batch norm is folded into the convolution before it.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from digits.canonical import SIDE
from digits.dataset import LABELS
from digits.files import replacing
from digits.network import keras

OPSET = 17  # of 2022: old enough for every runtime in use, new enough for all that is needed here
IR = 8  # the version of the file format that came with it


class _Chain:
    """Nodes of which each takes what the one before it gave, and constants of its own."""

    def __init__(self, given: str) -> None:
        self.last, self.nodes, self.constants = given, [], []

    def add(self, kind: str, *constants: np.ndarray, name: str | None = None, **attributes) -> None:
        name = name or f"{kind}_{len(self.nodes)}"
        held = [numpy_helper.from_array(np.asarray(one), f"{name}.{at}") for at, one in enumerate(constants)]
        self.nodes.append(helper.make_node(kind, [self.last, *(one.name for one in held)], [name], name, **attributes))
        self.constants += held
        self.last = name


def save(model: keras.Model, path: Path) -> None:
    """Write the network for inference, as digits/network.py builds it, to `path`.

    `images` (n, 28, 28) uint8 in; `probabilities` and `logits`, both (n, 10) float32, out. Raises TypeError where the
    network has a layer of a kind that is not written here.
    """
    chain = _Chain("images")
    chain.add("Cast", to=TensorProto.FLOAT)
    chain.add("Reshape", np.array([-1, 1, SIDE, SIDE]))
    chain.add("Mul", np.float32(model.get_layer("scaled").layers[-1].scale))
    _write_body(model.get_layer("body").layers, chain)
    chain.add("Softmax", name="probabilities", axis=1)
    tensor = helper.make_tensor_value_info
    graph = helper.make_graph(
        chain.nodes,
        "digits",
        [tensor("images", TensorProto.UINT8, ["n", SIDE, SIDE])],
        [tensor(name, TensorProto.FLOAT, ["n", len(LABELS)]) for name in ("probabilities", "logits")],
        chain.constants,
    )
    written = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(written, full_check=True)
    with replacing(path) as beside:
        onnx.save(written, beside)


def _write_body(layers: list[keras.layers.Layer], chain: _Chain) -> None:
    shape = None  # of one digit where the layers flatten it: (rows, columns, channels)
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        match layer:
            case keras.layers.Conv2D() if isinstance(following, keras.layers.BatchNormalization):
                kernel, shift = _folded(layer, following)
                # Keras keeps (rows, columns, in, out), ONNX (out, in, rows, columns).
                chain.add("Conv", kernel.transpose(3, 2, 0, 1), shift, strides=list(layer.strides))
            case keras.layers.BatchNormalization():
                pass  # in the convolution already
            case keras.layers.ReLU():
                chain.add("Relu")
            case keras.layers.Flatten():
                shape = layer.input.shape[1:]
                chain.add("Flatten")
            case keras.layers.Dense():
                kernel, shift = (np.asarray(weight) for weight in (layer.kernel, layer.bias))
                # Keras flattens with the channels last, ONNX with the channels first.
                kernel = kernel.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
                chain.add("Gemm", kernel, shift, name="logits")
            case _:
                raise TypeError(f"digits/onnx_export.py does not know how to write a layer of type {type(layer)}")


def _folded(convolution: keras.layers.Layer, norm: keras.layers.Layer) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and the shift, float32, of the one convolution that does the work of both; worked out in float64."""
    kernel = np.asarray(convolution.kernel, np.float64)
    gamma, beta, mean, variance = (
        np.asarray(weight, np.float64) for weight in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return (kernel * scale).astype(np.float32), (beta - mean * scale).astype(np.float32)

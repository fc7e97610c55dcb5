"""Export of the trained network to an ONNX file, which any ONNX runtime reads without the libraries that trained it.

It is written layer by layer, since no converter supports every backend of Keras: the same weights give the same bytes,
and each batch normalization is folded into the convolution before it.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from digits.data.stacks import DIGIT_SIZE
from digits.files import atomic_write
from digits.model import acceptance
from digits.model.acceptance import Acceptance
from digits.model.keras_backend import keras

OPSET = 17  # of 2022: old enough for every runtime in use, and it has all operators that are needed here
IR_VERSION = 8  # the file format that was released with it


class _Chain:
    """A sequence of ONNX nodes: each takes the output of the node before it, and constants."""

    def __init__(self, first_input: str) -> None:
        self.last = first_input
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[TensorProto] = []

    def add(self, kind: str, *constants: np.ndarray | np.floating, **attributes: Any) -> None:
        name = f"{kind}_{len(self.nodes)}"
        tensors = [numpy_helper.from_array(np.asarray(one), f"{name}.{at}") for at, one in enumerate(constants)]
        inputs = [self.last, *(tensor.name for tensor in tensors)]
        self.nodes.append(helper.make_node(kind, inputs, [name], name, **attributes))
        self.constants += tensors
        self.last = name


def save(model: keras.Model, path: Path) -> None:
    """Write the network for inference, as digits/model/network.py builds it, to `path`.

    The ONNX model's input is `images` (n, 28, 28) uint8; its outputs are `probabilities` and `logits`, both (n, 10)
    float32, `score` (n,) float32 and `accepted` (n,) bool, as in `Predictions`: it accepts everything. Raises TypeError
    where the network has a layer of a type that is not supported here.
    """
    chain = _Chain("images")
    chain.add("Cast", to=TensorProto.FLOAT)
    chain.add("Reshape", np.array([-1, 1, DIGIT_SIZE, DIGIT_SIZE]))
    chain.add("Mul", np.float32(model.get_layer("scaled").layers[-1].scale))
    _write_body(model.get_layer("body").layers, chain)
    images = helper.make_tensor_value_info("images", TensorProto.UINT8, ["n", DIGIT_SIZE, DIGIT_SIZE])
    graph = helper.make_graph(chain.nodes, "digits", [images], [], chain.constants)
    acceptance.add_outputs(graph, chain.last)
    exported = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    acceptance.set_constants(exported, Acceptance())
    onnx.checker.check_model(exported, full_check=True)
    with atomic_write(path) as temporary:
        onnx.save(exported, temporary)


def _write_body(layers: list[keras.layers.Layer], chain: _Chain) -> None:
    shape: tuple[int, ...] = ()  # of one digit before it is flattened: (rows, columns, channels)
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        match layer:
            case keras.layers.Conv2D() if isinstance(following, keras.layers.BatchNormalization):
                kernel, shift = _fold(layer, following)
                # Keras stores (rows, columns, in, out), ONNX (out, in, rows, columns).
                chain.add("Conv", kernel.transpose(3, 2, 0, 1), shift, strides=list(layer.strides))
            case keras.layers.BatchNormalization():
                pass  # folded into the convolution
            case keras.layers.ReLU():
                chain.add("Relu")
            case keras.layers.Flatten():
                shape = layer.input.shape[1:]
                chain.add("Flatten")
            case keras.layers.Dense():
                kernel, shift = (np.asarray(weight) for weight in (layer.kernel, layer.bias))
                # Keras flattens with the channels last, ONNX with the channels first.
                kernel = kernel.reshape(*shape, -1).transpose(2, 0, 1, 3).reshape(kernel.shape)
                chain.add("Gemm", kernel, shift)
            case _:
                raise TypeError(f"digits/model/export.py has no ONNX operator for a layer of type {type(layer)}")


def _fold(convolution: keras.layers.Layer, norm: keras.layers.Layer) -> tuple[np.ndarray, np.ndarray]:
    """The kernel and the bias, float32, of one convolution that equals both layers; computed in float64."""
    kernel = np.asarray(convolution.kernel, np.float64)
    gamma, beta, mean, variance = (
        np.asarray(weight, np.float64) for weight in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    )
    scale = gamma / np.sqrt(variance + norm.epsilon)
    return (kernel * scale).astype(np.float32), (beta - mean * scale).astype(np.float32)

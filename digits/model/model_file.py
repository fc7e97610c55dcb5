"""What an ONNX model file contains, apart from what it accepts."""

import math
from pathlib import Path


def count_weights(path: Path) -> int:
    """The learned numbers in a model file; batch normalization is part of the convolutions there."""
    import onnx

    constants = onnx.load(path).graph.initializer
    return sum(math.prod(one.dims) for one in constants if one.dims and one.data_type == onnx.TensorProto.FLOAT)

"""What both peers' services do with the pictures of a request: decode each, and run the project's ONNX file.

The pictures are 28 × 28 PNGs, so that no canonical digit is computed.
"""

import base64
import os

import cv2
import numpy as np
import onnxruntime

WORKERS = int(os.environ["DIGITS_WORKERS"])  # each with one thread


def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(os.environ["DIGITS_ONNX"], options, providers=["CPUExecutionProvider"])


def decode(encoded: list[str]) -> np.ndarray:
    """(n, 28, 28) uint8 of base64 PNGs."""
    data = (np.frombuffer(base64.b64decode(one), np.uint8) for one in encoded)
    return np.stack([cv2.imdecode(one, cv2.IMREAD_GRAYSCALE) for one in data])


def probabilities(net: onnxruntime.InferenceSession, images: np.ndarray) -> np.ndarray:
    """(n, 10) float32 of (n, 28, 28) uint8; all outputs are computed, as the project does."""
    return net.run(None, {"images": images})[[one.name for one in net.get_outputs()].index("probabilities")]

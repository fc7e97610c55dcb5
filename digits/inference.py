"""The shipped model, an ONNX file, run by ONNX Runtime: no training library is imported to read a digit."""

from pathlib import Path

import numpy as np
import onnxruntime

BATCH = 1000  # digits at a time: memory stays flat however many there are


def probabilities(model: Path, images: np.ndarray) -> np.ndarray:
    """Run the ONNX file over (n, 28, 28) uint8 canonical digits; returns (n, 10) float32, rows that sum to 1."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    batches = np.array_split(images, max(1, -(-len(images) // BATCH)))
    return np.concatenate([session.run(["probabilities"], {"images": batch})[0] for batch in batches])

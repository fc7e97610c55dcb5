"""The shipped model, an ONNX file, run by ONNX Runtime: no training library is imported to read a digit."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

BATCH = 1000  # digits at a time: memory stays flat however many there are


class Answers(NamedTuple):
    """What the shipped model says of n digits: `probabilities`, rows that sum to 1, and `logits`; (n, 10) float32."""

    probabilities: np.ndarray
    logits: np.ndarray


def answers(model: Path, images: np.ndarray) -> Answers:
    """Run the ONNX file over (n, 28, 28) uint8 canonical digits."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    batches = np.array_split(images, max(1, -(-len(images) // BATCH)))
    found = [session.run(Answers._fields, {"images": batch}) for batch in batches]
    return Answers(*map(np.concatenate, zip(*found, strict=True)))

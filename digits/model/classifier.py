"""The ONNX model, run by ONNX Runtime: no training library is imported to classify a digit."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from digits.data.dataset import LABELS
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError, printable

# Name, type, and shape of one digit
INPUTS = [("images", "tensor(uint8)", [DIGIT_SIZE, DIGIT_SIZE])]
OUTPUTS = [(name, "tensor(float)", [len(LABELS)]) for name in ("logits", "probabilities")]
BATCH = 1000  # digits in each call of the session: bounds the memory


class Predictions(NamedTuple):
    """What the model predicts for n digits: `probabilities`, rows that sum to 1, and `logits`; (n, 10) float32."""

    probabilities: np.ndarray
    logits: np.ndarray


class Classifier:
    """An ONNX file in one session on the CPU. Raises UserError where the file is missing or is no model."""

    def __init__(self, path: Path) -> None:
        try:
            self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no base class of their own
            reason = str(error) if path.is_file() else "there is no such file"
            raise UserError(f"{printable(path)} can't be loaded as an ONNX model: {reason}") from None
        inputs, outputs = (
            sorted((one.name, one.type, one.shape[1:]) for one in side)
            for side in (self._session.get_inputs(), self._session.get_outputs())
        )
        if (inputs, outputs) != (INPUTS, OUTPUTS):
            raise UserError(f"{printable(path)} takes {inputs} and gives {outputs}; expected {INPUTS} and {OUTPUTS}")

    def predict(self, images: np.ndarray) -> Predictions:
        """Probabilities and logits for (n, 28, 28) uint8 canonical digits; n may be 0."""
        batches = np.array_split(images, max(1, -(-len(images) // BATCH)))
        results = [self._session.run(Predictions._fields, {"images": batch}) for batch in batches]
        return Predictions(*map(np.concatenate, zip(*results, strict=True)))

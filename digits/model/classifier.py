"""The ONNX model, run by ONNX Runtime: no training library is imported to classify a digit."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime

from digits.arrays import Bools, Floats, Pixels
from digits.data.dataset import LABELS
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError, printable
from digits.model.acceptance import CONTRACT, VERSION, Acceptance

# Name, type, and shape of one digit
INPUTS = [("images", "tensor(uint8)", [DIGIT_SIZE, DIGIT_SIZE])]
OUTPUTS_1 = [(name, "tensor(float)", [len(LABELS)]) for name in ("logits", "probabilities")]
OUTPUTS_2 = [("accepted", "tensor(bool)", []), *OUTPUTS_1, ("score", "tensor(float)", [])]
UNLIKE = "looks like no digit"  # begins a reason of refusal by the outlier score
BATCH = 1000  # digits in each call of the session: bounds the memory


class Predictions(NamedTuple):
    """What the model predicts for n digits.

    `probabilities`, (n, 10) float32, rows that sum to 1; `logits`, (n, 10) float32, whose softmax they are; `score`,
    (n,) float32, the outlier score: higher is less like a digit; `accepted`, (n,) bool. Of a file of contract 1 the
    score is nan, and all is accepted.
    """

    probabilities: Floats
    logits: Floats
    score: Floats
    accepted: Bools


class Classifier:
    """An ONNX file in one session on the CPU. Raises UserError where the file is missing or is no model.

    `threads` of the machine compute; None for all cores. `acceptance` is what the file accepts; None for a file of
    contract 1, which has no such outputs.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or 0
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime's exceptions have no base class of their own
            reason = str(error) if path.is_file() else "there is no such file"
            raise UserError(f"{printable(path)} can't be loaded as an ONNX model: {reason}") from None
        self.acceptance = _acceptance(path, self._session.get_modelmeta().custom_metadata_map)
        inputs, outputs = (
            sorted((one.name, one.type, one.shape[1:]) for one in side)
            for side in (self._session.get_inputs(), self._session.get_outputs())
        )
        expected = OUTPUTS_2 if self.acceptance else OUTPUTS_1
        if (inputs, outputs) != (INPUTS, expected):
            raise UserError(f"{printable(path)} takes {inputs} and gives {outputs}; expected {INPUTS} and {expected}")

    def predict(self, images: Pixels, min_probability: float = 0.0) -> Predictions:
        """Predictions for (n, 28, 28) uint8 canonical digits; n may be 0.

        Refused is also what has a lower probability than `min_probability`: a value below the file's changes nothing.
        """
        names = Predictions._fields if self.acceptance else Predictions._fields[:2]
        batches = np.array_split(images, max(1, -(-len(images) // BATCH)))
        results = [self._session.run(names, {"images": batch}) for batch in batches]
        outputs = [np.concatenate(one) for one in zip(*results, strict=True)]
        if not self.acceptance:
            outputs += [np.full(len(images), np.nan, np.float32), np.ones(len(images), bool)]
        found = Predictions(*outputs)
        return found._replace(accepted=found.accepted & (found.probabilities.max(axis=1) >= min_probability))

    def refusal_reasons(self, predictions: Predictions, min_probability: float = 0.0) -> list[str | None]:
        """Why each of n digits is refused, in words; None where it is accepted. `min_probability` as in `predict`."""
        bounds = self._bounds(min_probability)
        columns = (predictions.probabilities.max(axis=1), predictions.score, *self.missed(predictions, min_probability))
        reasons = [_reason(*row, *bounds) for row in zip(*columns, strict=True)]
        return [None if accepted else reason for accepted, reason in zip(predictions.accepted, reasons, strict=True)]

    def missed(self, predictions: Predictions, min_probability: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Two (n,) bool: which digits' probability is below its bound, and which have a score above theirs."""
        lowest, highest = self._bounds(min_probability)
        return predictions.probabilities.max(axis=1) < lowest, predictions.score > highest

    def _bounds(self, min_probability: float) -> tuple[float, float]:
        """The lowest probability and the highest score that are accepted."""
        _, lowest, highest = self.acceptance or Acceptance()
        return max(lowest, min_probability), highest


def _acceptance(path: Path, metadata: dict[str, str]) -> Acceptance | None:
    """What a file with this metadata accepts; None where it has no number of a contract."""
    contract = metadata.get(CONTRACT)
    if contract is None:
        return None
    if contract != VERSION:
        raise UserError(
            f"{printable(path)} has the {CONTRACT} {printable(contract)}, and this version of the project reads up to "
            f"{VERSION}: a newer version wrote it; update the project"
        )
    try:
        return Acceptance.from_texts(metadata)
    except (KeyError, ValueError, ZeroDivisionError):
        raise UserError(
            f"{printable(path)} has the metadata {printable(metadata)}; expected numbers as "
            f"{', '.join(Acceptance().texts())}"
        ) from None


def _reason(
    probability: np.float32, score: np.float32, improbable: bool, unlike: bool, lowest: float, highest: float
) -> str:
    """Which of the two bounds a digit misses."""
    reasons = []
    if unlike:
        found, bound = _distinct(score, highest, "f")
        reasons.append(f"{UNLIKE}: outlier score {found} is above {bound}")
    if improbable:
        found, bound = _distinct(probability, lowest, "%")
        reasons.append(f"probability {found} is below {bound}")
    return " and ".join(reasons)


def _distinct(found: np.float32, bound: float, kind: str) -> list[str]:
    """Both numbers with one decimal, or with more where they would read the same."""
    for decimals in range(1, 9):
        texts = [f"{float(value):.{decimals}{kind}}" for value in (found, bound)]
        if texts[0] != texts[1]:
            break
    return texts

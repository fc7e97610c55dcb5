"""What a model file accepts as a digit: three constants of its graph, which can be set without training again."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from digits.data.dataset import LABELS
from digits.errors import UserError, printable
from digits.files import atomic_write

if TYPE_CHECKING:
    import onnx

CONTRACT = "digits_contract"  # in the file's metadata: the version of its outputs; a file of version 1 has none
VERSION = "2"
CONSTANTS = ("inverse_temperature", "min_probability", "max_score")


class Acceptance(NamedTuple):
    """A prediction is accepted if its largest probability >= `min_probability` and its score <= `max_score`.

    The probabilities are the softmax of the ten logits divided by `temperature` (Guo et al. 2017,
    https://arxiv.org/abs/1706.04599). The outlier score is the log-odds of "no digit", which the temperature leaves
    unchanged. The default accepts everything.
    """

    temperature: float = 1.0
    min_probability: float = 0.0
    max_score: float = math.inf

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> "Acceptance":
        """The inverse of `texts`. Raises KeyError where one is missing, and ValueError where one is no number."""
        inverse, *bounds = (float(texts[name]) for name in CONSTANTS)
        return cls(1 / inverse, *bounds)

    def texts(self) -> dict[str, str]:
        """The graph's constants by name, each as the shortest text that gives the same float32."""
        values = (1 / self.temperature, self.min_probability, self.max_score)
        return {name: str(np.float32(value)) for name, value in zip(CONSTANTS, values, strict=True)}


def apply(network: Path, acceptance: Acceptance, path: Path) -> None:
    """Write the model file `network` with this acceptance to `path`: the same two give the same bytes.

    Raises UserError where `network` is missing or is no model file of this project's present version.
    """
    import onnx

    try:
        model = onnx.load(network)
    except Exception as error:  # of the file system or of protobuf
        raise UserError(
            f"{printable(network)} can't be read as an ONNX model: {error}; `dvc repro` writes it"
        ) from None
    if {one.key: one.value for one in model.metadata_props}.get(CONTRACT) != VERSION:
        raise UserError(f"{printable(network)} has not the {CONTRACT} {VERSION}: `dvc repro` writes it anew")
    set_constants(model, acceptance)
    with atomic_write(path) as temporary:
        onnx.save(model, temporary)


def add_outputs(graph: "onnx.GraphProto", classes: str) -> None:
    """Add to a graph the nodes from `classes`, the eleven logits (n, 11) float32, to the four outputs in place.

    `set_constants` adds the constants that they use.
    """
    from onnx import TensorProto, helper, numpy_helper

    node, tensor = helper.make_node, helper.make_tensor_value_info
    graph.node.extend(
        [
            node("Split", [classes, "class_counts"], ["ten", "no_digit"], axis=1),
            node("Mul", ["ten", "inverse_temperature"], ["logits"]),
            node("Softmax", ["logits"], ["probabilities"], axis=1),
            node("ReduceLogSumExp", ["ten"], ["any_digit"], axes=[1]),
            node("Sub", ["no_digit", "any_digit"], ["score_column"]),
            node("ReduceMax", ["probabilities"], ["probability"], axes=[1]),
            node("GreaterOrEqual", ["probability", "min_probability"], ["is_sure"]),
            node("LessOrEqual", ["score_column", "max_score"], ["is_digit"]),
            node("And", ["is_sure", "is_digit"], ["accepted_column"]),
            node("Squeeze", ["score_column", "second"], ["score"]),
            node("Squeeze", ["accepted_column", "second"], ["accepted"]),
        ]
    )
    fixed = {"class_counts": [len(LABELS), 1], "second": [1]}
    graph.initializer.extend(numpy_helper.from_array(np.array(value), name) for name, value in fixed.items())
    graph.output.extend(tensor(name, TensorProto.FLOAT, ["n", len(LABELS)]) for name in ("probabilities", "logits"))
    graph.output.extend([tensor("score", TensorProto.FLOAT, ["n"]), tensor("accepted", TensorProto.BOOL, ["n"])])


def set_constants(model: "onnx.ModelProto", acceptance: Acceptance) -> None:
    """Set the graph's constants and the metadata in place. Raises ValueError where the acceptance has no meaning."""
    from onnx import helper, numpy_helper

    temperature, min_probability, max_score = acceptance
    if not (0 < temperature < math.inf and 0 <= min_probability <= 1 and not math.isnan(max_score)):
        raise ValueError(f"{acceptance}; expected temperature > 0, min_probability 0 to 1 and a number as max_score")
    texts = acceptance.texts()
    kept = [one for one in model.graph.initializer if one.name not in texts]
    constants = [numpy_helper.from_array(np.array(text, np.float32), name) for name, text in texts.items()]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*kept, *constants])
    del model.metadata_props[:]
    helper.set_model_props(model, {CONTRACT: VERSION, **texts})

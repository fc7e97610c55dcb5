"""Predictions for any number of pictures, a batch at a time: decoded on every core, classified in one session."""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.data import pictures
from digits.model.classifier import Classifier
from digits.prediction.inputs import Listing, PictureInput
from digits.processes import parallel_map

DECIMALS = 6  # of a probability
MAX_BATCHES_AHEAD = 100  # that are decoded before the first is classified: bounds the memory


class Prediction(NamedTuple):
    """The predicted label of a picture, 0 to 9, and its probability, 0 to 1; or the error where it can't be read.

    `path` is the picture's name; `probabilities` are those of all ten labels, and sum to 1.
    """

    path: str
    label: int | None = None
    probability: float | None = None
    error: str | None = None
    probabilities: list[float] | None = None


class DecodedBatch(NamedTuple):
    """The names of n pictures, their canonical digits, (n, 28, 28) uint8, and the error of each that has none."""

    names: list[str]
    digits: np.ndarray
    errors: dict[int, str]


class DecodedPicture(NamedTuple):
    """A picture's pixel values, (height, width) uint8, and canonical digit, (28, 28) uint8; or the error."""

    pixels: np.ndarray | None
    digit: np.ndarray | None
    error: str | None


def decode_batches(listing: Listing, is_ready: Callable[[], bool], skip: int = 0) -> Iterator[DecodedBatch]:
    """Decode each batch of the listing, in order, without the first `skip`.

    Pictures are decoded at once until `is_ready`, since they would wait for it later; the others when they are taken.
    """
    decoded = parallel_map(_decode_batch, islice(listing.batches(), skip, None), listing.workload)
    ahead = []
    for batch in decoded:
        ahead.append(batch)
        if is_ready() or len(ahead) == MAX_BATCHES_AHEAD:
            break
    return chain(ahead, decoded)


def classify(batch: DecodedBatch, classifier: Callable[[], Classifier]) -> list[Prediction]:
    """The predictions of a batch. `classifier` gives the model; it is not called where the batch has no digit."""
    readable = [position for position in range(len(batch.names)) if position not in batch.errors]
    probabilities = np.zeros((len(batch.names), 10))
    if readable:
        probabilities[readable] = classifier().predict(batch.digits[readable]).probabilities
    return [
        Prediction(name, error=batch.errors[position])
        if position in batch.errors
        else _prediction(name, probabilities[position])
        for position, name in enumerate(batch.names)
    ]


def decode(content: Path | bytes | np.ndarray | None) -> DecodedPicture:
    """Decode the content of one `PictureInput`; where it has no digit, the error says why."""
    if isinstance(content, np.ndarray):
        return DecodedPicture(content, content, None)
    if content is None:
        return DecodedPicture(None, None, "has no picture: its bytes are null")
    pixels = None
    try:
        pixels = pictures.decode(content.read_bytes() if isinstance(content, Path) else content).pixels
        return DecodedPicture(pixels, pictures.canonical_digit(pixels), None)
    except OSError as error:
        return DecodedPicture(None, None, f"can't be read: {error.strerror or error}")
    except ValueError as error:  # PictureError, or a null byte in a path
        return DecodedPicture(pixels, None, str(error))


def _decode_batch(batch: list[PictureInput]) -> DecodedBatch:
    """Pictures of one size are converted together; one that gives no digit is decoded again, for its error."""
    names, contents = zip(*batch, strict=True)
    digits = pictures.decode_canonical_batch(map(_encoded, contents))
    errors = {}
    for position, content in enumerate(contents):
        if isinstance(content, np.ndarray):
            digits[position] = content
        elif not digits[position].any():
            errors[position] = decode(content).error or "blank"
    return DecodedBatch(list(names), digits, errors)


def _encoded(content: Path | bytes | np.ndarray | None) -> bytes:
    """The encoded picture, empty where there is none or it can't be read."""
    try:
        return content.read_bytes() if isinstance(content, Path) else content if isinstance(content, bytes) else b""
    except (OSError, ValueError):
        return b""


def _prediction(name: str, probabilities: np.ndarray) -> Prediction:
    label, rounded = int(probabilities.argmax()), probabilities.round(DECIMALS).tolist()
    return Prediction(name, label, rounded[label], None, rounded)

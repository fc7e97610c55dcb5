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

    `path` is the picture's name; `probabilities` are those of all ten labels, and sum to 1. Where `accepted` is False
    `reason` says why, and label and probability are the best guess: a blank picture has none.
    """

    path: str
    label: int | None = None
    probability: float | None = None
    accepted: bool | None = None
    reason: str | None = None
    error: str | None = None
    probabilities: list[float] | None = None


class DecodedBatch(NamedTuple):
    """The names of n pictures and their canonical digits, (n, 28, 28) uint8.

    `errors` has why a picture can't be read, and `blank` why it has no ink, by their positions: these have no digit.
    """

    names: list[str]
    digits: np.ndarray
    errors: dict[int, str]
    blank: dict[int, str]


class DecodedPicture(NamedTuple):
    """A picture's pixel values, (height, width) uint8, and canonical digit, (28, 28) uint8.

    Without a digit either `error` says why it can't be read, or `blank` why it has no ink.
    """

    pixels: np.ndarray | None = None
    digit: np.ndarray | None = None
    error: str | None = None
    blank: str | None = None


def decode_batches(listing: Listing, is_ready: Callable[[], bool], skip: int = 0) -> Iterator[DecodedBatch]:
    """Decode each batch of the listing, in order, without the first `skip`.

    Pictures are decoded at once until `is_ready`, since they would wait for it later; the others when they are taken.
    """
    decoded = parallel_map(decode_batch, islice(listing.batches(), skip, None), listing.workload)
    ahead = []
    for batch in decoded:
        ahead.append(batch)
        if is_ready() or len(ahead) == MAX_BATCHES_AHEAD:
            break
    return chain(ahead, decoded)


def classify(
    batch: DecodedBatch, classifier: Callable[[], Classifier], min_probability: float = 0.0
) -> list[Prediction]:
    """The predictions of a batch. `classifier` gives the model; it is not called where the batch has no digit.

    `min_probability` refuses more than the model does, as in `Classifier.predict`.
    """
    names = batch.names
    found = {position: Prediction(names[position], error=error) for position, error in batch.errors.items()}
    for position, why in batch.blank.items():
        found[position] = Prediction(names[position], accepted=False, reason=why)
    digits = [position for position in range(len(names)) if position not in found]
    if digits:
        model = classifier()
        predicted = model.predict(batch.digits[digits], min_probability)
        reasons = model.refusal_reasons(predicted, min_probability)
        labels = predicted.probabilities.argmax(axis=1).tolist()
        rounded = predicted.probabilities.astype(float).round(DECIMALS).tolist()
        for position, label, row, reason in zip(digits, labels, rounded, reasons, strict=True):
            found[position] = Prediction(names[position], label, row[label], reason is None, reason, None, row)
    return [found[position] for position in range(len(names))]


def decode(content: Path | bytes | np.ndarray | None) -> DecodedPicture:
    """Decode the content of one `PictureInput`; where it has no digit, `error` or `blank` says why."""
    if content is None:
        return DecodedPicture(error="has no picture: its bytes are null")
    if isinstance(content, np.ndarray):
        return DecodedPicture(content, content) if content.any() else DecodedPicture(content, blank="blank: no ink")
    pixels = None
    try:
        pixels = pictures.decode(content.read_bytes() if isinstance(content, Path) else content).pixels
        return DecodedPicture(pixels, pictures.canonical_digit(pixels))
    except pictures.BlankPictureError as error:
        return DecodedPicture(pixels, blank=str(error))
    except OSError as error:
        return DecodedPicture(error=f"can't be read: {error.strerror or error}")
    except ValueError as error:  # PictureError, or a null byte in a path
        return DecodedPicture(error=str(error))


def decode_batch(batch: list[PictureInput]) -> DecodedBatch:
    """Pictures of one size are converted together; one that gives no digit is decoded again, to know why."""
    names, contents = zip(*batch, strict=True)
    digits = pictures.decode_canonical_batch(map(_encoded, contents))
    errors, blank = {}, {}
    for position, content in enumerate(contents):
        if isinstance(content, np.ndarray):
            digits[position] = content
        if digits[position].any():
            continue
        decoded = decode(content)
        if decoded.error is not None:
            errors[position] = decoded.error
        else:
            blank[position] = decoded.blank or "blank"
    return DecodedBatch(list(names), digits, errors, blank)


def _encoded(content: Path | bytes | np.ndarray | None) -> bytes:
    """The encoded picture, empty where there is none or it can't be read."""
    try:
        return content.read_bytes() if isinstance(content, Path) else content if isinstance(content, bytes) else b""
    except (OSError, ValueError):
        return b""

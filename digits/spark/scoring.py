"""Predictions for any number of pictures, in Spark's tasks: an ONNX session in each Python process, used again."""

import shutil
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from digits.data import shards
from digits.data.shards import Destination
from digits.errors import UserError, printable
from digits.files import digest
from digits.model.classifier import Classifier
from digits.prediction import batches, files
from digits.prediction.batches import Prediction
from digits.prediction.parts import Part
from digits.spark import tasks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


SHARED = "--out must be a folder that all machines of the cluster share"


class Scoring(NamedTuple):
    """A part to score with the ONNX file `model`, in the folder that the predictions go to; see `batches.classify`."""

    part: Part
    model: Path
    min_probability: float


def score(spark: "SparkSession", parts: Sequence[Part], model: Path, min_probability: float, folder: Path) -> None:
    """Write the predictions of each part to a file in `folder`: one file, whole, at the end of the part's task.

    Raises UserError where an executor has another folder of that path than this machine, or none.
    """
    # Where all machines see it; named by its content, since a process keeps its session
    copy = folder.absolute() / f".partial-{digest(model, 'sha256')}.onnx"
    shutil.copy(model, copy)
    try:
        tasks.run(spark, score_part, [Scoring(part, copy, min_probability) for part in parts], "predict")
    finally:
        copy.unlink(missing_ok=True)
    if lost := sum(not (folder / shards.part_name(part.number)).is_file() for part in parts):
        raise UserError(f"{printable(folder)}: {lost:,} of {len(parts):,} parts were written elsewhere: {SHARED}")


def score_part(work: Scoring) -> int:
    """In an executor: write a part's predictions; returns how many."""
    folder = work.model.parent
    if not work.model.is_file():
        raise UserError(f"{folder} is not there on an executor's machine: {SHARED}")
    destination = Destination(folder)
    return shards.write(destination, work.part.number, files.SCHEMA, files.tables(_predictions(work))).rows


def _predictions(work: Scoring) -> Iterator[Prediction]:
    for batch in work.part.batches():
        decoded = batches.decode_batch(batch)
        yield from batches.classify(decoded, lambda: _classifier(work.model), work.min_probability)


@cache
def _classifier(model: Path) -> Classifier:
    """The model's session in this process: one thread, since there is a process for each core."""
    return Classifier(model, threads=1)

"""Predictions for any number of pictures, in Spark's tasks: an ONNX session in each Python process, used again."""

import shutil
import tempfile
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
    """A part to score with the ONNX file `model`, which Spark has copied to the executors; see `batches.classify`."""

    part: Part
    folder: Path
    model: str
    min_probability: float


def score(spark: "SparkSession", parts: Sequence[Part], model: Path, min_probability: float, folder: Path) -> None:
    """Write the predictions of each part to a file in `folder`: one file, whole, at the end of the part's task.

    Raises UserError where an executor has another folder of that path than this machine, or none.
    """
    with tempfile.TemporaryDirectory() as temporary:
        # Named by its content, since Spark keeps one file of a name
        copy = shutil.copy(model, Path(temporary, f"{digest(model, 'sha256')}.onnx"))
        spark.sparkContext.addFile(str(copy))
        work = [Scoring(part, folder.absolute(), Path(copy).name, min_probability) for part in parts]
        tasks.run(spark, score_part, work, "predict")
    if lost := sum(not (folder / shards.part_name(part.number)).is_file() for part in parts):
        raise UserError(f"{printable(folder)}: {lost:,} of {len(parts):,} parts were written elsewhere: {SHARED}")


def score_part(work: Scoring) -> int:
    """In an executor: write a part's predictions; returns how many."""
    if not work.folder.is_dir():
        raise UserError(f"{work.folder} is not there on an executor's machine: {SHARED}")
    destination = Destination(work.folder)
    return shards.write(destination, work.part.number, files.SCHEMA, files.tables(_predictions(work))).rows


def _predictions(work: Scoring) -> Iterator[Prediction]:
    for batch in work.part.batches():
        decoded = batches.decode_batch(batch)
        yield from batches.classify(decoded, lambda: _classifier(work.model), work.min_probability)


@cache
def _classifier(name: str) -> Classifier:
    """The model's session in this process: one thread, since there is a process for each core."""
    from pyspark import SparkFiles

    return Classifier(Path(SparkFiles.get(name)), threads=1)

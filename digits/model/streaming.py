"""Training data that is streamed from Parquet through a shuffle buffer, where memory is not to hold all of it."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.addresses import redact
from digits.data import dataset, shards, stream
from digits.data.dataset import NO_DIGIT, ROWS_PER_GROUP, Digits
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError
from digits.model.augmentation import AUGMENTATION_PARAMETERS, sample_augmentation
from digits.model.parts import Part
from digits.model.shuffling import ShuffleBuffer, shuffled, spread
from digits.params import Train
from digits.paths import NON_DIGITS, PAGE_CUTS, PROCESSED

# Bytes of a picture: when all are in memory, with what belongs to it (measured: 1,900), in the buffer, and in a batch
IN_MEMORY, IN_BUFFER = 2500, DIGIT_SIZE**2 + 8
IN_BATCH = DIGIT_SIZE**2 + 4 * (AUGMENTATION_PARAMETERS + NO_DIGIT + 1)
READING = 4 * 2**20  # bytes: of a chunk, while it is decompressed and converted
AHEAD = 8  # batches that are made before they are needed
CHUNKS = 32  # in the buffer, where row groups are small enough: fewer mix badly what is sorted by its label


class Batch(NamedTuple):
    """`images` (b, 28, 28) uint8, `augmentation` (b, AUGMENTATION_PARAMETERS) float32, `one_hot` (b, 11) float32."""

    images: np.ndarray
    augmentation: np.ndarray
    one_hot: np.ndarray


class Stream:
    """The batches of each epoch, of tables that memory does not hold.

    An epoch reads all chunks of the tables in a random order into a buffer, as large as `train.max_memory_mib` allows,
    and takes the batches from it at random. The same seed, files and size of the buffer give the same batches. With
    several processes each gets its part of every batch, and all parts together are the batches of one process.

    Raises UserError where `train.max_memory_mib` is too small.
    """

    images = None  # on the device

    def __init__(self, tables: Sequence[Path], params: Train, process: int = 0, processes: int = 1) -> None:
        self.tables, self.params, self.process, self.processes = tables, params, process, processes
        room = _room(params)
        self.chunks = stream.chunks(tables, min(ROWS_PER_GROUP, room // CHUNKS))
        self.rows = sum(chunk.rows for chunk in self.chunks)
        shared_by = params.devices * processes
        self.batch = min(params.batch_size, self.rows) // shared_by * shared_by
        self.steps = self.rows // self.batch  # an incomplete last batch is dropped
        self.capacity = min(self.rows, room)  # of the buffer, in pictures
        if self.capacity < self.rows:
            _check_room(room, self.chunks, self.batch, params)

    def key(self) -> str:
        """What determines the batches, apart from the parameters: the files and the size of the buffer."""
        return json.dumps([self.capacity, *map(stream.content_hash, self.tables)])

    def batches(self, epoch: int) -> Iterator[Batch]:
        """This process's part of each batch of an epoch, `steps` of them."""
        random = np.random.default_rng((self.params.seed, epoch, 1))
        order = spread(self.chunks, self.capacity * len(self.chunks) // self.rows, random)
        share = self.batch // self.processes
        part = slice(self.process * share, (self.process + 1) * share)
        classes, step = np.eye(NO_DIGIT + 1, dtype=np.float32), 0
        for several in shuffled(stream.read(order), ShuffleBuffer(self.capacity), self.batch, random, part):
            for first in range(0, len(several.labels), share):
                images, labels = (column[first : first + share] for column in several)
                augmentation = sample_augmentation(self.params.seed, epoch, self.batch, step)[part]
                yield Batch(images, augmentation, classes[labels])
                step += 1


def _room(params: Train) -> int:
    """The pictures for which the buffer has room; below 0 where not even the batches have."""
    return int((params.max_memory_mib * 2**20 - READING - AHEAD * params.batch_size * IN_BATCH) // IN_BUFFER)


def _check_room(room: int, chunks: Sequence[stream.Chunk], batch: int, params: Train) -> None:
    largest = max(chunks, key=lambda chunk: chunk.rows)
    missing = largest.rows + batch - room
    if missing > 0:
        raise UserError(
            f"train.max_memory_mib = {params.max_memory_mib:g} is too little for batches of {batch:,} pictures and "
            f"{largest.rows:,} that {redact(largest.file)} has in one row group: set it to "
            f"{math.ceil(params.max_memory_mib + missing * IN_BUFFER / 2**20)} or more in params.yaml"
        )


def load(params: Train, process: int = 0, processes: int = 1) -> tuple[Digits | Stream | Part, Digits | Path]:
    """What the pipeline trains on and its validation split: in memory, or streamed where they need more of it.

    A validation split that is streamed is given by its path, as it also is to several processes, which get their part
    of what is trained on.
    """
    tables, validation = [PROCESSED / "train.parquet", NON_DIGITS, PAGE_CUTS], PROCESSED / "validation.parquet"
    rows = sum(map(shards.count_rows, [*tables, validation]))
    if rows * IN_MEMORY <= params.max_memory_mib * 2**20:
        if processes > 1:
            return Part(tables, params, process, processes), validation
        return dataset.read_training(), dataset.read_processed("validation")
    return Stream(tables, params, process, processes), validation


def description(train: Digits | Stream | Part) -> str:
    """What is trained on, as text."""
    if isinstance(train, Stream):
        return f"{train.rows:,} pictures, streamed with {train.capacity:,} in memory"
    if isinstance(train, Part):
        return f"{train.rows:,} pictures"
    digits = np.count_nonzero(train.labels != NO_DIGIT)
    return f"{digits:,} digits and {len(train.labels) - digits:,} pictures of no digit"

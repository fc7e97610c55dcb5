"""Training data that is streamed from Parquet through a shuffle buffer, where memory is not to hold all of it."""

import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.addresses import redact
from digits.arrays import Floats, Pixels
from digits.data import processed_tables, stream, training_tables
from digits.data.dataset import NO_DIGIT, ROWS_PER_GROUP, Digits
from digits.data.stacks import DIGIT_SIZE
from digits.errors import UserError
from digits.model import training_data
from digits.model.augmentation_values import AUGMENTATION_PARAMETERS, sample_augmentation
from digits.model.distribution import whole_batches
from digits.model.process_share import ProcessShare
from digits.model.shuffling import ShuffleBuffer, shuffled, spread
from digits.model.training_data import TABLES, VALIDATION
from digits.params import Train

# Bytes of a picture, in the buffer and in a batch
BYTES_IN_BUFFER = DIGIT_SIZE**2 + 8
BYTES_IN_BATCH = DIGIT_SIZE**2 + 4 * (AUGMENTATION_PARAMETERS + NO_DIGIT + 1)
READING_BYTES = 4 * 2**20  # bytes: of a chunk, while it is decompressed and converted
BATCHES_AHEAD = 8  # batches that are made before they are needed
MIN_CHUNKS_IN_BUFFER = 32  # where row groups are small enough: fewer mix badly what is sorted by its label


class Batch(NamedTuple):
    """`images` (b, 28, 28) uint8, `augmentation` (b, AUGMENTATION_PARAMETERS) float32, `one_hot` (b, 11) float32."""

    images: Pixels
    augmentation: Floats
    one_hot: Floats


class Stream:
    """The batches of each epoch, of tables that memory does not hold.

    An epoch reads all chunks of the tables in a random order into a buffer, as large as `train.max_memory_mib` allows,
    and takes the batches from it at random. The same seed, files and size of the buffer give the same batches. With
    several processes each gets its part of every batch, and all parts together are the batches of one process.

    Raises UserError where `train.max_memory_mib` is too small.
    """

    images = None  # no digits are on the device

    def __init__(self, tables: Sequence[Path], params: Train, process: int = 0, processes: int = 1) -> None:
        self.tables, self.params, self.process, self.processes = tables, params, process, processes
        row_groups = stream.chunks(tables, rows=0)
        self.rows = sum(group.rows for group in row_groups)
        self.batch, self.steps = whole_batches(self.rows, params, processes)
        self.capacity = min(self.rows, _max_capacity(params))  # of the buffer, in pictures
        self.chunks = stream.joined(row_groups, min(ROWS_PER_GROUP, self.capacity // MIN_CHUNKS_IN_BUFFER))
        if self.capacity < self.rows:
            _check_capacity(self.capacity, self.chunks, self.batch, params)

    def key(self) -> str:
        """What determines the batches, apart from the parameters: the files, their chunks and the buffer's size."""
        chunks = [chunk[1:] for chunk in self.chunks]  # without addresses
        return json.dumps([self.capacity, chunks, *map(stream.content_hash, self.tables)])

    def batches(self, epoch: int) -> Iterator[Batch]:
        """This process's part of each batch of an epoch, `steps` of them."""
        random = np.random.default_rng((self.params.seed, epoch, 1))
        order = spread(self.chunks, self.capacity * len(self.chunks) // self.rows, random)
        share = self.batch // self.processes
        part = slice(self.process * share, (self.process + 1) * share)
        classes, step = np.eye(NO_DIGIT + 1, dtype=np.float32), 0
        for several in shuffled(stream.read(order), ShuffleBuffer(self.capacity), self.batch, random, part):
            for first in range(0, len(several.labels), share):
                images, labels = several.images[first : first + share], several.labels[first : first + share]
                augmentation = sample_augmentation(self.params.seed, epoch, self.batch, step)[part]
                yield Batch(images, augmentation, classes[labels])
                step += 1


def _max_capacity(params: Train) -> int:
    """The pictures that the buffer may hold; below 0 where the batches alone need more memory."""
    return int(
        (params.max_memory_mib * 2**20 - READING_BYTES - BATCHES_AHEAD * params.batch_size * BYTES_IN_BATCH)
        // BYTES_IN_BUFFER
    )


def _check_capacity(capacity: int, chunks: Sequence[stream.Chunk], batch: int, params: Train) -> None:
    largest = max(chunks, key=lambda chunk: chunk.rows)
    missing = largest.rows + batch - capacity
    if missing > 0:
        raise UserError(
            f"train.max_memory_mib = {params.max_memory_mib:g} is too little for batches of {batch:,} pictures and "
            f"{largest.rows:,} that {redact(largest.file)} has in one row group: set it to "
            f"{math.ceil(params.max_memory_mib + missing * BYTES_IN_BUFFER / 2**20)} or more in params.yaml"
        )


def load(params: Train, process: int = 0, processes: int = 1) -> tuple[Digits | Stream | ProcessShare, Digits | Path]:
    """What the pipeline trains on and its validation split: in memory, or streamed where they need more of it.

    A validation split that is streamed is given by its path, as it also is to several processes, which get their share
    of what is trained on. The bound `train.max_memory_mib` is for each process, so that the batches are those of one.
    """
    if not training_data.fits_in_memory(params):
        return Stream(TABLES, params, process, processes), VALIDATION
    if processes > 1:
        return ProcessShare(TABLES, params, process, processes), VALIDATION
    return training_tables.read_training(), processed_tables.read_processed("validation")


def description(train: Digits | Stream | ProcessShare) -> str:
    """What is trained on, as text."""
    if isinstance(train, Stream):
        return f"{train.rows:,} pictures, streamed with {train.capacity:,} in memory"
    if isinstance(train, ProcessShare):
        return f"{train.rows:,} pictures"
    digits = np.count_nonzero(train.labels != NO_DIGIT)
    return f"{digits:,} digits and {len(train.labels) - digits:,} pictures of no digit"

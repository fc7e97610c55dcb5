"""One process's share of training data which fits in memory, where several processes train together."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from digits.arrays import Ints
from digits.data import stream
from digits.data.dataset import NO_DIGIT, ROWS_PER_GROUP, Digits
from digits.data.stacks import DIGIT_SIZE
from digits.model.augmentation_values import sample_augmentation
from digits.model.distribution import whole_batches
from digits.model.shuffling import epoch_rows
from digits.params import Train


class ProcessShare:
    """A process's rows of each batch, in the batches that one process makes of the same data.

    Each epoch's order is that of all rows, so that any process can need any row: before each epoch the files are read
    through, and only the rows that this process needs in it are kept, with their augmentation.
    """

    images = None  # no digits are on the device

    def __init__(self, tables: Sequence[Path], params: Train, process: int, processes: int) -> None:
        self.tables, self.params, self.process, self.processes = tables, params, process, processes
        self.chunks = stream.chunks(tables, ROWS_PER_GROUP)
        self.rows = sum(chunk.rows for chunk in self.chunks)
        self.batch, self.steps = whole_batches(self.rows, params, processes)

    def key(self) -> str:
        """What determines the batches, apart from the parameters: the files."""
        return json.dumps([stream.content_hash(table) for table in self.tables])

    @contextmanager
    def epoch(self, epoch: int) -> Iterator[dict[str, Any]]:
        """This process's rows of an epoch's batches, as arguments of `keras.Model.fit`."""
        size = self.batch // self.processes
        own = np.arange(self.steps * self.batch, dtype=np.int32) // size % self.processes == self.process
        order = epoch_rows(self.params.seed, epoch, self.rows)
        digits = self._read(order[: len(own)][own])
        augmentation = sample_augmentation(self.params.seed, epoch, len(own), chosen=own)
        one_hot = np.eye(NO_DIGIT + 1, dtype=np.float32)[digits.labels]
        yield {"x": [digits.images, augmentation], "y": one_hot, "batch_size": size}

    def _read(self, rows: Ints) -> Digits:
        """The digits at these rows of the tables, in this order, holding one chunk more than these at a time."""
        images, labels = np.empty((len(rows), DIGIT_SIZE, DIGIT_SIZE), np.uint8), np.empty(len(rows), np.int64)
        places = np.argsort(rows)
        sorted_rows, first = rows[places], 0
        for digits in stream.read(self.chunks):
            start, end = np.searchsorted(sorted_rows, [first, first + len(digits.labels)])
            wanted, to = sorted_rows[start:end] - first, places[start:end]
            images[to], labels[to] = digits.images[wanted], digits.labels[wanted]
            first += len(digits.labels)
        return Digits(images, labels)

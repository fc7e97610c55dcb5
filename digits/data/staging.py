"""Pictures on disk between the two passes of ingest: one's split may depend on a near duplicate that comes later."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from tqdm import tqdm

from digits import paths
from digits.arrays import Ints, Pixels
from digits.data import dataset, pictures, raw_tables, shards, splits
from digits.data.raw_tables import Example
from digits.data.sources import SourcePicture
from digits.data.statistics import THUMBNAIL_SIZE, compute_thumbnails
from digits.files import remove
from digits.processes import parallel_map

SIDES = {"train": splits.TRAIN, "test": splits.TEST, None: splits.UNPUBLISHED}
SCHEMA = pa.schema({"data": pa.binary(), "path": pa.string(), "label": pa.int64(), "source": dataset.SOURCE})


class Fingerprints(NamedTuple):
    """Of n pictures, in their order: what their splits are assigned by.

    `digests` (n,) 'S32' of `pictures.pixel_digest`, `thumbnails` (n, 196) uint8, without ink for a picture that has no
    digit, and `published` (n,) int8, each one's side as published.
    """

    digests: np.ndarray
    thumbnails: Pixels
    published: Ints


class Staging:
    """A Parquet file of pictures whose splits are not known yet, at a path or an address. See `staging`."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)

    def fill(self, source: Iterable[SourcePicture]) -> Fingerprints:
        """Write all pictures to the file, and return their fingerprints, computed on every core where there are many.

        A row group of pictures is in memory at once, and one in each process.
        """
        published, costs = [np.zeros(0, np.int8)], []
        with pq.ParquetWriter(self._path, SCHEMA, compression="none") as writer:
            for batch in batches(source):
                writer.write_table(to_table(batch))
                published.append(published_sides(batch))
                size = sum(len(picture.data) for picture in batch)
                costs.append(max(len(batch), size // raw_tables.BYTES_PER_SMALL_PICTURE))
        count = sum(map(len, published))
        digests, thumbnails = np.zeros(count, "S32"), np.zeros((count, THUMBNAIL_SIZE**2), np.uint8)
        first = 0
        with tqdm(desc="hashes", total=count, unit=" pictures", disable=None) as progress:
            for some, small in parallel_map(partial(fingerprint, self._path), range(len(costs)), sum(costs)):
                rows = slice(first, first + len(small))
                digests[rows], thumbnails[rows] = np.frombuffer(some, "S32"), small
                progress.update(len(small))
                first = rows.stop
        return Fingerprints(digests, thumbnails, np.concatenate(published))

    def examples(self, digests: np.ndarray, split: Ints, labels: Ints) -> Iterator[Example]:
        """The pictures in their order, each in its (n,) `split` with its (n,) label, without those that are dropped."""
        first = 0
        with shards.opened(self._path) as file:
            for number in range(file.num_row_groups):
                rows = file.metadata.row_group(number).num_rows
                kept = np.flatnonzero(split[first : first + rows] != splits.DROPPED)
                if len(kept):
                    table = file.read_row_group(number, SCHEMA.names).take(kept)
                    columns = [column.to_pylist() for column in table.columns]
                    for row, (data, path, _, source) in zip(first + kept, zip(*columns, strict=True), strict=True):
                        digest, label = splits.whole(digests[row]), int(labels[row])
                        yield Example(dataset.SPLITS[split[row]], data, path, label, digest, source)
                first += rows

    def paths(self) -> list[str]:
        """The paths of all pictures, in their order."""
        found: list[str] = self.read(["path"])["path"].to_pylist()
        return found

    def labels(self) -> npt.NDArray[np.int64]:
        """(n,) int64: the labels of all pictures, in their order, as their sources give them."""
        found: npt.NDArray[np.int64] = self.read(["label"])["label"].to_numpy().copy()
        return found

    def read(self, columns: list[str]) -> pa.Table:
        """Some columns of all pictures, in their order."""
        with shards.opened(self._path) as file:
            return file.read(columns)


@contextmanager
def staging() -> Iterator[Staging]:
    """An empty file for pictures in the folder of the raw data, removed at the end."""
    path = paths.RAW.with_name(".partial-pictures.parquet")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield Staging(path)
    finally:
        remove(path)


def fingerprint(path: str, number: int) -> tuple[bytes, np.ndarray]:
    """The digests of a row group's pictures, 32 bytes each, and their (n, 196) uint8 thumbnails."""
    with pq.ParquetFile(path) as file:
        return fingerprint_pictures(file.read_row_group(number, columns=["data"])["data"].to_pylist())


def fingerprint_pictures(encoded: Sequence[bytes]) -> tuple[bytes, np.ndarray]:
    """The same of n encoded pictures."""
    digests = b"".join(map(pictures.pixel_digest, encoded))
    return digests, compute_thumbnails(pictures.decode_canonical_batch(encoded)).reshape(len(encoded), -1)


def to_table(batch: Sequence[SourcePicture]) -> pa.Table:
    """Pictures as a table of SCHEMA."""
    data, path, label, _, names = zip(*batch, strict=True)
    columns = {"data": data, "path": path, "label": label, "source": pa.array(names, dataset.SOURCE)}
    return pa.table(columns, schema=SCHEMA)


def published_sides(batch: Sequence[SourcePicture]) -> np.ndarray:
    """(n,) int8: each picture's side as published, as `splits.assign` takes it."""
    return np.array([SIDES[picture.published] for picture in batch], np.int8)


def batches(source: Iterable[SourcePicture]) -> Iterator[list[SourcePicture]]:
    """The pictures in lists that fill a row group."""
    batch: list[SourcePicture] = []
    size = 0
    for picture in source:
        batch.append(picture)
        size += len(picture.data)
        if len(batch) == dataset.ROWS_PER_GROUP or size >= raw_tables.BYTES_PER_GROUP:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch

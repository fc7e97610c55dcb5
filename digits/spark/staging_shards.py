"""The pictures of the sources with their fingerprints, in shards of their order, until their splits are known."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from digits.data import shards, sources, staging
from digits.data.shards import Destination
from digits.data.sources import Portion, SourcePicture
from digits.data.staging import Staging
from digits.data.statistics import THUMBNAIL_SIZE
from digits.params import Params
from digits.spark import destinations, tasks

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FINGERPRINTS = {"digest": pa.binary(32), "thumbnail": pa.binary(THUMBNAIL_SIZE**2), "published": pa.int8()}
BYTES_PER_SHARD = 256 << 20  # of encoded pictures: a shard of photographs has fewer of them
SCHEMA = pa.unify_schemas([staging.SCHEMA, pa.schema(FINGERPRINTS)])


class Staged(NamedTuple):
    """A shard that is written: its address, its rows and the source that they are from."""

    address: str
    rows: int
    source: str


class _Item(NamedTuple):
    portion: Portion
    destination: Destination
    pictures_per_shard: int


def write(spark: "SparkSession", params: Params, place: Destination) -> list[Staged]:
    """Write all pictures of the sources, each portion in shards of its own; returns these in the pictures' order.

    Raises UserError where a source has no pictures.
    """
    size = params.spark.pictures_per_shard
    portions = enumerate(sources.portions(params.ingest, size))
    items = [_Item(portion, destinations.inside(place, str(number)), size) for number, portion in portions]
    staged = [one for some in tasks.run(spark, _write_portion, items, "ingest") for one in some]
    for name in params.ingest.sources:
        if not any(one.source == name for one in staged):
            raise sources.no_pictures(name)
    return staged


def names(item: tuple[str, Sequence[int]]) -> dict[int, str]:
    """The paths of the pictures at some rows of a shard, which is given by its address."""
    address, rows = item
    found = Staging(address).paths()
    return {row: found[row] for row in rows}


def _write_portion(item: _Item) -> list[Staged]:
    """Write a portion's pictures. A row group of them is in memory at once."""
    found = []
    pictures = item.portion.pictures()
    for number, first in enumerate(pictures):
        some = _bounded(itertools.chain([first], pictures), item.pictures_per_shard)
        shard = shards.write(item.destination, number, SCHEMA, _tables(some))
        found.append(Staged(item.destination.address(shard), shard.rows, item.portion.source))
    return found


def _bounded(pictures: Iterator[SourcePicture], most: int) -> Iterator[SourcePicture]:
    """The next pictures, up to `most`, fewer where they have BYTES_PER_SHARD."""
    size = 0
    for picture in itertools.islice(pictures, most):
        yield picture
        size += len(picture.data)
        if size >= BYTES_PER_SHARD:
            return


def _tables(pictures: Iterable[SourcePicture]) -> Iterator[pa.Table]:
    for batch in staging.batches(pictures):
        digests, thumbnails = staging.fingerprint_pictures([picture.data for picture in batch])
        table = staging.to_table(batch)
        for name, values in (("digest", np.frombuffer(digests, "V32")), ("thumbnail", thumbnails)):
            rows = [row.tobytes() for row in values]
            table = table.append_column(name, pa.array(rows, FINGERPRINTS[name]))
        yield table.append_column("published", pa.array(staging.published_sides(batch)))

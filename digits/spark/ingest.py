"""Ingest on Spark: pictures go from their source to staging shards, and from each of these to raw shards, in order.

The driver holds some hundred bytes a shard, the file names of the source `folder`, and what it lists: pictures that are
dropped or corrected. Of a picture only its digest and thumbnail are shuffled, to find the groups of near duplicates.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from digits import paths
from digits.data import dataset, shards, splits
from digits.data.corrections import Correction, not_found
from digits.data.ingested import DroppedPicture, Ingested, lists
from digits.errors import printable
from digits.files import atomic_write
from digits.params import Params
from digits.spark import assignment, destinations, raw_shards, staging_shards, tasks
from digits.spark.raw_shards import Job, WrittenShard
from digits.spark.session import session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def ingest(params: Params, given: dict[str, Correction]) -> Ingested:
    """Read all pictures, assign them their splits and write data/raw, with the corrections `given`.

    Raises UserError, and leaves the last data as they are, where a source has no pictures or can't be read.
    """
    with session(params.spark) as spark:
        return ingest_with(spark, params, given)


def ingest_with(spark: "SparkSession", params: Params, given: dict[str, Correction]) -> Ingested:
    """The same with a session that is there."""
    with destinations.temporary(params.spark.storage, paths.RAW.with_name(".partial-pictures")) as place:
        staged = staging_shards.write(spark, params, place)
        assigned = assignment.assign(spark, staged, params.ingest, place)
        rule = splits.rule(params.ingest)
        with atomic_write(paths.RAW) as temporary:
            temporary.mkdir()
            job = Job(given, rule, destinations.of_splits(params.spark.storage, temporary, paths.RAW))
            written = tasks.run(spark, partial(raw_shards.write, job), assigned, "raw")
            dropped = _dropped(spark, staged, written)
            effects = [row for one in written for row in one.effects]
            effects += not_found(given, effects)
            rows = _finish(job, written)
            for name, text in lists(dropped, effects).items():
                (temporary / name).write_text(text, encoding="utf-8")
    return Ingested(rows, _by_source(written), np.sum([one.tally for one in written], axis=0), effects)


def _finish(job: Job, written: Sequence[WrittenShard]) -> dict[str, int]:
    """Complete the tables; returns their rows by split."""
    return {
        split: shards.finish(place, [one.shards[split] for one in written], job.schema)
        for split, place in job.destinations.items()
    }


def _by_source(written: Sequence[WrittenShard]) -> dict[str, dict[str, int]]:
    """The pictures of each source, by name, in each split, as `dataset.count_sources` gives them."""
    counts: Counter[tuple[str, str]] = Counter()
    for one in written:
        counts.update(one.by_source)
    names = sorted({name for name, _ in counts})
    return {name: {split: counts[name, split] for split in dataset.SPLITS} for name in names}


def _dropped(
    spark: "SparkSession", staged: Sequence[staging_shards.Staged], written: Sequence[WrittenShard]
) -> list[DroppedPicture]:
    """The pictures that are left out, each with a published test picture of its group, which another shard may have."""
    found = [one for shard in written for one in shard.dropped]
    wanted: dict[int, set[int]] = {}
    for one in found:
        wanted.setdefault(one.test_shard, set()).add(one.test_row)
    items = [(staged[shard].address, sorted(rows)) for shard, rows in wanted.items()]
    names = dict(zip(wanted, tasks.run(spark, staging_shards.names, items, "dropped"), strict=True))
    return [
        DroppedPicture(printable(one.path), one.sha256, printable(names[one.test_shard][one.test_row])) for one in found
    ]

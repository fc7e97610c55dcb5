"""A staging shard's pictures, each in its split and with its corrections, as a shard of each raw split."""

from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from digits.arrays import Ints
from digits.data import corrections, dataset, raw_tables, shards, splits
from digits.data.corrections import Correction
from digits.data.shards import Destination, Shard
from digits.data.staging import Staging
from digits.spark.assignment import Assigned


class Job(NamedTuple):
    """What is the same for all shards: the corrections, what decided the splits, and where each split is written."""

    corrections: dict[str, Correction]
    rule: Mapping[str, Any]
    destinations: Mapping[str, Destination]

    @property
    def schema(self) -> pa.Schema:
        return dataset.encode_rule(raw_tables.RAW_SCHEMA, self.rule)


class Dropped(NamedTuple):
    """A picture that is left out, by its path and the SHA-256 of its pixels, and the published test picture."""

    path: str
    sha256: str
    test_shard: int
    test_row: int


class WrittenShard(NamedTuple):
    """What was written of a staging shard: its raw shard in each split, and counts by source and split.

    `tally` is that of `splits.tally` before the corrections, `effects` are rows of `corrections.EFFECT_COLUMNS`.
    """

    shards: dict[str, Shard]
    by_source: Counter[tuple[str, str]]
    tally: Ints
    dropped: list[Dropped]
    effects: list[corrections.Effect]


def write(job: Job, assigned: Assigned) -> WrittenShard:
    """Write a staging shard's pictures to their splits, in their order. A few row groups are in memory at once."""
    staged = Staging(assigned.pictures)
    columns = staged.read(["label", "source", "digest", "published"])
    digests = np.array(columns["digest"].to_pylist(), "S32")
    with shards.opened(assigned.splits) as file:
        found = file.read()
    split, labels = found["split"].to_numpy(), columns["label"].to_numpy().copy()
    kept = split.copy()
    effects = corrections.apply(job.corrections, digests, staged.paths, kept, labels)
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(shards.writer(place, assigned.number, job.schema))
            for name, place in job.destinations.items()
        }
        for name, table in raw_tables.fill_row_groups(staged.examples(digests, kept, labels)):
            writers[name].write(table)
    written = {name: one.written for name, one in writers.items()}
    names = zip(columns["source"].to_pylist(), kept.tolist(), strict=True)
    by_source = Counter((source, dataset.SPLITS[one]) for source, one in names if one != splits.DROPPED)
    tally = splits.tally(columns["published"].to_numpy(), split)
    return WrittenShard(written, by_source, tally, _dropped(staged, digests, found), effects)


def _dropped(staged: Staging, digests: np.ndarray, assigned: pa.Table) -> list[Dropped]:
    rows = np.flatnonzero(assigned["split"].to_numpy() == splits.DROPPED).tolist()
    if not rows:
        return []
    names, twins = staged.paths(), assigned.select(["twin_portion", "twin_row"]).to_pylist()
    return [Dropped(names[row], splits.whole(digests[row]).hex(), *twins[row].values()) for row in rows]

"""Ingest: read the pictures of the sources that params.yaml names, unchanged, and assign each its split by its content.

Reads   the sources: one or several of mnist-5k, mnist, folder and parquet (digits/data/sources.py), and where there is
        one data/external/corrections.csv: which labels people corrected, and which pictures they dropped
Writes  data/raw/train.parquet, validation.parquet and test.parquet, with `engine: spark` each a folder of shards;
        data/raw/dropped.csv where another picture is left out because it is a published test picture, or nearly is;
        data/raw/corrections.csv where there are corrections: what each did
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits import paths
from digits.data import corrections, dataset, ingested, near_duplicates, raw_tables, sources, splits
from digits.data.corrections import Correction
from digits.data.ingested import DroppedPicture, Ingested
from digits.data.staging import Fingerprints, Staging, staging
from digits.errors import UserError, printable, run
from digits.params import Ingest, load


@contextmanager
def restore_named() -> Iterator[None]:
    """Add to a user's error how to restore the last data: DVC removes a stage's outputs before it runs the stage."""
    try:
        yield
    except UserError as error:
        if "DVC_STAGE" not in os.environ:
            raise
        raise UserError(f"{error}\nwhere data was ingested before, `dvc checkout ingest` restores it") from None


def list_dropped(
    staged: Staging, fingerprints: Fingerprints, groups: np.ndarray, split: np.ndarray
) -> Iterator[DroppedPicture]:
    """The pictures that are left out, each with a published test picture of its group."""
    dropped, tests = np.flatnonzero(split == splits.DROPPED), np.flatnonzero(fingerprints.published == splits.TEST)
    if len(dropped):
        names = staged.paths()
        test_of_group = pd.Series(tests, index=groups[tests]).groupby(level=0).first()
        for row, test in zip(dropped, test_of_group.reindex(groups[dropped]), strict=True):
            digest = splits.whole(fingerprints.digests[row])
            yield DroppedPicture(printable(names[row]), digest.hex(), printable(names[test]))


def ingest(params: Ingest, given: dict[str, Correction]) -> Ingested:
    """Read, assign and write all pictures on this machine."""
    with staging() as staged:
        with restore_named():
            fingerprints = staged.fill(
                tqdm(sources.source_pictures(params), desc="ingest", unit=" pictures", disable=None)
            )
        groups = near_duplicates.group(fingerprints.thumbnails, params.near_duplicate_distance)
        groups = near_duplicates.join_equal(groups, fingerprints.digests)
        split = splits.assign(fingerprints.digests, fingerprints.published, groups, params)
        kept, labels = split.copy(), staged.labels()
        effects = corrections.apply(given, fingerprints.digests, staged.paths, kept, labels)
        effects += corrections.not_found(given, effects)
        texts = ingested.lists(list_dropped(staged, fingerprints, groups, split), effects)
        rows = raw_tables.write_raw(
            staged.examples(fingerprints.digests, kept, labels), splits.rule(params), texts=texts
        )
    return Ingested(rows, dataset.count_sources(paths.RAW), splits.tally(fingerprints.published, split), effects)


def main() -> None:
    params, given = load(), corrections.read()
    if params.engine == "spark":
        from digits.spark import ingest as on_spark

        with restore_named():
            found = on_spark.ingest(params, given)
    else:
        found = ingest(params.ingest, given)
    ingested.report(found, params.ingest)


if __name__ == "__main__":
    run(main)

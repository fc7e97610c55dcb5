"""Ingest: read the pictures of the source that params.yaml names, unchanged, and assign each its split by its content.

Reads   the source: mnist-5k, mnist or folder (digits/data/sources.py)
Writes  data/raw/train.parquet, validation.parquet and test.parquet; data/raw/dropped.csv where a training
        picture is left out because it is a published test picture, or nearly is
"""

import os

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits.data import dataset, near_duplicates, sources, splits
from digits.data.staging import Fingerprints, Staging, staging
from digits.errors import UserError, printable, run
from digits.params import Ingest, load


def read_source(staged: Staging, params: Ingest) -> Fingerprints:
    """Stage all pictures of the source. Raises UserError where it has none."""
    pictures = tqdm(sources.source_pictures(params), desc="ingest", unit=" pictures", disable=None)
    try:
        prints = staged.fill(pictures)
        if not len(prints.digests):
            raise UserError(f"the source {params.source} has no pictures")
    except UserError as error:
        if "DVC_STAGE" not in os.environ:
            raise
        # DVC removes a stage's outputs before it runs the stage.
        raise UserError(f"{error}\nwhere data was ingested before, `dvc checkout ingest` restores it") from None
    return prints


def list_dropped(staged: Staging, prints: Fingerprints, groups: np.ndarray, split: np.ndarray) -> str:
    """CSV of the pictures that are left out, each with a published test picture of its group; empty without any."""
    dropped, tests = np.flatnonzero(split == splits.DROPPED), np.flatnonzero(prints.published == splits.TEST)
    if not len(dropped):
        return ""
    paths = pd.Series(staged.paths()).map(printable)
    twin = pd.Series(paths[tests].to_numpy(), index=groups[tests]).groupby(level=0).first()
    digests = [bytes(digest).ljust(32, b"\0").hex() for digest in prints.digests[dropped]]
    columns = {"path": paths[dropped], "sha256": digests, "test_picture": twin.reindex(groups[dropped]).to_numpy()}
    return pd.DataFrame(columns).to_csv(index=False)


def format_shares(published: np.ndarray, rows: dict[str, int], params: Ingest) -> str:
    """The shares of test and validation that were drawn, and those that are expected."""
    test, others = rows["test"], rows["train"] + rows["validation"]
    if (published == splits.TEST).any():
        drawn = f"{test:,} test as published"
    else:
        drawn = f"{test / max(1, test + others):.1%} test (ingest.test_fraction: {params.test_fraction:.1%})"
    share, expected = rows["validation"] / max(1, others), params.validation_fraction
    validation = f"{share:.1%} of the others validation (ingest.validation_fraction: {expected:.1%})"
    return f"drawn by seed {params.seed}: {drawn}, {validation}"


def main() -> None:
    params = load().ingest
    with staging() as staged:
        prints = read_source(staged, params)
        groups = near_duplicates.group(prints.thumbnails, params.near_duplicate_distance)
        groups = near_duplicates.join_equal(groups, prints.digests)
        split = splits.assign(prints.digests, prints.published, groups, params)
        dropped = list_dropped(staged, prints, groups, split)
        rows = dataset.write_raw(staged.examples(prints.digests, split), splits.rule(params), dropped=dropped)
    by_split = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    print(f"ingested {sum(rows.values()):,} pictures from {params.source}: {by_split}")
    print(format_shares(prints.published, rows, params))
    if dropped:
        print(
            f"dropped {(split == splits.DROPPED).sum():,} pictures that are, or nearly are, a published test picture; "
            "data/raw/dropped.csv lists them"
        )


if __name__ == "__main__":
    run(main)
